"""`pumprig` with the patience that an emulated Pico takes: ten times slower than a real one, on a busy machine more.

Owns: how long the tool waits there.
Rules: nothing of the tool is other than its patience.
Units: seconds.
Leaves: everything else to pumprig.
"""

from __future__ import annotations

import importlib

from pumprig.__main__ import main
from pumprig.rig import client, talk

talk.GREETING_S = 8.0
talk.ANSWER_S = client.ANSWER_S = 30.0
importlib.import_module("pumprig.cli.flash").REBOOT_S = 600.0  # its name in the package is the command's
main()
