"""The calibrations that were made: found again, judged by age, wear and range, turned into a device document.

Owns: the calibration folder and its records (one JSON file each), and when a calibration has to be warned of.
Rules: a record is never changed; its id is the start of its content's SHA-256; light enough for every `rate`.
Units: nL, nL/h, ISO 8601 UTC, steps since the rig was made; the device document holds whole numbers and ppm.
Leaves: making a record to keep.py, figures to fit.py and rates.py, the transport to client.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from pumprig import paths
from pumprig.errors import PumpError

# The simulated tubes lose 1 % in about so many; real ones differ: watch `calibrate list`
WORN_REVOLUTIONS = 5000
OLD_DAYS = 7  # one supplier says to recalibrate tubing every 3 to 7 days
LARGEST_DENOMINATOR = 1_000_000
# of heads that a bench pump has; a wrong unit is 1000 times off
LEAST_NL_PER_REV, MOST_NL_PER_REV = 200.0, 500_000.0


class RegisterError(PumpError):
    """A calibration cannot be kept or found."""


@dataclass(frozen=True)
class Record:
    """One calibration as it was stored."""

    id: int
    content: dict[str, Any]

    @property
    def nl_per_rev(self) -> float:
        """Volume per revolution in nL."""
        return float(self.content["nl_per_rev"])

    @property
    def u_nl_per_rev(self) -> float:
        """Its expanded uncertainty (k = 2)."""
        return float(self.content["u_nl_per_rev"])

    def age_days(self, now: datetime) -> float:
        """Days since it was made."""
        return (now - datetime.fromisoformat(self.content["made_at"])).total_seconds() / 86_400.0

    def revolutions(self, steps_now: int | None) -> float | None:
        """Turns of the tube since the last weighing, by the rig's count; None where either count is not known."""
        steps_then = self.content.get("steps_at_end")
        if steps_now is None or steps_then is None or steps_now < steps_then:
            return None
        return (steps_now - steps_then) / float(self.content["steps_per_rev"])

    def warnings(
        self, now: datetime, rates_nl_per_h: Sequence[float] = (), steps_now: int | None = None
    ) -> list[str]:
        """Age, wear of the tube, and rates outside the calibrated range."""
        told: list[str] = []
        if self.age_days(now) > OLD_DAYS:
            told.append(
                f"calibration {self.id} is {self.age_days(now):.0f} days old; tubing drifts within a week"
            )
        turns = self.revolutions(steps_now)
        if turns is not None and turns > WORN_REVOLUTIONS:
            told.append(
                f"the tube has turned {turns:.0f} times since calibration {self.id}; it may give 1 % less by now"
            )
        low, high = self.content["range_nl_per_h"]
        outside = [rate for rate in rates_nl_per_h if rate and not 0.9 * low <= rate <= 1.1 * high]
        if outside:
            told.append(
                f"{' and '.join(f'{rate / 1000:g}' for rate in sorted({min(outside), max(outside)}))} µL/h: outside "
                f"the calibrated {low / 1000:.4g} to {high / 1000:.4g} µL/h"
            )
        return told

    def document(self) -> dict[str, Any]:
        """What the device stores: volume of a revolution as a ratio of integers, its uncertainty in ppm."""
        ratio = Fraction(self.nl_per_rev).limit_denominator(LARGEST_DENOMINATOR)
        made = datetime.fromisoformat(self.content["made_at"])
        document = {
            "kind": "calibration",
            "id": self.id,
            "nl_num": ratio.numerator,
            "nl_den": ratio.denominator,
            "u_ppm": min(1_000_000, round(1e6 * self.u_nl_per_rev / self.nl_per_rev + 0.5)),
            "at_utc_s": int(made.timestamp()),
            "tube": str(self.content["tube"])[:40],
            "by": str(self.content["person"])[:40],
        }
        angle = self.content.get("angle")
        return (
            {**document, "angle_weights": tuple((weight,) for weight in angle["weights"])}
            if angle
            else document
        )


def folder() -> Path:
    """Where calibrations are kept: beside the delivery log."""
    return paths.database_file().parent / "calibrations"


def numbered(text: str) -> int:
    """The number of a calibration: the start of its content's SHA-256, so that two different ones never share it."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) or 1


def load(number: int) -> Record:
    """A kept calibration by its id. Raises RegisterError where there is none."""
    path = folder() / f"{number}" / "calibration.json"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = ""
    except OSError:
        known = ", ".join(str(r.id) for r in records()) or "none"
        raise RegisterError(
            f"There is no calibration {number}; kept are: {known}.",
            "Nothing was sent.",
            "See `calibrate list`.",
        ) from None
    if numbered(text) != number:
        raise RegisterError(
            f"Calibration {number} was changed after it was made.", "Nothing was sent.", "Calibrate again."
        )
    record = _record(path)
    if record is None:
        raise RegisterError(
            f"Calibration {number} is damaged.", "Nothing was sent.", "Calibrate again, or put its file back."
        )
    return record


def _record(path: Path) -> Record | None:
    """The record in a file, or None where it is damaged: not its number's content, no JSON, or parts missing."""
    try:
        text = path.read_text(encoding="utf-8")
        content: dict[str, Any] = json.loads(text)
        number = int(path.parent.name)
        datetime.fromisoformat(content["made_at"])
        low, high = content["range_nl_per_h"]
        whole = (
            float(content["nl_per_rev"]) > 0
            and float(content["u_nl_per_rev"]) > 0
            and float(low) <= float(high)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Record(number, content) if whole and numbered(text) == number else None


def angle_weights(number: int) -> tuple[tuple[int], ...]:
    """The weights of a kept calibration's angle map; empty where it has none, or is not kept here."""
    try:
        return tuple(load(number).document().get("angle_weights", ()))
    except RegisterError:
        return ()


def records() -> list[Record]:
    """All kept calibrations, oldest first; files that are no calibration, or damaged, are passed over."""
    found = [record for path in _files() if (record := _record(path)) is not None]
    return sorted(found, key=lambda record: record.content["made_at"])


def _files() -> list[Path]:
    return [path for path in folder().glob("*/calibration.json") if path.parent.name.isdigit()]


def damaged() -> list[Path]:
    """Files of calibrations that cannot be read any more."""
    return [path for path in _files() if _record(path) is None]


def picture_name(weighing: dict[str, Any]) -> str:
    """The picture of a weighing in its folder: by the hash of its raw data, since two files may share a name."""
    return str(weighing["sha256"])[:16] or str(weighing["name"])
