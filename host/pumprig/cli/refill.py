"""`refill`: the reservoir was filled; what was found in it before may correct the calibration.

Owns: the command, and the correction that it offers.
Rules: the rig compares what was found with its estimate and alarms beyond their uncertainty; only then a correction is
offered; it is staged, shown and committed like any calibration, while the pump stands, never without being asked for.
Units: nL, nL a revolution, ppm.
Leaves: the alarm to the firmware, asking to settings.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import click
from pumpwire import documents

from pumprig import quantities
from pumprig.api.rig import Rig
from pumprig.calibration import register
from pumprig.cli.delivery import quantity
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import PumpError
from pumprig.rig.requests import fields_of

LEAST_FOUND_U_NL = 1_000  # a person reads a syringe no better, and no better than half a percent
LARGEST_U_PPM = 50_000  # a correction that is less certain is none
LARGEST_PCT = 20  # what is farther off is a leak, air or a mistake, no calibration
LARGEST_DENOMINATOR = 1_000_000


@dataclass(frozen=True)
class Correction:
    """The calibration that would have made the estimate right: nL a revolution, its uncertainty, against the old."""

    nl_per_rev: Fraction
    u_ppm: int
    against_pct: float

    def text(self, angle_weights: tuple[tuple[int], ...] = ()) -> str:
        """The document for the rig; the map of the rotor's angle stays as it was."""
        ratio = self.nl_per_rev.limit_denominator(LARGEST_DENOMINATOR)
        plain = {"kind": "calibration", "nl_num": ratio.numerator, "nl_den": ratio.denominator}
        now_s = quantities.now_utc_us() // 1_000_000
        plain |= {"u_ppm": self.u_ppm, "at_utc_s": now_s, "by": "refill", "id": now_s % 0xFFFFFFFF}
        plain |= {"angle_weights": angle_weights} if angle_weights else {}
        return documents.canonical(plain)


def correction_of(numbers: dict[str, int], found_nl: int) -> Correction | None:
    """What follows from the rig's answer to a refill; None where that is no matter of the calibration."""
    if "used_nl" not in numbers or numbers["used_nl"] <= 0:
        return None
    used_nl = numbers["used_nl"] + numbers["estimated_nl"] - found_nl  # what really left
    found_u_nl = max(LEAST_FOUND_U_NL, found_nl // 200)
    if used_nl <= 0:
        return None
    u_ppm = math.ceil(1e6 * math.hypot(numbers["u_base_nl"], found_u_nl) / used_nl)
    share = Fraction(used_nl, numbers["used_nl"])
    if u_ppm > LARGEST_U_PPM or abs(share - 1) * 100 > LARGEST_PCT:
        return None
    old = Fraction(numbers["nl_num"], numbers["nl_den"])
    return Correction(old * share, u_ppm, round(100 * float(share - 1), 2))


@click.command()
@click.argument("volume", nargs=-1, required=True)
@click.option("--removed", help="Volume found in the reservoir before, for example `2.1 ml`.")
@click.option("--correct", is_flag=True, help="Where what was found is off, correct the calibration by it.")
@yes_option
def refill(volume: tuple[str, ...], removed: str | None, correct: bool, yes: bool) -> None:
    """Tell the rig that the reservoir now holds VOLUME."""
    settings = current()
    volume_nl = quantity(volume, "volume", "the volume")
    removed_nl = quantities.parse(removed, "volume", "--removed") if removed else None
    values: dict[str, int | str | None] = {"volume_nl": volume_nl, "removed_nl": removed_nl}
    fields_of("refill", values)
    settings.consent(yes)
    found: Correction | None = None
    applied = False
    with settings.changing() as rig:
        settings.ask(yes, f"The reservoir now holds {quantities.volume_text(volume_nl)}?")
        numbers = rig.refill(volume_nl=volume_nl, removed_nl=removed_nl).numbers
        settings.show(
            f"reservoir {quantities.volume_text(volume_nl)}; before, the estimate was "
            f"{quantities.volume_text(numbers.get('estimated_nl', 0))}"
        )
        if removed_nl is not None:
            found = _compare(settings, numbers, removed_nl)
        if found is not None:
            applied = _offer(settings, rig, found, correct, yes)
        after = rig.status().document()
    told = {"estimated_nl": numbers.get("estimated_nl"), "removed_nl": removed_nl}
    correction = found and {"nl_per_rev": float(found.nl_per_rev), "u_ppm": found.u_ppm, "applied": applied}
    settings.document({**told, "correction": correction, **after})


def _compare(settings: Settings, numbers: dict[str, int], removed_nl: int) -> Correction | None:
    volume = quantities.volume_text
    settings.show(
        f"found {volume(removed_nl)}: {volume(removed_nl - numbers.get('estimated_nl', 0))} off"
        f" (uncertainty of the estimate: {volume(numbers.get('u_nl', 0))})"
    )
    found = correction_of(numbers, removed_nl)
    if found is not None:
        settings.show(
            f"beyond the uncertainty: the calibration that explains it is "
            f"{float(found.nl_per_rev) / 1000:.4f} µL a revolution ± {found.u_ppm / 10_000:.2f} % "
            f"({found.against_pct:+.2f} % against the present one)"
        )
    elif "used_nl" in numbers:
        settings.show(
            f"beyond the uncertainty; no correction of the calibration follows: too little was delivered, or more than "
            f"{LARGEST_PCT} % is off, which is a leak, air or a mistake"
        )
    return found


def _offer(settings: Settings, rig: Rig, found: Correction, correct: bool, yes: bool) -> bool:
    """Stage the correction and ask; the pump stands while it is taken over. -> whether it was."""
    if not correct and (yes or settings.json):
        settings.say("not corrected; repeat with --correct, or calibrate by weighing")
        return False
    status = rig.status()
    was_running = status.state in ("running", "bolus")
    text = found.text(register.angle_weights(status.calibration_id or 0))
    pause = " The pump stands for a moment." if was_running else ""
    staged = rig.stage_document(text)
    try:
        settings.ask(yes, f"Correct the calibration (hash {staged.hash})?{pause}")
    except PumpError:
        staged.discard()
        settings.say("not corrected")
        return False
    staged.commit(while_stopped=True)
    settings.show("the calibration is corrected" + ("; the pump runs again" if was_running else ""))
    return True
