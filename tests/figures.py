"""The figures of the documentation: every number with a unit that a page states, and where each is from.

Owns: how a figure is found on a page, and the table docs/figures.toml that says for each where it is from.
Rules: a page that is watched has exactly the figures that the table has for it; code is no claim; a bill's part names
its own maker's figures.
Units: as on the pages.
Leaves: the judging to tests/unit/house/test_figures.py, the page to docs/figures_page.py.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
OTHERS = (  # beside all of docs/reference: what else states figures of the hardware
    "protocol.md", "explanation/pump-head.md", "how-to/assemble-head.md", "how-to/before-you-build.md",
    "how-to/bring-up.md", "how-to/firmware.md", "decisions/a-shim-sets-the-occlusion.md",
    "decisions/the-bring-up-moves-as-a-calibration.md",
)  # fmt: skip
OWN = "reference/figures.md"  # made from the table: it would have to explain itself
UNITS = (
    "full steps/s", "half steps/s", "microsteps/s", "steps/s", "turns/s", "rev/h", "rpm", "mL/h", "ml/h", "µL/h",
    "ul/h", "nL/h", "nl/h", "µL/min", "mL/min", "ml/day", "ul/day", "nl/day", "nL/day", "nL/rev", "nL/Pa", "nL/s",
    "mN·m", "N·m", "kPa", "Pa", "psi", "mmHg", "bar", "mW", "W", "mV", "V", "mA", "A", "mΩ", "kΩ", "MΩ", "Ω", "ohm",
    "µF", "nF", "mH", "kHz", "MHz", "Hz", "ns", "µs", "ms", "s", "min", "h", "d", "years", "year", "weeks", "week",
    "days", "day", "hours", "hour", "minutes", "minute", "seconds", "second", "°C", "kelvin", "Barrer", "mL", "ml",
    "µL", "ul", "nL", "nl", "mm²", "mm³", "mm", "cm", "mg/ml", "ul/cm", "µm", "°", "%", "g", "mg",
)  # fmt: skip
SPOKEN = "half a|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|sixty"
SPOKEN_UNITS = "seconds?|minutes?|hours?|days?|weeks?|years?"
_NUMBER = r"[−±-]?\d[\d ]*(?:\.\d+)?"
_NUMBERS = rf"{_NUMBER}(?:(?: to |, | or | and | × ){_NUMBER})*"
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
FIGURE = re.compile(rf"(?<![\w.#/=-])({_NUMBERS}) ?({_UNIT})(?![\w·/²³])")
OR_MORE = re.compile(rf"(?<![\w.])({_NUMBER}) or more ({_UNIT})(?![\w·/])")
WORDED = re.compile(rf"\b({SPOKEN}) ({SPOKEN_UNITS})\b")


def watched() -> list[str]:
    """The pages whose figures have to be known, as paths within docs."""
    reference = sorted(f"reference/{path.name}" for path in (DOCS / "reference").glob("*.md"))
    return [name for name in reference if name != OWN] + list(OTHERS)


def page_text(name: str) -> str:
    """What a page claims: without code, and without the bill's own names of its parts."""
    text = (DOCS / name).read_text(encoding="utf-8")
    if name == "reference/parts.md":
        sys.path.insert(0, str(ROOT / "hardware"))
        import pinout

        for row in pinout.bom():
            for key in ("part", "number", "second"):
                text = text.replace(f"| {row[key]} |", "| |")
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    text = text.replace("Pico 2 W", "board")
    return " ".join(re.sub(r"`[^`]*`", " ", text).split())


def found_in(text: str) -> set[str]:
    """Every figure of a text: `4 to 12 mN·m`, `two minutes`."""
    figures = {f"{' '.join(match[1].split())} {match[2]}" for match in FIGURE.finditer(text)}
    figures |= {f"{match[1]} or more {match[2]}" for match in OR_MORE.finditer(text)}
    return figures | {f"{match[1]} {match[2]}" for match in WORDED.finditer(text)}


def table() -> dict[str, dict[str, str]]:
    """docs/figures.toml: page -> figure -> where it is from."""
    return tomllib.loads((DOCS / "figures.toml").read_text(encoding="utf-8"))
