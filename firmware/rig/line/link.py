"""Lines in, lines out.

Owns: the input line being collected, the output that waits, the echo for a person at a terminal.
Rules: never waits for the host: a bounded number of characters in and out per tick; while an answer is not
wholly taken only a stop is acted on, one other line is kept and what comes beyond it is dropped (the host
repeats it); a line that is too long is dropped whole. Where memory does not suffice to read or answer, the line
is dropped; where a command was acting, the rig begins anew (rig.fail).
Units: characters.
Leaves: meaning to session.py, framing to pumpwire.codec.
"""

from pumpwire.codec import MAX_LINE

from rig.clock import NEVER_US
from rig.line.session import NEXT_TICK, is_stop

IN_PER_TICK = 256
OUT_PER_TICK = 1024
READ_AT_ONCE = 32
BUDGET_US = 2_500  # then nothing new is begun in this tick; what fills one asks for room (commands.py)
STOP_LINE = b">0 stop "
TYPED, MACHINE = 1, 2
TAIL = 8  # characters of a typed line that is too long: enough to see that it ends in a stop
DROP = (3, 21, 27)  # Ctrl-C, Ctrl-U, Esc: what was typed so far is not meant


def _text(line):
    """Bytes -> text on which every interpreter agrees: printable ASCII, and a typed micro sign; else `>!` or `?`."""
    is_machine = line[:1] == b">"
    try:
        text = line.decode()
    except (UnicodeError, ValueError):
        return ">!" if is_machine else "?"
    if min(line) < 32 or max(line) > 126:
        if is_machine:
            return ">!"
        return "".join(c if " " <= c <= "~" or c in "\u00b5\u03bc" else "?" for c in text)
    return text


class Link:
    """The serial line as the session sees it. `port` has read(limit) -> bytes and write(data) -> bytes taken."""

    def __init__(self, port, session, now_us):
        self._port = port
        self._now_us = now_us
        self._end_us = 0  # of this tick's time for the link
        self._session = session
        self._line = bytearray()
        # Until the line's end only a stop counts: TYPED is too long, a MACHINE's was cut in two
        self._spoilt = 0
        self._escape = False  # a key that sends several characters, an arrow say, has begun
        self._waiting = None  # a line that came while an answer was not yet taken
        self._answer = None
        self._wants_room = False  # it goes on in a tick that has room, once the line has been read
        self._stop = None  # one that came while an answer was not yet taken, and is not yet on record
        self._out = b""
        self.dropped_lines = 0
        self.answered = 0

    def say(self, text):
        """Queue a line of our own, if nothing else waits."""
        if not self._out:
            self._out = text.encode() + b"\r\n"

    def poll(self, now_us):
        """Once a tick: send, read, answer; returns when it must be called again even without input."""
        try:
            return self._exchange(now_us)
        except MemoryError:
            if self._session.is_acting:
                raise
            self._answer = self._waiting = None
            self._out = b""
            self._line = bytearray()
            self.dropped_lines += 1
            return now_us + 1

    def _exchange(self, now_us):
        self._end_us = self._now_us() + BUDGET_US
        self._session.now_us = now_us
        self._finish_stop()
        if self._waiting is not None and self._answer is None and not self._out and self._has_time():
            line, self._waiting = self._waiting, None
            self.answered += 1
            self._answer = self._taker(line)(_text(line), now_us)
        data = self._port.read(READ_AT_ONCE)  # what an answer brings about has the next tick
        self._send()
        for line in self._lines(data) if data else ():
            # Begun here, few calls deep: a stop goes far down from here, and the Pico's stack has 8 kB
            stops = line.startswith(STOP_LINE) or line[:1] != b">" and is_stop(_text(line))
            if self._is_free() and (stops or self._has_time()):
                self.answered += 1
                self._answer = self._taker(line)(_text(line), now_us)
                self._send()
            elif stops:
                self._finish_stop()
                # It acts; its record has the next tick, its answer no room.
                self._stop = self._taker(line)(_text(line), now_us)
            elif self._waiting is None:
                self._waiting = line
            else:
                self.dropped_lines += 1
        self._session.commands.loop().heard = True
        self._send()
        waits = data or self._out or self._answer or self._waiting is not None
        return now_us + 1 if waits else NEVER_US

    def _lines(self, data):
        """Take what has arrived, this first and the rest as the tick has time for it: an iterator of whole lines."""
        left = IN_PER_TICK
        while data:
            left -= len(data)
            ends = False
            for part in bytes(data).replace(b"\r", b"\n").split(b"\n"):
                line = ends and self._end()
                if line:
                    yield line
                ends = True
                if self._is_plain(part):
                    self._line += part
                else:
                    for byte in part:
                        self._take(byte)
            data = self._port.read(min(left, READ_AT_ONCE)) if left > 0 and self._has_time() else b""

    def _is_plain(self, data):
        """Whether these bytes only go on with a machine line; looking at each by itself takes the Pico 0.1 ms."""
        if not data or min(data) < 32 or max(data) > 126 or len(self._line) + len(data) > MAX_LINE:
            return False
        return (self._line or data)[0] == 62

    def _take(self, byte):
        machine = self._line[:1] == b">"
        if byte in DROP:
            self._drop(byte, machine)
            return
        if not machine and self._is_key(byte):
            return
        if len(self._line) >= MAX_LINE:
            self._spoilt = MACHINE if machine else self._spoilt or TYPED
            if machine:
                return
            self._line = self._line[-TAIL:]
        self._line.append(byte)
        if self._line[0] != 62 and len(self._out) < 64 and not self._answer:
            self._out += bytes((byte,))  # echo for a person

    def _end(self):
        """The line's end has come; returns the line, which may be empty."""
        line = bytes(self._line)
        self._line = bytearray()
        self._escape = False
        if self._spoilt:
            self._spoilt = 0
            if not line or line[:1] == b">" or not is_stop(_text(line)):
                line = b">!"  # no request: answered as a malformed line
        if line and line[:1] != b">" and not self._answer:
            self._out += b"\r\n"
        return line

    def _drop(self, byte, machine):
        """Forget what was typed so far. What a machine's line has left after it must not pass for a typed one."""
        self._spoilt = MACHINE if machine or self._spoilt == MACHINE else 0
        self._line = bytearray()
        self._escape = byte == 27
        if not self._answer and len(self._out) < 64:
            self._out += b"\r\n"

    def _is_key(self, byte):
        """Whether this is a key that enters no typed line: a control key, a backspace, a part of an arrow."""
        if byte in (8, 127):
            if self._line:
                self._line = self._line[:-1]
                self._out += b"\b \b"
            return True
        if self._escape:
            if byte == 91 and not self._line or 48 <= byte <= 59:  # [ and the numbers after it
                return True
            self._escape = False
            if 65 <= byte <= 90 or byte == 126:  # its last character; a small letter is typed
                return True
        return byte < 32

    def _finish_stop(self):
        stop, self._stop = self._stop, None
        for _ in stop or ():
            pass

    def _taker(self, line):
        """What takes a line: as a request or as typed."""
        return self._session.machine if line[:1] == b">" else self._session.plain

    def _is_free(self):
        """Whether nothing is under way that an answer would have to wait for."""
        return self._answer is None and self._waiting is None and len(self._out) < 64

    def _has_time(self):
        """Whether something new may still be begun in this tick."""
        return self._now_us() <= self._end_us and not self._session.commands.loop().reserved

    def _send(self):
        """Hand over what the port takes: at most OUT_PER_TICK characters, no new line once the time is used up."""
        budget = OUT_PER_TICK
        while budget > 0:
            if not self._out:
                if self._answer is None or self._wants_room and not self._session.commands.loop().heard:
                    return
                if not self._has_time():
                    return
                line = next(self._answer, None)
                if line is None:
                    self._answer = None
                    continue
                self._wants_room = line == NEXT_TICK
                if self._wants_room:
                    return
                if not line:
                    continue  # no line yet: a chance to end here
                self._out = line.encode() + b"\r\n"
            taken = self._port.write(self._out[:budget])
            if not taken:
                return
            self._out = self._out[taken:]
            budget -= taken


class Stdio:
    """USB serial of the Pico through stdin and stdout: polled, never blocking."""

    def __init__(self):
        import select
        import sys

        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._room = select.poll()
        self._room.register(sys.stdout, select.POLLOUT)

    def read(self, limit):
        """At most `limit` bytes that have arrived."""
        data = bytearray()
        ready, take = self._poll.ipoll, self._in.read
        for _ in range(limit):
            for _ready in ready(0):
                data += take(1)
                break
            else:
                break
        return data

    def write(self, data):
        """Write what there is room for; returns the bytes taken."""
        if not self._room.poll(0):
            return 0
        return self._out.write(data[:64]) or 0
