"""pumpwire: what the Pico and the host share, word for word.

Owns: the protocol table, the line codec, units, records and therapy documents.
Rules: runs on MicroPython and CPython as it is; integers only; imports nothing of ours but itself.
Units: stated by every name's ending.
Leaves: transport to rig.link and pumprig.link, meaning to rig.session.
"""

VERSION = "0.1.0"
