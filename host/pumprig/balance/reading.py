"""What a balance says, whatever its protocol.

Owns: the Reading, the interface of a protocol, units, the parts that lines of several makes share, and errors.
Rules: protocols are pure: bytes to send, lines to understand; a line is understood from its head to its end or it is an
    error that says what it is, never a number.
Units: mass in g, times in s.
Leaves: ports, frames, time-outs and time stamps to serial_balance.py, line.py and frames.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from pumprig.errors import PumpError

GRAMS = {"g": 1.0, "mg": 1e-3, "kg": 1e3, "ug": 1e-6, "µg": 1e-6, "mcg": 1e-6}
OTHER_UNITS = {
    **{"ct": "carat", "car": "carat", "oz": "ounces", "ozt": "troy ounces", "lb": "pounds", "lbs": "pounds"},
    **{
        "dwt": "pennyweight",
        "gn": "grains",
        "grn": "grains",
        "gr": "grains",
        "n": "newton",
        "t": "tonnes",
        "tl": "taels",
    },
    **{"mom": "momme", "%": "percent", "pcs": "pieces", "pc": "pieces", "tola": "tola", "msg": "mesghal"},
}
OVERLOAD, UNDERLOAD, BUSY = "overload", "underload", "busy"
NUMBER = r"\d{1,9}(?:[.,]\d{1,9})?"
NOT_WEIGHTS = (
    (re.compile(r"^\s*E[SLT]\s*$"), ""),
    (re.compile(r"^\s*(T|T1|PT|T2|Tare)\b", re.IGNORECASE), "the tare, not a reading"),
    (re.compile(r"^\s*(Total|Sum|Tot|M\+|\*G)\b", re.IGNORECASE), "a total, not a reading"),
    (
        re.compile(
            r"^\s*(Min|Max|Avg|Mean|SD|Dif|Diff|Qnt|Nom|Ref|Nset|wRef|Target|x)\b[\s:.+-]", re.IGNORECASE
        ),
        "a figure of a statistic or a setting",
    ),
    (
        re.compile(
            r"^\s*(ID|L ID|S ID|Ser|SN|Serial|Mod|Model|Type|Vers|Ver|Version|SW|User|Operator|Balance|Scale)\b",
            re.IGNORECASE,
        ),
        "an identification line",
    ),
    (
        re.compile(
            r"^\s*(Date|Time)\b|^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}\b|^\s*\d{1,2}:\d{2}", re.IGNORECASE
        ),
        "a date or a time",
    ),
    (re.compile(r"^\s*(Err|Error|o-Err|u-Err)", re.IGNORECASE), "an error of the balance"),
    (re.compile(r"^\s*(Cal|Adj|int\.? ?cal|ext\.? ?cal|Lev)", re.IGNORECASE), "an adjustment"),
    (re.compile(r"^[\s*=_.-]*$"), "an empty or a ruled line"),
)
REFUSALS = {
    "ES": (
        "it does not know the command",
        "Choose the balance's protocol: `--balance PORT,BAUD,8N1,PROTOCOL`.",
    ),
    "EL": (
        "it cannot carry the command out now",
        "Leave its menu, empty its pan if it is overloaded, and try again.",
    ),
    "ET": (
        "it received the command damaged",
        "Set baud rate and parity as on the balance: `--balance PORT,2400,7E1`.",
    ),
}


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
    """A balance protocol without I/O; every request ends with its own line end, and is empty where none is sent."""

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
    """`0.0500`, `g` -> 0.05; a comma is the decimal mark. Raises BalanceError for an unknown unit or no number."""
    scale = GRAMS.get(unit.strip().lower())
    text = re.sub(r"\s", "", number).replace(",", ".")
    if not re.fullmatch(r"[+-]?\d+(\.\d*)?", text):
        raise not_understood(line, "Check the line's settings.")
    if scale is None:
        name = OTHER_UNITS.get(unit.strip().lower())
        said = f"in {name} ({unit.strip()})" if name else f"in '{unit.strip()}', an unknown unit"
        raise BalanceError(
            f"The balance said {shown(line)}: {said}.",
            "Nothing was recorded.",
            "Set the balance to grams (g).",
        )
    return float(text) * scale


def shown(line: str) -> str:
    """A line as a message shows it, on one line and without what a terminal would obey."""
    return repr(line[:40])


def not_understood(
    line: str, next_step: str = "Check the balance's protocol and its baud rate."
) -> BalanceError:
    """The error for a line that is no reading: what it is, where that is known."""
    word = line.strip()
    if word in REFUSALS:
        why, what = REFUSALS[word]
        return BalanceError(f"The balance said {word}: {why}.", "Nothing was recorded.", what)
    for form, meaning in NOT_WEIGHTS:
        if meaning and form.search(line):
            step = "Switch its other print-outs off; `pumprig balance test` shows every line."
            return BalanceError(f"The balance said {shown(line)}: {meaning}.", "Nothing was recorded.", step)
    return BalanceError(
        f"The balance said {shown(line)}, which is no reading.", "Nothing was recorded.", next_step
    )
