"""Modules on loan: in memory only while somebody programs.

Owns: which modules these are, and giving their memory back.
Rules: who uses one imports it where it is used, and keeps no reference; a load takes a tick its time, so they
are given back only when nobody has programmed for a while.
Callers: rig.py in its housekeeping, start.py after the boot.
Units: microseconds.
Leaves: nothing.
"""

import gc
import sys

AFTER_US = 60_000_000  # without a person or a change for so long
ON_LOAN = ("pumpwire.documents", "pumpwire.texts", "pumpwire.units", "rig.later", "rig.typed", "rig.upkeep")


def give_back():
    """Forget the modules on loan. Only where memory is counted: elsewhere others hold these modules too."""
    if not hasattr(gc, "mem_free"):
        return
    forget(ON_LOAN)


def forget(names):
    """Give back the memory of those of these modules that are loaded."""
    for name in names:
        if name in sys.modules:
            package, _dot, last = name.partition(".")
            del sys.modules[name]
            delattr(sys.modules[package], last)
