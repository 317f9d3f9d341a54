"""What a balance says, whatever its protocol.

Owns: the Reading, the interface of a protocol, units and errors.
Rules: protocols are pure: bytes to send, lines to understand; a line not understood is an error, never a number.
Callers: the protocol files, serial_balance.py, the calibration run.
Units: mass in g, times in s.
Leaves: ports, time-outs and time stamps to serial_balance.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pumprig.errors import PumpError

GRAMS = {"g": 1.0, "mg": 1e-3, "kg": 1e3, "ug": 1e-6, "µg": 1e-6}
OVERLOAD, UNDERLOAD, BUSY = "overload", "underload", "busy"


class BalanceError(PumpError):
    """The balance did not answer, or answered what is no reading."""


@dataclass(frozen=True)
class Said:
    """One line of a balance: mass in g and whether it is stable, or why there is none (`trouble`)."""

    mass_g: float | None
    stable: bool
    trouble: str = ""


@dataclass(frozen=True)
class Reading:
    """A line with its time: `t_s` on the host's monotonic clock, the estimated latency taken off; `raw` as it came."""

    t_s: float
    u_t_s: float
    mass_g: float | None
    stable: bool
    trouble: str
    raw: str


class Dialect(Protocol):
    """A balance protocol without I/O; every request ends with its own line end."""

    name: str
    ask: bytes
    ask_identity: bytes
    ask_tare: bytes

    def identity(self, line: str) -> str | None:
        """The model from the answer to `ask_identity`, or None where this is no such balance."""
        ...

    def said(self, line: str) -> Said:
        """Understand the answer to `ask`. Raises BalanceError for anything that is no reading."""
        ...

    def tared(self, line: str) -> bool:
        """Whether a line says that the tare is done."""
        ...


def grams(number: str, unit: str, line: str) -> float:
    """`0.0500`, `g` -> 0.05. Raises BalanceError for an unknown unit or what is no number."""
    scale = GRAMS.get(unit.strip().lower())
    try:
        value = float(number.replace(" ", ""))
    except ValueError:
        value = float("nan")
    if scale is None or value != value:
        raise not_understood(
            line, "Set the balance to grams." if scale is None else "Check the line's settings."
        )
    return value * scale


def not_understood(
    line: str, next_step: str = "Check the balance's protocol and its baud rate."
) -> BalanceError:
    """The error for a line that is no reading."""
    return BalanceError(
        f"The balance said {line[:40]!r}, which is no reading.", "Nothing was recorded.", next_step
    )
