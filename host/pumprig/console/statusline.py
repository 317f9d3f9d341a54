"""The live status line: state, rate, delivered, reservoir, alarms, in the width there is.

Owns: what it says and what it leaves out when there is little room.
Rules: alarms and a lost link come first, as words and never as colour alone; nothing is cut in the middle.
Units: shown with units; width in characters.
Leaves: the figures to reading.py.
"""

from __future__ import annotations

from typing import Any

from pumprig import quantities
from pumprig.delivered import so_far_text

KEYS = "^X stops"
OLD_S = 5.0
GAP = " | "


def line_of(content: dict[str, Any] | None, age_s: float, trouble: str, width: int) -> str:
    """The status line, at most `width` characters."""
    if content is None:
        return fit(["NO LINK", trouble or "nothing was read yet", KEYS], width)
    state = str(content["state"]).upper()
    rate = content["rate_nl_per_h"]
    parts = [f"{state} {_rate(rate)}" if rate else state, _alarms(content)]
    if trouble or age_s > OLD_S:
        parts.insert(0, f"NO LINK, {quantities.duration_text(age_s * 1000)} old")
    bolus = content["bolus"]
    if bolus:
        done, asked = (quantities.volume_text(bolus[key]) for key in ("delivered_nl", "requested_nl"))
        parts.append(f"{bolus['kind']} {done} of {asked}")
    if content.get("so_far"):
        parts.append(so_far_text(content["so_far"]))
    parts += [
        f"reservoir {_volume(content['reservoir_nl'])}",
        f"delivered {_volume(content['delivered_nl'])}",
        KEYS,
    ]
    return fit(parts, width)


def fit(parts: list[str], width: int, gap: str = GAP) -> str:
    """As many parts as fit, the first ones first; the last part, the keys, stays wherever it fits."""
    *shown, last = parts
    tail = [last] if last else []
    while shown and len(gap.join([*shown, *tail])) > width:
        if len(shown) == 1:
            return shown[0][:width]
        shown.pop()
    return gap.join([*shown, *tail])[:width]


def _alarms(content: dict[str, Any]) -> str:
    names = [str(row["name"]) for row in content["alarms"]]
    return f"ALARM {', '.join(names)}" if names else "no alarm"


def _volume(volume_nl: int | None) -> str:
    return "not known" if volume_nl is None else quantities.volume_text(volume_nl)


def _rate(rate_nl_per_h: float) -> str:
    return quantities.rate_text(rate_nl_per_h).split(" (")[0]
