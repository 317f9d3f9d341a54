"""Modules on loan: in memory only while somebody programs.

Owns: which modules these are, loading them a piece a tick, and giving their memory back.
Rules: who uses one takes it by `get` where it is used, and keeps no reference; what is loaded for a command is
fetched before it acts, for a whole load does not fit a tick. They are given back only when nobody has programmed
for a while.
Callers: session.py, commands.py, rig.py; start.py after the boot.
Units: microseconds.
Leaves: nothing.

Finding a file takes the Pico 4 ms in a folder of fifty, and an import looks four times. So the first piece reads the
file, and the second imports it from memory, out of a file system that holds nothing else.
"""

import gc
import io
import sys

AFTER_US = 60_000_000  # without a person or a change for so long
DOCUMENTS = (  # in this order
    "pumpwire.daily",
    "pumpwire.shapes",
    "pumpwire.fields",
    "pumpwire.checks",
    "pumpwire.documents",
    "rig.flow.weigh",
)
TYPED = ("pumpwire.units", "rig.line.terminal")
LATER = DOCUMENTS + ("rig.line.later",)
UPKEEP = ("rig.line.titration",)
ON_LOAN = LATER + TYPED + UPKEEP + ("pumpwire.texts",)
_PLACE = "/loan"


class _Shelf:
    """A file system with one file: the module that is to be imported."""

    name = ""
    data = b""

    def mount(self, *_how):
        pass

    def umount(self):
        pass

    def stat(self, path):
        if path != "/%s.mpy" % self.name.rpartition(".")[2]:
            raise OSError(2)  # what it imports is in memory already: resident, or before it in its list
        return (0x8000,) + 9 * (0,)

    def open(self, path, mode):
        return io.BytesIO(self.data)


_shelf = _Shelf()


def get(name):
    """The module of this name, loaded at once, with what it needs, where it is not in memory."""
    if name not in sys.modules:
        for row in (LATER, TYPED, (name,)):
            for needed in row[: row.index(name) + 1] if name in row else ():
                while fetch(needed):
                    pass
    return sys.modules[name]


def fetch(name):
    """Do the next piece of loading a module; False once it is in memory. 11 ms on the Pico, units 19, texts 43."""
    if name in sys.modules:
        return False
    package, _dot, last = name.rpartition(".")
    owner = sys.modules[package]
    if _shelf.name != name:
        try:
            with open("%s/%s.mpy" % (owner.__path__, last), "rb") as source:
                _shelf.data = source.read()
        except OSError:  # not a Pico's file
            __import__(name)
            return False
        _shelf.name = name
        return True
    _import_from_shelf(name, owner)
    return True


def _import_from_shelf(name, owner):
    import vfs

    path = owner.__path__
    vfs.mount(_shelf, _PLACE)
    setattr(owner, "__path__", _PLACE)
    try:
        __import__(name)
    finally:
        setattr(owner, "__path__", path)
        vfs.umount(_PLACE)
        _shelf.name = ""
        _shelf.data = b""


def give_back():
    """Forget the modules on loan. Only where memory is counted: elsewhere others hold these modules too."""
    if not hasattr(gc, "mem_free"):
        return
    forget(ON_LOAN)


def forget(names):
    """Give back the memory of those of these modules that are loaded."""
    for name in names:
        if name in sys.modules:
            package, _dot, last = name.rpartition(".")
            del sys.modules[name]
            delattr(sys.modules[package], last)
