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

from typing import Any

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
# Duties whose cost depends on what they find; the others cost the same each time.
VARIABLE = ("link", "delivery", "forecast", "journal")
CHANGE_US = 16_700  # of the link, for a change in its fullest tick: the import of the largest module on loan
STEP_NS = 2_200  # of delivery, for each step that it queues


class Costs:
    """Adds up the duties of each tick; `worst_us` is the fullest one."""

    def __init__(self) -> None:
        self.worst_us = 0
        self._tick = -1
        self._tick_us = 0
        self._spent_us = 0  # the firmware's: what is not polled waits when so much of a tick is used up

    def attach(self, rig: Any) -> None:
        """Watch the duties of a rig that has just booted."""
        from rig.loop import SPENT_US  # the firmware is there once a rig has booted

        self._tick, self._spent_us = -1, SPENT_US
        for duty in rig.loop.duties:
            counted = self._counted if duty.name in VARIABLE else self._constant
            duty.run = counted(rig, duty)

    def _constant(self, rig: Any, duty: Any) -> Any:
        cost_us, _busy_us = TABLE[duty.name]
        loop, run, polled = rig.loop, duty.run, duty.polled

        def counted(now_us: int) -> int:
            due_us: int = run(now_us)
            self._add(loop.ticks, cost_us, polled)
            return due_us

        return counted

    def _counted(self, rig: Any, duty: Any) -> Any:
        name, run, polled = duty.name, duty.run, duty.polled
        idle_us, busy_us = TABLE[name]

        def counted(now_us: int) -> int:
            answered, steps = rig.link.answered, rig.board.stepper.appended_steps
            seq, number = rig.session.last_seq, rig.journal.next_number
            due_us: int = run(now_us)
            cost_us = idle_us
            if name == "link" and (rig.link.answered > answered or due_us <= now_us + 1):
                cost_us = busy_us if rig.session.last_seq == seq else CHANGE_US
            if name == "forecast" and due_us <= now_us:
                cost_us = busy_us
            if name == "journal" and rig.journal.next_number > number:
                cost_us = busy_us
            queued = rig.board.stepper.appended_steps - steps
            if name == "delivery" and queued > 0:
                cost_us = busy_us + queued * STEP_NS // 1000
            self._add(rig.loop.ticks, cost_us, polled)
            return due_us

        return counted

    def _add(self, tick: int, cost_us: int, polled: bool) -> None:
        if tick != self._tick:
            self._tick = tick
            self._tick_us = 0
        if polled or self._tick_us <= self._spent_us:
            self._tick_us += cost_us
        self.worst_us = max(self.worst_us, self._tick_us)
