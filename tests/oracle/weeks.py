"""Random weeks: programs with everything in them, and what happens to the rig meanwhile.

Owns: the draws, and which classes of scenario there are.
Rules: a seed gives the same scenario for ever; nothing of firmware/ or host/; an event is a drawn instant or lies close
to an instant at which the program does something, because there the rules are hardest.
Units: as in scenario.py.
Leaves: running to drive.py, judging to judge.py.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from oracle.program import WEEKDAYS, Demand, Periodic, Program
from oracle.scenario import Event, Scenario

START_UTC_S = 1_767_225_600  # 2026-01-01T00:00:00Z, a Thursday
HOUR_S = 3_600
ZONES = (
    "UTC",
    "Europe/Zurich",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
)
# a day before a change of clocks somewhere in 2026
CHANGES_S = (1_774_746_000, 1_792_887_600, 1_772_949_600, 1_793_509_200, 1_775_314_800, 1_791_043_200)
EVERY_S = (60, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200)
CLASSES = (
    "bolus",
    "press",
    "stop",
    "cut",
    "load",
    "clock",
    "refill",
    "occlude",
    "prime",
    "periodic",
    "demand",
)
CLASSES += ("rate", "stall", "hold", "tiny", "spread", "days", "ramp", "phases", "bridge", "cap", "zone")


class Weeks:
    """Draws one scenario; `classes` says what may be in it."""

    def __init__(self, seed: int, for_s: tuple[int, int], classes: tuple[str, ...] = CLASSES) -> None:
        self._random = Random(f"week {seed}")
        self._seed = seed
        self._classes = set(classes)
        self._for_s = for_s
        self.dues_ms: list[int] = []

    def scenario(self) -> Scenario:
        """A whole scenario."""
        draw = self._random
        start_s = START_UTC_S + draw.randrange(7 * 24) * HOUR_S
        if "zone" in self._classes and draw.random() < 0.3:
            start_s = draw.choice(CHANGES_S) - draw.randrange(24) * HOUR_S
        for_ms = draw.randrange(self._for_s[0] * 1000, self._for_s[1] * 1000 + 1)
        program = self.program("first")
        self._mark_dues(program, 0, for_ms)
        events = self._events(program, for_ms)
        return Scenario(self._seed, start_s * 1_000_000, program, tuple(events), for_ms)

    # --- programs

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
        for day in WEEKDAYS:
            if draw.random() < 0.2:
                days[day] = self._steps()
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
        from oracle import day

        draw = self._random
        if "cap" not in self._classes or draw.random() < 0.5:
            return program
        most = int(day.never_above_nl(program)) + 1
        room = draw.choice([0, 0, 1_000, 20_000, 100_000, -1_000 if draw.random() < 0.2 else 50_000])
        return replace(program, cap_nl=max(1, most + room))

    # --- events

    def _mark_dues(self, program: Program, from_ms: int, until_ms: int) -> None:
        """Instants at which the program does something: the first thirty of each row, then some."""
        for row in program.periodic:
            for turn in range(30):
                at_ms = from_ms + row.first_us // 1_000 + turn * row.every_s * 1_000
                self.dues_ms += [at_ms, at_ms + row.over_ms] if at_ms < until_ms else []

    def _instant(self, for_ms: int) -> int:
        draw = self._random
        if self.dues_ms and draw.random() < 0.6:
            near = draw.choice([0, 10, 500, 2_000, 15_000, 60_000, 400_000])
            return max(1_000, draw.choice(self.dues_ms) + draw.randrange(-near, near + 1))
        return draw.randrange(1_000, for_ms)

    def _events(self, program: Program, for_ms: int) -> list[Event]:
        draw = self._random
        makers = {
            "bolus": self._boluses,
            "press": self._presses,
            "stop": self._stops,
            "cut": self._cuts,
            "load": self._loads,
            "clock": self._clocks,
            "refill": self._refills,
            "occlude": self._occlusions,
            "prime": self._primes,
            "rate": self._rates,
            "stall": self._stalls,
            "hold": self._holds,
        }
        names = [name for name in makers if name in self._classes]
        events: list[Event] = []
        for name in draw.sample(names, min(len(names), draw.randrange(1, 7))):
            for _ in range(draw.choice([1, 2, 3, 5])):
                events += makers[name](for_ms)
        events.sort(key=lambda event: event.at_ms)
        spaced: list[Event] = []
        for event in events:
            at_ms = max(event.at_ms, spaced[-1].at_ms + 700 if spaced else 2_000)
            spaced.append(replace(event, at_ms=at_ms))
        return [event for event in spaced if event.at_ms < for_ms]

    def _boluses(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        over_ms = draw.choice([1_000, 30_000, 60_000, 300_000, 1_800_000])
        fields = {"volume_nl": self._volume(), "over_ms": over_ms}
        if "spread" in self._classes and draw.random() < 0.4:
            fields |= {"spread": 1, "over_ms": draw.choice([1_800_000, 7_200_000])}
        self.dues_ms += [at_ms, at_ms + int(fields["over_ms"])]
        return [Event(at_ms, "bolus", fields)]

    def _presses(self, for_ms: int) -> list[Event]:
        at_ms = self._instant(for_ms)
        self.dues_ms += [at_ms]
        return [Event(at_ms, self._random.choice(["press_bolus", "press_bolus", "demand"]))]

    def _stops(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        back_ms = draw.choice([1_000, 5_000, 60_000, 900_000, 7_200_000])
        stop = Event(at_ms, draw.choice(["stop", "press_stop"]))
        return [stop, Event(at_ms + back_ms, "resume")] if draw.random() < 0.9 else [stop]

    def _brownouts(self, at_ms: int) -> list[Event]:
        """A supply that comes and goes for a minute."""
        draw = self._random
        events: list[Event] = []
        for _ in range(draw.randrange(3, 16)):
            off_ms = draw.choice([100, 300, 1_000, 2_000])
            events.append(Event(at_ms, "power_cut", {"for_ms": off_ms}))
            at_ms += off_ms + draw.choice([400, 700, 1_500, 4_000, 12_000])
        return events

    def _cuts(self, for_ms: int) -> list[Event]:
        draw = self._random
        if draw.random() < 0.15:
            return self._brownouts(self._instant(for_ms))
        at_ms = self._instant(for_ms)
        off_ms = draw.choice([300, 1_000, 10_000, 600_000, 7_200_000])
        events = [Event(at_ms, "power_cut", {"for_ms": off_ms})]
        if draw.random() < 0.7:
            at_ms += off_ms + draw.choice([3_000, 60_000, 1_800_000])
            events += [Event(at_ms, "ack"), Event(at_ms + 2_000, "resume")]
        return events

    def _loads(self, for_ms: int) -> list[Event]:
        at_ms = self._instant(for_ms)
        program = self.program(f"load {at_ms}")
        self._mark_dues(program, at_ms, for_ms)
        return [Event(at_ms, "load", {}, program)]

    def _clocks(self, for_ms: int) -> list[Event]:
        draw = self._random
        by_ms = draw.choice(
            [0, -500, 5_000, -HOUR_S * 1_000, HOUR_S * 1_000, -40 * 86_400_000, 200 * 86_400_000]
        )
        return [Event(self._instant(for_ms), "set_clock", {"by_ms": by_ms})]

    def _refills(self, for_ms: int) -> list[Event]:
        draw = self._random
        volume_nl = draw.choice([18_000_000, 2_001_000, 300_000, 20_000])
        events = [Event(self._instant(for_ms), "refill", {"volume_nl": volume_nl})]
        if draw.random() < 0.5:
            events.append(Event(self._instant(for_ms), "refill", {"volume_nl": 18_000_000}))
        return events

    def _occlusions(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        free_ms = at_ms + draw.choice([60_000, 1_800_000, 7_200_000])
        back_ms = free_ms + draw.choice([60_000, 1_800_000])
        return [
            Event(at_ms, "occlude"),
            Event(free_ms, "release"),
            Event(back_ms, "ack"),
            Event(back_ms + 2_000, "resume"),
        ]

    def _primes(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        volume_nl = draw.choice([0, 1_000, 50_000])
        events = [Event(at_ms, "stop"), Event(at_ms + 3_000, "prime", {"volume_nl": volume_nl})]
        return [*events, Event(at_ms + draw.choice([4_000, 60_000]), "resume")]

    def _rates(self, for_ms: int) -> list[Event]:
        return [Event(self._instant(for_ms), "rate", {"rate_nl_per_day": max(1_000, self._rate())})]

    def _stalls(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        free_ms = at_ms + draw.choice([2_000, 60_000, 1_800_000])
        back_ms = free_ms + draw.choice([5_000, 1_800_000])
        events = [Event(at_ms, "stall"), Event(free_ms, "free")]
        return [*events, Event(back_ms, "ack"), Event(back_ms + 2_000, "resume")]

    def _holds(self, for_ms: int) -> list[Event]:
        draw = self._random
        return [Event(self._instant(for_ms), "titrate", {"ramp": draw.choice(["hold", "back", "go", "go"])})]
