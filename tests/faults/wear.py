"""How long the log's flash lasts: erases counted in a rehearsal, scaled to years.

Owns: the programs that are rehearsed and the arithmetic.
Rules: erases are those that the flash counted after the ring had turned once, so that each is a steady one; the log
is a ring, so its blocks wear alike; the settings' blocks wear by commands alone.
Units: years of 365.25 days, erases of a block.
Leaves: the flash's own count to rigsim.flash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rigsim.flash import NorFlash

from bench import Bench, program

ENDURANCE = 100_000  # erases of a sector, W25Q16JV data sheet
LEAST_YEARS = 20.0
LOG_BLOCKS = 96
SMALL_RING = 4


@dataclass(frozen=True)
class Wear:
    """One program's figure."""

    name: str
    days: float
    erases: int
    years: float

    def __str__(self) -> str:
        return f"{self.name}: {self.erases} erases in {self.days:g} d, {self.years:.0f} years"


PROGRAMS: dict[str, tuple[dict[str, Any], float]] = {
    "24 mL/day": ({"basal": 24_000_000}, 1 / 12),
    "busiest example": (
        {
            "basal": ((0, 200_000), (28_800, 300_000), (64_800, 250_000)),
            "periodic": ((21_600, 10_000, 300_000, 0),),
            "demand": ((8_000, 240_000, 7_200, 6),),
        },
        3.0,
    ),
}


def figure(name: str) -> Wear:
    """Rehearse one program and scale its erases to the full ring."""
    fields, days = PROGRAMS[name]
    flash = NorFlash(seed=9)
    flash.lay_out_journal(log_blocks=SMALL_RING)
    bench = Bench(9, reservoir_nl=50_000_000, flash=flash)
    bench.load(program(reservoir_nl=100_000_000, low_nl=1_000, **fields))
    bench.act("refill", volume_nl=100_000_000)
    while sum(flash.erases) < SMALL_RING:
        bench.run("15 min")
    before, began_us = sum(flash.erases), bench.sim.chip.now // 125
    for hour in range(round(days * 24)):
        if hour % 2 == 0 and "demand" in fields:
            bench.happen("press_bolus")
        bench.run("1 h")
    erases = sum(flash.erases) - before
    passed_days = (bench.sim.chip.now // 125 - began_us) / 86.4e9
    a_block_a_year = erases / passed_days * 365.25 / LOG_BLOCKS
    return Wear(name, passed_days, erases, ENDURANCE / a_block_a_year)


def figures() -> list[Wear]:
    """Both programs."""
    return [figure(name) for name in PROGRAMS]
