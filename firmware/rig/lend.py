"""Modules on loan: in memory only while somebody programs.

Owns: loading them a piece a tick, remembering which came in, and giving their memory back; so with what only a start
needs.
Rules: who uses one takes it by `get` where it is used, and keeps no reference; what is loaded for a command is
fetched before it acts, for a whole load does not fit a tick. They are given back only when nobody has programmed
for a while.
Units: microseconds.
Leaves: nothing.

Finding a file takes the Pico 4 ms in a folder of fifty, and an import looks four times. So the first piece reads the
file, and the last one imports it from memory, out of a file system that holds nothing else. In between its names are
looked up: an import looks for each among all that MicroPython knows, 0.1 ms a name, and takes it by its number, too.
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
    "rig.line.preparing",
    "rig.log.kept_documents",
)
TYPED = ("pumpwire.units", "rig.line.terminal", "rig.line.glance", "rig.line.person")
DOSED = ("rig.flow.grants", "rig.line.doses")
STANDING = DOSED + ("rig.flow.apart", "rig.line.standing")
WEIGHED = ("pumpwire.daily", "rig.flow.weigh")
LATER = DOCUMENTS + ("rig.line.commits", "rig.line.later")
_PLACE = "/loan"
_NUMBERS = "rig.numbers"  # comes before any other
MPY = b"M\x06"  # such a file's begin, of the version whose names may stand as numbers


class _Shelf:
    """A file system with one file: the module that is to be imported."""

    name = ""
    data = b""
    where = 0  # the names begin that are to be looked up, `left` of them; `head` stands in the place of all before
    left = 0
    head = b""

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
_loaded = []  # what was loaded here, and is to be given back


def get(name):
    """The module of this name, loaded at once, with what it needs, where it is not in memory."""
    if name not in sys.modules:
        for row in (LATER, TYPED, STANDING, (name,)):
            for needed in row[: row.index(name) + 1] if name in row else ():
                while fetch(needed):
                    pass
    return sys.modules[name]


def fetch(name):
    """Do the next piece of loading a module; False once it is in memory."""
    if name in sys.modules:
        return False
    if _NUMBERS not in sys.modules and name != _NUMBERS and fetch(_NUMBERS):
        return True
    if name not in _loaded:
        _loaded.append(name)
    package, _dot, last = name.rpartition(".")
    owner = sys.modules[package]
    if _shelf.name != name:
        try:
            with open("%s/%s.mpy" % (owner.__path__, last), "rb") as source:
                _shelf.data = source.read()
        except (OSError, MemoryError):  # not a Pico's file, or no hole as long as one: in pieces it fits
            __import__(name)
            return False
        _shelf.name = name
        data = _shelf.data
        is_plain = data[:2] != MPY or max(data[4], data[5]) > 127 or name == _NUMBERS
        _shelf.where, _shelf.left, _shelf.head = 6, 0 if is_plain else data[4], data[:6]
    elif _shelf.left:
        sys.modules[_NUMBERS].look_up(_shelf)
    else:
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
    """Forget the modules on loan."""
    forget(_loaded)
    del _loaded[:]


class Visit:
    """What comes into memory within it is forgotten at its end: for what is needed once, as at a boot."""

    def __enter__(self):
        self._before = set(sys.modules)

    def __exit__(self, *_error):
        forget([name for name in sys.modules if name not in self._before])


def forget_makers(owner):
    """The parts of the rig are made once, at its start: give back what made `owner` and its parts."""
    for part in [owner] + [getattr(owner, name) for name in dir(owner)]:
        try:
            setattr(type(part), "__init__", None)
        except AttributeError:
            pass  # a kind of MicroPython's own


def forget(names):
    """Give back the memory of these modules. Only where memory is counted: elsewhere others hold them, too."""
    if not hasattr(gc, "mem_free"):
        return
    for name in sorted(names, key=len, reverse=True):  # a package after what is in it
        package, _dot, last = name.rpartition(".")
        if name in sys.modules and package:
            del sys.modules[name]
            if package in sys.modules and hasattr(sys.modules[package], last):
                delattr(sys.modules[package], last)
