"""Random programs with everything in them.

Owns: the draws of a program: base flow, boluses, drug and bridge, cap.
Rules: the same generator in the same state gives the same program; nothing of firmware/ or host/.
Units: as in program.py.
Leaves: what happens meanwhile to weeks.py.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from oracle import day
from oracle.program import WEEKDAYS, Demand, Periodic, Program

ZONES = (
    "UTC",
    "Europe/Zurich",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
)
EVERY_S = (60, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200)


class Programs:
    """Draws programs; `classes` says what may be in them."""

    def __init__(self, random: Random, classes: tuple[str, ...]) -> None:
        self._random = random
        self._classes = set(classes)

    def _rate(self) -> int:
        """nL/day, mostly of a therapy, seldom fast; a whole number of them."""
        draw = self._random
        kind = draw.random()
        if kind < 0.05:
            return 0
        if kind < 0.1:
            return draw.randrange(1_000, 50_000)
        if kind < 0.95:
            return draw.randrange(48_000, 1_200_000)
        return draw.randrange(1_200_000, 6_000_000)

    def program(self, name: str) -> Program:
        """A program with whatever the classes allow."""
        draw = self._random
        base = draw.choice(
            [name for name in ("days", "ramp", "phases") if name in self._classes] + ["rate"] * 2
        )
        program = Program(name)
        if base == "rate":
            program = replace(program, days={"": ((0, max(1_000, self._rate())),)})
        elif base == "days":
            program = replace(program, days=self._days())
            if "zone" in self._classes and draw.random() < 0.5:
                program = replace(program, zone=draw.choice(ZONES))
        elif base == "ramp":
            start = draw.randrange(10_000, 400_000)
            step = draw.randrange(5_000, 200_000)
            ceiling = start + step * draw.randrange(0, 20) + draw.choice([0, 7])
            program = replace(
                program, ramp=(start, step, draw.choice([60, 600, 3_600, 14_400]), max(1, ceiling))
            )
        else:
            rows = [
                (draw.choice([60, 1_800, 7_200, 86_400]), self._rate()) for _ in range(draw.randrange(1, 6))
            ]
            program = replace(program, phases=(*rows, (3_600, max(1_000, self._rate()))))
        if "periodic" in self._classes and draw.random() < 0.6:
            program = replace(
                program, periodic=tuple(self._periodic() for _ in range(draw.choice([1, 1, 2, 3])))
            )
        if "demand" in self._classes and draw.random() < 0.6:
            lockout_s = draw.choice([0, 60, 600, 3_600, 7_200])
            over_ms = draw.choice([1_000, 60_000, 240_000, 900_000])
            demand = Demand(min(self._volume(), over_ms * 8), over_ms, lockout_s, draw.randrange(8))
            program = replace(program, demand=demand)
        on_return = "stop" if draw.random() < 0.25 else "resume"
        program = replace(program, on_return=on_return, catheter_nl=draw.choice([0, 20_000, 156_000]))
        if "bridge" in self._classes:
            program = self._drug(program)
        return self._capped(program)

    def _days(self) -> dict[str, tuple[tuple[int, int], ...]]:
        draw = self._random
        days = {"": self._steps()}
        for weekday in WEEKDAYS:
            if draw.random() < 0.2:
                days[weekday] = self._steps()
        return days

    def _steps(self) -> tuple[tuple[int, int], ...]:
        draw = self._random
        starts = sorted({0, *(draw.randrange(1_440) * 60 for _ in range(draw.randrange(6)))})
        return tuple((from_s, self._rate()) for from_s in starts)

    def _volume(self) -> int:
        draw = self._random
        kind = draw.random()
        if kind < 0.1 and "tiny" in self._classes:
            return draw.randrange(1, 40)
        return draw.randrange(100, 12_000) if kind < 0.9 else draw.randrange(12_000, 60_000)

    def _periodic(self) -> Periodic:
        draw = self._random
        every_s = draw.choice(EVERY_S)
        over_ms = draw.choice([1_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_200_000, every_s * 1_000])
        volume_nl = min(self._volume(), every_s * 5, over_ms * 8)  # some mL/day, below the motor's limit
        first_s = draw.choice([None, None, 1, 30, every_s // 2, every_s * 2])
        return Periodic(every_s, max(1, volume_nl), min(over_ms, every_s * 1_000), first_s)

    def _drug(self, program: Program) -> Program:
        draw = self._random
        if draw.random() < 0.7:
            return program
        program = replace(
            program, drug=draw.choice(["saline", "dye"]), concentration=draw.choice(["1 mg/ml", "2 mg/ml"])
        )
        kind = draw.random()
        if kind < 0.5:
            return replace(
                program, bridge=(draw.randrange(2_000, 60_000), draw.randrange(100_000, 1_000_000))
            )
        return replace(program, bridge=(0, 0)) if kind < 0.7 else program

    def _capped(self, program: Program) -> Program:
        draw = self._random
        if "cap" not in self._classes or draw.random() < 0.5:
            return program
        most = int(day.never_above_nl(program)) + 1
        room = draw.choice([0, 0, 1_000, 20_000, 100_000, -1_000 if draw.random() < 0.2 else 50_000])
        return replace(program, cap_nl=max(1, most + room))

    def _lower(self, program: Program) -> Program:
        """A constant flow under a cap that has hardly room for it."""
        rate = self._random.randrange(10_000, 200_000)
        room_nl = self._random.choice([1, 500, 20_000, 100_000])
        return replace(
            program,
            days={"": ((0, rate),)},
            ramp=None,
            phases=(),
            periodic=(),
            zone="UTC",
            bridge=None,
            cap_nl=rate + room_nl,
        )
