"""What the firmware's duties cost the Pico, so that a rehearsal can tell how full its ticks would be.

Owns: the table of measured costs, and the sum over each tick of a rehearsal.
Rules: costs are the largest that were seen on the emulated Pico (125 MHz, MicroPython 1.26.1, the `.mpy` files that
`pumprig flash` installs) around every changing command, on a program of eight steps with boluses; erases and
collections stand apart, as in the firmware's own figure; a duty that would wait because its tick is filled is left
out, for it runs in one that is less full; the same rehearsal gives the same figure.
Units: us; ns of a step.
Leaves: measuring to bench/firmware.py, bench/commands.py and docs/explanation/timing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[[int], int]

# duty: (us when it finds nothing to do, us when it has something)
TABLE = {
    "buttons": (110, 110),
    "link": (310, 7_200),
    "delivery": (1_600, 8_500),
    "monitor": (7_000, 7_000),
    "forecast": (80, 3_800),
    "alarms": (190, 190),
    "journal": (2_500, 8_800),
    "housekeeping": (650, 650),
}
CHANGE_US = 16_700  # of the link, for a change in its fullest tick, priming's first one
STEP_NS = 2_200  # of delivery, for each step that it queues


class Costs:
    """Adds up the duties of each tick; `worst_us` is the fullest one."""

    def __init__(self) -> None:
        self._worst_us = 0  # of the ticks that are over
        self._tick_us = 0  # so far, of the one under way
        self._spent_us = 0  # the firmware's: what is not polled waits when so much of a tick is used up

    @property
    def worst_us(self) -> int:
        """The fullest tick's."""
        return max(self._worst_us, self._tick_us)

    def attach(self, rig: Any) -> None:
        """Watch the duties of a rig that has just booted."""
        from rig.loop import SPENT_US  # the firmware is there once a rig has booted

        self._spent_us = SPENT_US
        first = rig.loop.duties[0]
        for duty in rig.loop.duties:
            counted = self._first if duty is first else getattr(self, "_" + duty.name, self._constant)
            duty.run = counted(rig, duty.run, duty.polled, *TABLE[duty.name])

    def _add(self, cost_us: int) -> None:
        """Of a duty that waits where its tick is filled."""
        if self._tick_us <= self._spent_us:
            self._tick_us += cost_us

    # One for each duty whose cost depends on what it finds; the others cost the same each time.

    def _first(self, rig: Any, run: Run, polled: bool, idle_us: int, busy_us: int) -> Run:
        """With it each tick begins."""

        def counted(now_us: int) -> int:
            due_us = run(now_us)
            if self._tick_us > self._worst_us:
                self._worst_us = self._tick_us
            self._tick_us = idle_us
            return due_us

        return counted

    def _constant(self, rig: Any, run: Run, polled: bool, idle_us: int, busy_us: int) -> Run:
        def counted(now_us: int) -> int:
            due_us = run(now_us)
            if polled or self._tick_us <= self._spent_us:
                self._tick_us += idle_us
            return due_us

        return counted

    def _link(self, rig: Any, run: Run, polled: bool, idle_us: int, busy_us: int) -> Run:
        link, session = rig.link, rig.session

        def counted(now_us: int) -> int:
            answered, seq = link.answered, session.last_seq
            due_us = run(now_us)
            if due_us <= now_us + 1 or link.answered > answered:
                self._tick_us += busy_us if session.last_seq == seq else CHANGE_US
            else:
                self._tick_us += idle_us
            return due_us

        return counted

    def _delivery(self, rig: Any, run: Run, polled: bool, idle_us: int, busy_us: int) -> Run:
        stepper = rig.board.stepper

        def counted(now_us: int) -> int:
            steps = stepper.appended_steps
            due_us = run(now_us)
            queued = stepper.appended_steps - steps
            self._add(busy_us + queued * STEP_NS // 1000 if queued > 0 else idle_us)
            return due_us

        return counted

    def _journal(self, rig: Any, run: Run, polled: bool, idle_us: int, busy_us: int) -> Run:
        journal = rig.journal

        def counted(now_us: int) -> int:
            number = journal.next_number
            due_us = run(now_us)
            self._add(busy_us if journal.next_number > number else idle_us)
            return due_us

        return counted

    def _forecast(self, rig: Any, run: Run, polled: bool, idle_us: int, busy_us: int) -> Run:
        def counted(now_us: int) -> int:
            due_us = run(now_us)
            self._add(busy_us if due_us <= now_us else idle_us)
            return due_us

        return counted
