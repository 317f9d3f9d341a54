"""Finding out what speaks on a port: baud rate, parity and protocol.

Owns: the settings that are tried and their order, and what is said when none fits.
Rules: first what makers set at the factory; every try is bounded; a balance that prints by itself is heard, not asked.
Units: seconds, baud.
Leaves: lines to serial_balance.py, meaning to the protocol files.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pumprig.balance import frames
from pumprig.balance.aandd import AandD
from pumprig.balance.frames import Wanted, wanted
from pumprig.balance.kern import Kern
from pumprig.balance.line import Line, LineReader
from pumprig.balance.mtsics import MtSics
from pumprig.balance.ohaus import Ohaus
from pumprig.balance.printing import Printing
from pumprig.balance.radwag import Radwag
from pumprig.balance.reading import BalanceError, Dialect
from pumprig.balance.sbi import Sbi
from pumprig.balance.serial_balance import Balance, open_port

DIALECTS: tuple[Callable[[], Dialect], ...] = (MtSics, Radwag, AandD, Ohaus, Sbi, Kern)
NAMED: dict[str, Callable[[], Dialect]] = {
    "mt-sics": MtSics,
    "sbi": Sbi,
    "a&d": AandD,
    "ohaus": Ohaus,
    "radwag": Radwag,
    "kern": Kern,
    "print": Printing,
}
# as makers set them: Mettler Toledo, Kern and others; A&D; Sartorius; Ohaus; Radwag; then what is left
FACTORY = (
    *(
        (9600, "8N1"),
        (2400, "7E1"),
        (1200, "7O1"),
        (2400, "7N2"),
        (9600, "7E1"),
        (4800, "8N1"),
        (9600, "7O1"),
    ),
    *(
        (19200, "8N1"),
        (2400, "8N1"),
        (1200, "8N1"),
        (1200, "7E1"),
        (4800, "7E1"),
        (19200, "7E1"),
        (38400, "8N1"),
    ),
)
ANSWER_S = 0.35  # for one protocol; late answers are waited for after the last
LATE_S = 2.2


def recognise(
    line: Line, clock: Callable[[], float] = time.monotonic, late_s: float = LATE_S
) -> tuple[Dialect, str] | None:
    """Ask in every protocol who is there, and listen; the protocol and the model, or None.

    An answer that comes late is understood by whichever protocol asked for it.
    """
    reader = LineReader(line, clock)
    reader.drain()
    asked: list[Dialect] = []
    heard: list[str] = []
    listening = Printing()
    for make in DIALECTS:
        dialect = make()
        asked.append(dialect)
        prints = any(
            listening.identity(raw) for raw in heard
        )  # by itself: what follows `w` is no answer to it
        line.write(dialect.ask_identity)
        raw = _next(reader, ANSWER_S)
        while raw is not None:
            heard.append(raw)
            for one in asked:
                model = one.identity(raw)
                if model is not None and not (one.name == "kern" and prints):
                    return one, model
            raw = _next(reader, 0.1)
    until_s = clock() + (0.0 if any(listening.identity(raw) for raw in heard) else late_s)
    while clock() < until_s:
        raw = _next(reader, max(until_s - clock(), 0.01))
        for one in asked if raw else ():
            model = one.identity(raw or "")
            if model is not None:
                return one, model
        heard += [raw] if raw else []
    for raw in heard:
        model = listening.identity(raw)
        if model is not None:
            return listening, model
    return None


def _next(reader: LineReader, limit_s: float) -> str | None:
    try:
        return reader.next(limit_s)
    except BalanceError:
        return None


def open_balance(
    where: str | Wanted, told: Callable[[str], None] | None = None, wait_s: float = LATE_S
) -> Balance:
    """Open what `--balance` names; what it leaves open is found out. Raises BalanceError that says what was tried.

    `told` hears each setting before it is tried.
    """
    want = wanted(where) if isinstance(where, str) else where
    tried: list[str] = []
    for baud, frame in _settings(want):
        words = f"{baud},{frame}"
        tried.append(words)
        if told is not None:
            told(f"{want.port}: trying {words}")
        port = open_port(want.port, baud, frame)
        if want.protocol is not None and want.baud is not None:
            return Balance(port, NAMED[want.protocol](), "not asked", settings=f"{words},{want.protocol}")
        try:
            found = recognise(port, late_s=wait_s if len(_settings(want)) == 1 or len(tried) == 1 else 0.4)
        except BalanceError:
            port.close()
            raise
        if found is not None and want.protocol in (None, found[0].name):
            return Balance(port, found[0], found[1], settings=f"{words},{found[0].name}")
        port.close()
    names = ", ".join(name for name in NAMED if name != "print")
    raise BalanceError(
        f"{want.port}: nothing there answers as a balance, or prints by itself; tried {'; '.join(tried)} with {names}.",
        "No balance was opened.",
        "Check the cable, that the balance is switched on and its interface is set to a computer (not a printer). "
        "Where its menu shows other settings, name them, like `PORT,4800,7M1`.",
    )


def _settings(want: Wanted) -> tuple[tuple[int, str], ...]:
    """Baud rates and frames to try, in order."""
    if want.baud is not None:
        return (
            ((want.baud, want.frame or "8N1"),)
            if want.frame or want.protocol
            else tuple((want.baud, frame) for frame in ("8N1", "7E1", "7O1", "7N2"))
        )
    if "://" in want.port:  # the far side sets the line
        return tuple((9600, frame) for frame in ((want.frame,) if want.frame else ("8N1", "7E1", "7O1")))
    return tuple(row for row in FACTORY if want.frame in (None, row[1])) or ((9600, want.frame or "8N1"),)


def parity_seen(port: str, baud: int, for_s: float = 1.0) -> str | None:
    """Which frame the bytes of a line have that somebody prints on; None where nothing is heard, or nothing fits."""
    line = open_port(port, baud, "8N1")
    try:
        until_s = time.monotonic() + for_s
        data = b""
        while time.monotonic() < until_s and len(data) < 64:
            data += line.read(16)
        return frames.frame_of(data)
    finally:
        line.close()
