"""The days until the reservoir is low and empty are those of the program's flow, summed minute by minute."""

import random
from pathlib import Path
from typing import Any

import pytest
from pumprig.therapy import forecast, program

MONDAY_US = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z
MINUTE_US = 60_000_000
A_DAY = 1440  # minutes
HEAD = '[reservoir]\nvolume = "{} ul"\nlow_alert = "{} ul"\n[basal]\n'


def steps_of(draw: random.Random) -> tuple[str, list[float]]:
    """(TOML, uL/h by the hour of the day)."""
    hours = [0, *sorted(draw.sample(range(1, 24), draw.randint(1, 4)))]
    rates = [draw.choice([0.5, 3, 20, 90]) for _each in hours]
    rows = ", ".join(f'{{from = "{h:02}:00", rate = "{r} ul/h"}}' for h, r in zip(hours, rates, strict=True))
    return f"steps = [{rows}]\n", [
        [r for h, r in zip(hours, rates, strict=True) if h <= hour][-1] for hour in range(24)
    ]


def summed(rates: list[float], begin_minute: int, besides_ul: float, spent_ul: float) -> float:
    """Days, by adding up minutes of the day's rates and of what comes besides in a day."""
    minutes = 0
    while spent_ul > 0:
        spent_ul -= rates[(begin_minute + minutes) // 60 % 24] / 60 + besides_ul / A_DAY
        minutes += 1
    return minutes / A_DAY


@pytest.mark.parametrize("seed", range(20))
def test_the_reservoir_is_low_and_empty_when_the_flow_has_taken_it_there(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    basal, rates = steps_of(draw)
    full_ul = draw.choice([600, 3_000, 18_000])
    low_ul = draw.choice([0, 100, 500])
    every_h, volume_ul, presses = draw.choice([4, 6, 12]), draw.choice([1, 30]), draw.choice([0, 3])
    text = f'name = "drawn"\n{HEAD.format(full_ul, low_ul)}{basal}[[periodic_bolus]]\nevery = "{every_h} h"\n'
    text += f'volume = "{volume_ul} ul"\nover = "5 min"\n'
    if presses:
        text += f'[demand_bolus]\nvolume = "5 ul"\nover = "1 min"\nlockout = "1 h"\nmax_per_24h = {presses}\n'
    path = tmp_path / "drawn.toml"
    path.write_text(text)
    begin_minute = draw.randrange(A_DAY)
    facts: dict[str, Any] = forecast.check(program.load(path), MONDAY_US + begin_minute * MINUTE_US)
    besides_ul = 24 // every_h * volume_ul + 5 * presses
    for key, spent_ul in (("days_to_low", full_ul - low_ul), ("days_to_empty", full_ul)):
        right = summed(rates, begin_minute, besides_ul, spent_ul)
        assert facts[key] == pytest.approx(right, abs=0.006 + 1 / A_DAY), (key, text)
