"""What `calibrate run` makes sure of before anything moves: its stages, the air, and a reading of the balance.

Owns: the checks of a run's options, the first reading. Rules: nothing moves and nothing is kept here.
Units: options are quantities with units; masses in g, times in s. Leaves: the run to calibrate_run.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pumprig import quantities
from pumprig.cli.settings import Settings
from pumprig.errors import PumpError, UsageError

if TYPE_CHECKING:
    from pumprig.balance.serial_balance import Balance
    from pumprig.calibration.runfolder import Stage


def first_reading(settings: Settings, scale: Balance, readability_g: float) -> None:
    """A reading before anything moves. Raises PumpError that says why there is none."""
    from pumprig.balance.reading import BUSY, BalanceError

    reading = None
    for _ in range(3):
        try:
            reading = scale.read()
        except BalanceError as error:
            raise PumpError(
                error.happened, "Nothing was started; the pump stands.", error.next_step
            ) from error
        if reading.mass_g is not None:
            break
        if reading.trouble != BUSY:
            break
    if reading is None or reading.mass_g is None:
        said = reading.trouble if reading is not None else "nothing"
        raise PumpError(
            f"The balance says {said}: there is no reading.",
            "Nothing was started; the pump stands.",
            "Load or unload it, let it settle, and try again.",
        )
    settings.say(f"balance: {scale.model}, {scale.settings}; it reads {reading.mass_g:.7g} g")
    shown_g = _digit_g(reading.raw)
    if shown_g is not None and not 0.45 < shown_g / readability_g < 2.2:
        settings.say(
            f"warning: the balance shows digits of {1000 * shown_g:g} mg, --readability is {1000 * readability_g:g} mg"
        )


def _digit_g(raw: str) -> float | None:
    """The last digit's place in g of a line as it came; None where no number is seen."""
    match = re.search(r"\d+[.,](\d+)\]?\d*\s*(mg|kg|g)?", raw)
    if match is None:
        return None
    return 10.0 ** -len(match.group(1)) * {"mg": 1e-3, "kg": 1e3}.get(match.group(2) or "g", 1.0)


def ambient(text: str) -> dict[str, float]:
    """`21.5,45,985` by the names of a weighing's columns. Raises UsageError, also for air that no formula holds for."""
    from pumprig.calibration.gravimetry import Ambient, AmbientError, z_ul_per_mg

    try:
        temp_c, rh_pct, pressure_hpa = (float(part) for part in text.split(","))
        z_ul_per_mg(Ambient(temp_c, rh_pct, pressure_hpa))
    except (ValueError, AmbientError) as error:
        raise UsageError(
            f"--ambient: '{text}': {error}", "Nothing was started.", "Write it like `21.5,45,985`."
        ) from None
    return {"temp_c": temp_c, "rh_pct": rh_pct, "pressure_hpa": pressure_hpa}


def planned(rates: tuple[str, ...], duration: str, blank: str, run_in: str) -> list[Stage]:
    from pumprig.calibration.runfolder import stages

    values = [quantities.parse(rate, "rate", "--rate") / 24.0 for rate in rates]
    if not values or min(values) <= 0:
        raise UsageError("A run needs one --rate or more, each above zero.", "Nothing was started.")
    times = [quantities.parse(text, "time", "a time") / 1000.0 for text in (duration, blank, run_in)]
    if min(times[:2]) < 60.0:
        raise UsageError("A run and a blank last at least one minute.", "Nothing was started.")
    return stages(values, times[0], times[1], times[2])
