"""The committed program that waits for its time: kept, begun, given up.

Owns: its text in the settings, and what happens when its time has come.
Rules: it begins once, when the wall clock says so; a stop, an alarm that stops, a discard or another commit gives it
up; at its time it passes the same checks as at the commit, and if it fails them it is given up and alarmed; a
module on loan (rig.lend).
Units: UTC seconds, microseconds of Clock.
Leaves: making a program the active one to commands.py.

The text: when it begins, whether soft limits are overridden, the document: `1767225600 0 kind=program ...`.
"""

from pumpwire import terms

from rig import lend
from rig.board import flashmap
from rig.clock import ERASE_US, TICK_US
from rig.line import preparing
from rig.log import kept_documents
from rig.refused import Refused


def _number(text):
    """Half a hash, never 0: what a record keeps of the text."""
    return int(terms.digest(text)[:4], 16) or 1


def keep(rig, document, at_utc_s, override):
    """Let a checked program wait."""
    kept = "%d %d %s" % (at_utc_s, override, document)
    kept_documents.store(rig.settings, flashmap.LATER, kept)
    rig.therapy.later = (_number(kept), at_utc_s)


def text(rig):
    """[when, override, document] of the program that waits."""
    number = rig.therapy.later[0]
    return kept_documents.load(rig.settings, flashmap.LATER, lambda text: _number(text) == number).split(
        " ", 2
    )


def restore(rig, number):
    """After a boot the program with this number waits on."""
    rig.therapy.later = (number, 0)
    parts = text(rig)
    if len(parts) == 3:
        rig.therapy.later = (number, int(parts[0]))
    else:
        rig.therapy.later = (0, 0)
        rig.alarm("program", (("why", "the waiting program is damaged"),))


def begin(rig, now_us):
    """Its time has come; returns when to look again."""
    if rig.delivery.ahead_us(now_us) < 2 * ERASE_US:
        return now_us + TICK_US  # the queue is too short for an erase
    _at, override, document = text(rig)
    rig.therapy.later = (0, 0)
    rig.delivery.settle(now_us)
    while rig.log.has_rest():  # what was granted just now is on record before it is cancelled
        rig.log.log_rest()
    rig.log.hold()
    try:
        program, document = preparing.reading(rig, document)
        digest = terms.digest(document)
        lend.get("rig.line.commits").begin_program(rig, program, document, digest, int(override), now_us)
        fields = (("hash", digest), ("waited", 1))
    except Refused as refused:
        fields = (("waited", 1), ("why", refused.args[0]))
        rig.alarm("program", (("why", refused.args[0]),))
    rig.staging.forget()
    told = rig.log.held()
    rig.log.record("program", fields)
    for row in told:
        rig.log.record(*row)
    rig.flow_changed(now_us)
    return now_us
