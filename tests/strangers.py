"""What may sit at a port and is no rig, or not an honest one: silent, dripping, flooding, foreign, lying.

Owns: a pseudo-terminal with such a device behind it, in a thread, until the block ends.
Rules: each speaks real bytes over a real terminal; none ends by itself.
Units: seconds.
Leaves: a rig whose answers are rewritten to hostile_rig.py.
"""

import os
import pty
import select
import threading
import tty
from contextlib import contextmanager, suppress

from pumpwire import codec, spec

DRIP_S = 0.4
# With what a flood says at once: a megabyte a second, the most that USB at full speed carries.
FLOOD_S = 0.002
GREETING = (
    ("device_id", "e6614103e7452d2f"), ("firmware", "0.1.0"), ("protocol", spec.PROTOCOL), ("digest", spec.digest()),
    ("boot", 3), ("last_seq", 7), ("last_code", 0), ("last_crc", 0), ("session", 0),
)  # fmt: skip


class Stranger:
    """A device: `hears(line)` returns what it says to a line, `says()` what it says unasked."""

    pause_s = None  # between two sayings unasked; None: it says nothing unasked

    def hears(self, line):
        return b""

    def says(self):
        return b""


class Silent(Stranger):
    pass


class Dripping(Stranger):
    """A balance that prints its weight all the time, on the wrong port."""

    pause_s = DRIP_S

    def says(self):
        return b"S S     12.3456 g\r\n"


class Flooding(Stranger):
    """As fast as the line carries it, a line end here and there."""

    pause_s = FLOOD_S

    def says(self):
        return b"\x1b[31mx" * 400 + b"\n"


class Endless(Flooding):
    """One line without an end."""

    def says(self):
        return b"x" * 2000


class Modem(Stranger):
    """Answers everything, and understands nothing."""

    def hears(self, line):
        return b"\r\nERROR\r\n"


class Echo(Stranger):
    """Says back what it hears."""

    def hears(self, line):
        return line + b"\r\n"


class Mute(Stranger):
    """Greets like a rig, and never says anything else."""

    def hears(self, line):
        return self.greeting(line) or b""

    def greeting(self, line):
        try:
            seq, verb, _fields = codec.parse(line.decode("ascii", "replace"), ">")
        except codec.WireError:
            return None
        return codec.answer(seq, "ok", GREETING).encode() + b"\r\n" if verb == "hello" else None


class Babbling(Mute):
    """Greets like a rig; every other answer goes on for ever, a right row each time."""

    pause_s = DRIP_S

    def __init__(self):
        self._seq = None

    def hears(self, line):
        greeting = self.greeting(line)
        if greeting:
            return greeting
        text = line.decode("ascii", "replace")
        if text.startswith(">"):
            self._seq = int(text[1:].split(" ")[0])
        return b""

    def says(self):
        return (
            b"" if self._seq is None else codec.answer(self._seq, "more", (("name", "x"),)).encode() + b"\r\n"
        )


ALL = {
    each.__name__.lower(): each for each in (Silent, Dripping, Flooding, Endless, Modem, Echo, Mute, Babbling)
}


@contextmanager
def at_a_port(device):
    """The device behind a pseudo-terminal; the block gets the port's name."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    ours, theirs = os.pipe()
    thread = threading.Thread(target=_serve, args=(device, master, ours), daemon=True)
    thread.start()
    try:
        yield name
    finally:
        os.write(theirs, b"x")
        thread.join(10)
        for descriptor in (master, slave, ours, theirs):
            os.close(descriptor)


def _serve(device, master, end):
    os.set_blocking(master, False)
    heard = b""
    while True:
        ready, _, _ = select.select([master, end], [], [], device.pause_s)
        if end in ready:
            return
        if master in ready:
            with suppress(OSError):
                heard += os.read(master, 4096)
        *lines, heard = heard.split(b"\n")
        for line in lines:
            _write(master, device.hears(line.rstrip(b"\r")))
        if device.pause_s is not None and not ready:
            _write(master, device.says())


def _write(master, data):
    with suppress(BlockingIOError):  # nobody reads: the rest is lost, as on a real line
        while data:
            data = data[os.write(master, data) :]
