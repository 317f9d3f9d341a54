"""Random weeks: programs with everything in them, and what happens to the rig meanwhile.

Owns: the draws, and which classes of scenario there are.
Rules: a seed gives the same scenario for ever; nothing of firmware/ or host/; an event is a drawn instant or lies close
to an instant at which the program does something, because there the rules are hardest.
Units: as in scenario.py.
Leaves: running to drive.py, judging to judge.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from oracle import weather
from oracle.drawn import Programs
from oracle.program import Program
from oracle.scenario import Event, Scenario

START_UTC_S = 1_767_225_600  # 2026-01-01T00:00:00Z, a Thursday
HOUR_S = 3_600
# a day before a change of clocks somewhere in 2026
CHANGES_S = (1_774_746_000, 1_792_887_600, 1_772_949_600, 1_793_509_200, 1_775_314_800, 1_791_043_200)
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
CLASSES += ("dispense", "calibrate", "typed", "found")
AFTER_S = (1, 5, 60, 600, 3_600)  # it was committed, a program is to begin
CLASSES += ("rate", "stall", "hold", "tiny", "spread", "days", "ramp", "phases", "bridge", "cap", "zone")


class Weeks(Programs):
    """Draws one scenario; `classes` says what may be in it."""

    def __init__(self, seed: int, for_s: tuple[int, int], classes: tuple[str, ...] = CLASSES) -> None:
        super().__init__(Random(f"week {seed}"), classes)
        self._seed = seed
        self._for_s = for_s
        self._start_s = 0
        self.dues_ms: list[int] = []
        self._marks_ms: list[int] = []  # when something happens, where that is crowded

    def scenario(self) -> Scenario:
        """A whole scenario."""
        draw = self._random
        start_s = START_UTC_S + draw.randrange(7 * 24) * HOUR_S
        if "zone" in self._classes and draw.random() < 0.3:
            start_s = draw.choice(CHANGES_S) - draw.randrange(24) * HOUR_S
        self._start_s = start_s
        for_ms = draw.randrange(self._for_s[0] * 1000, self._for_s[1] * 1000 + 1)
        program = self.program("first")
        self._mark_dues(program, 0, for_ms)
        events = self._events(program, for_ms)
        return Scenario(self._seed, start_s * 1_000_000, program, tuple(events), for_ms)

    # --- events

    def _mark_dues(self, program: Program, from_ms: int, until_ms: int) -> None:
        """Instants at which the program does something: the first thirty of each row, then some."""
        for row in program.periodic:
            for turn in range(30):
                at_ms = from_ms + row.first_us // 1_000 + turn * row.every_s * 1_000
                self.dues_ms += [at_ms, at_ms + row.over_ms] if at_ms < until_ms else []

    def _instant(self, for_ms: int) -> int:
        draw = self._random
        if "crowded" in self._classes:
            return self._close(for_ms)
        if self.dues_ms and draw.random() < 0.6:
            near = draw.choice([0, 10, 500, 2_000, 15_000, 60_000, 400_000])
            return max(1_000, draw.choice(self.dues_ms) + draw.randrange(-near, near + 1))
        return draw.randrange(1_000, for_ms)

    def _close(self, for_ms: int) -> int:
        """An instant close to another one, of the program or of what happens."""
        draw = self._random
        at_ms, known_ms = 0, self.dues_ms + self._marks_ms
        if known_ms and draw.random() < 0.75:
            near = draw.choice([0, 10, 100, 500, 2_000, 15_000, 60_000])
            at_ms = max(1_000, draw.choice(known_ms) + draw.randrange(-near, near + 1))
        at_ms = at_ms or draw.randrange(1_000, for_ms)
        self._marks_ms.append(at_ms)
        return at_ms

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
            "dispense": self._doses,
            "calibrate": self._calibrations,
            "typed": self._typed,
            "later": self._laters,
        }
        for name in weather.CLASSES:
            makers[name] = self._weather(getattr(weather, name))
        names = [name for name in makers if name in self._classes]
        events: list[Event] = []
        if "crowded" in self._classes:
            for _ in range(draw.choice([6, 10, 16])):
                events += makers[draw.choice(names)](for_ms)
        else:
            for name in draw.sample(names, min(len(names), draw.randrange(1, 7))):
                for _ in range(draw.choice([1, 2, 3, 5])):
                    events += makers[name](for_ms)
        events.sort(key=lambda event: event.at_ms)
        spaced: list[Event] = []
        gap_ms = 250 if {"again", "crowded"} & self._classes else 700
        for event in events:
            at_ms = max(event.at_ms, spaced[-1].at_ms + gap_ms if spaced else 2_000)
            spaced.append(replace(event, at_ms=at_ms))
        return [event for event in spaced if event.at_ms < for_ms]

    def _weather(self, maker: Callable[[Random, int], list[Event]]) -> Callable[[int], list[Event]]:
        return lambda for_ms: maker(self._random, self._instant(for_ms))

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
        if "cap" in self._classes and self._random.random() < 0.2:  # a lower one with a lower cap
            program = self._lower(program)
        self._mark_dues(program, at_ms, for_ms)
        return [Event(at_ms, "load", {}, program)]

    def _laters(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        program = self.program(f"later {at_ms}")
        begins_s = self._start_s + at_ms // 1_000 + draw.choice(AFTER_S)
        self._mark_dues(program, (begins_s - self._start_s) * 1_000, for_ms)
        self.dues_ms += [(begins_s - self._start_s) * 1_000] * 3
        return [Event(at_ms, "later", {"at_utc_s": begins_s}, program)]

    def _clocks(self, for_ms: int) -> list[Event]:
        draw = self._random
        by_ms = draw.choice(
            [0, -500, 5_000, -HOUR_S * 1_000, HOUR_S * 1_000, -40 * 86_400_000, 200 * 86_400_000]
        )
        if "zone" in self._classes and draw.random() < 0.4:  # about a change of clocks, whichever way
            change_s = draw.choice(CHANGES_S) + draw.randrange(-3, 30) * HOUR_S
            return [Event(self._instant(for_ms), "set_clock", {"utc_us": change_s * 1_000_000})]
        return [Event(self._instant(for_ms), "set_clock", {"by_ms": by_ms})]

    def _refills(self, for_ms: int) -> list[Event]:
        draw = self._random
        volume_nl = draw.choice([18_000_000, 2_001_000, 300_000, 20_000])
        events = [Event(self._instant(for_ms), "refill", {"volume_nl": volume_nl})]
        if draw.random() < 0.5:
            events.append(Event(self._instant(for_ms), "refill", {"volume_nl": 18_000_000}))
        if "found" in self._classes and draw.random() < 0.5:
            held_nl = draw.choice([20_000_000, 18_000_000, 300_000]) - draw.choice(
                [0, 500, 5_000, 80_000, 120_000]
            )
            events[-1].fields["removed_nl"] = held_nl
        return events

    def _doses(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        fields = {"volume_nl": self._volume()}
        fields |= draw.choice([{"over_ms": 60_000}, {"over_ms": 600_000}, {"rate_nl_per_day": 2_000_000}])
        events = [Event(at_ms, "stop"), Event(at_ms + 3_000, "dispense", fields)]
        if draw.random() < 0.3:
            events.append(Event(at_ms + draw.choice([4_000, 30_000]), "stop"))
        return [*events, Event(at_ms + draw.choice([6_000, 120_000, 900_000]), "resume")]

    def _calibrations(self, for_ms: int) -> list[Event]:
        draw = self._random
        at_ms = self._instant(for_ms)
        fields = {
            "volume_nl": draw.choice([5_000, 100_000]),
            "rate_nl_per_day": draw.choice([2_000_000, 24_000_000]),
        }
        events = [Event(at_ms, "stop"), Event(at_ms + 3_000, "calibrate", fields)]
        return [*events, Event(at_ms + draw.choice([10_000, 120_000, 900_000]), "resume")]

    def _typed(self, for_ms: int) -> list[Event]:
        return [Event(self._instant(for_ms), "typed", {"rate_nl_per_day": max(1_000, self._rate())})]

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
