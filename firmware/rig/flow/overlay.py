"""A bolus, a bridge or priming: a whole number of steps at a rate.

Owns: how much of it is planned and counted, and when its first and its last step fall.
Rules: on top of the base flow, but for a bridge, which stands in its place; it ends after exactly its steps.
Units: steps, nL/day, microseconds of Clock.
Leaves: when it begins to therapy.py and boluses.py, planning and counting to dosing.py.
"""

from pumpwire.spec import KINDS


class Overlay:
    """A bolus or priming: a whole number of steps at a rate, on top of the base flow."""

    def __init__(self, kind, steps, rate_nl_per_day, start_us=0):
        self.kind = kind
        self.steps = steps
        self.rate_nl_per_day = rate_nl_per_day
        self.start_us = start_us
        self.done_steps = 0  # counted
        self.planned_steps = 0  # queued, counted ones included
        self.acc = 0  # its own phase: commanded minus attributed, in units
        self.announced = False  # its start is in the log
        self.first_us = 0  # when its first step falls, once that is queued
        self.first_cycles = 0  # the same, from where it was planned on
        self.end_us = 0  # when its last step falls, once all are queued
        self.row = -1  # of the periodic bolus that it is a turn of
        self.turn = 0
        self.begun = False  # a turn whose instant has come
        self.placed = False  # its start stands in the plan

    def flows(self, at_us):
        """Whether it is under way at an instant: between its start and its last step."""
        return (
            self.start_us <= at_us
            and self.done_steps < self.steps
            and (not self.end_us or at_us < self.end_us)
        )

    def left(self):
        """Steps not yet counted."""
        return self.steps - self.done_steps

    def unplan(self):
        """What is not counted is to be planned anew."""
        if self.planned_steps < self.steps:
            self.end_us = 0
        if not self.planned_steps:
            self.first_us = 0
            self.placed = self.begun

    def told(self):
        """What the log says of it, as fields."""
        return (("kind", KINDS[self.kind]), ("asked_steps", self.steps), ("done_steps", self.done_steps))
