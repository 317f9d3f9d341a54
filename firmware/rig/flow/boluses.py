"""The one place for boluses: what flows in it, what waits, which turns of the periodic ones passed.

Owns: the boluses in the order in which they are planned, and the next turn of each periodic bolus.
Rules: one at a time; a turn that falls due while another bolus flows begins at the cycle at which that one ends; one
that still waits when its own next turn is due, or that falls due while nothing may flow, is missed: told once, never
given later. What is planned ahead has not begun: a new plan takes it back.
Units: steps, nL, microseconds of Clock.
Leaves: when which rows are due to pumpwire/program.py, steps to dosing.py, what may flow at all to therapy.py.
"""

from pumpwire.program import NEVER_US, due_us, turns_before
from pumpwire.spec import KINDS
from pumpwire.terms import bolus_rate_nl_per_day

from rig.flow.overlay import Overlay

PERIODIC = KINDS.index("periodic")
LEAD_US = 100_000  # a record this shortly before a bolus already tells of it as begun: see checkpoint.py


class Boluses:
    """`dosing` gives the steps of a volume."""

    def __init__(self, dosing):
        self._dosing = dosing
        self.rows = []
        self.start_us = 0  # of the program
        self.turns = []  # of each row: the first one that has neither begun nor passed
        self._planned = []  # the same, at the end of the plan
        self._given = []  # of each row: how many turns have begun; after a boot, as if none had been missed
        self._planned_given = []  # the same, at the end of the plan
        self.queue = []  # overlays, in order
        self.missed = []  # (row, how many turns, first turn, why) that are still to be told

    def use(self, rows, start_us, now_us, waiting=0):
        """Take up a program's periodic boluses; of what fell due until now the waiting rows' last turns are left."""
        self.rows = list(rows)
        self.start_us = start_us
        self.turns = []
        for i in range(len(rows)):
            self.turns.append(self._due(i, now_us) - (waiting >> i & 1))
        self._given = list(self.turns)
        self._plan_anew()

    def _plan_anew(self):
        """The plan's end is now."""
        self._planned = list(self.turns)
        self._planned_given = list(self._given)

    def _due(self, i, at_us):
        """How many turns of a row have fallen due until an instant."""
        return turns_before(self.rows[i], at_us - self.start_us + 1)

    def due_us(self, i, turn):
        """When a row's turn falls due."""
        return self.start_us + due_us(self.rows[i], turn)

    def add_outage(self, outage_us, now_us):
        """The grid has gone on for so long without power: what fell due then is missed."""
        before = [self._due(i, now_us) for i in range(len(self.rows))]
        self.start_us -= outage_us
        for i in range(len(self.rows)):
            if self._due(i, now_us) > before[i]:
                self._miss(i, self._due(i, now_us), "power")

    # --- plan

    def at(self, front_us):
        """The bolus that flows at the plan's end: the one that is not all planned, else a turn that begins; or None."""
        for overlay in self.queue:
            if overlay.planned_steps < overlay.steps:
                if not overlay.placed:
                    overlay.start_us = max(overlay.start_us, front_us)
                    overlay.placed = True
                return overlay
        return None

    def begin_turn(self, front_us):
        """Plan the turn that has waited longest at the plan's end, or None."""
        while True:
            best, best_us = -1, NEVER_US
            for i in range(len(self.rows)):
                turn = max(self._planned[i], self._due(i, front_us) - 1)
                self._planned[i] = turn
                at_us = self.due_us(i, turn)
                if at_us <= front_us and at_us < best_us:
                    best, best_us = i, at_us
            if best < 0:
                return None
            overlay = self._turn(best, self._planned[best], front_us)
            self._planned[best] += 1
            self.queue.append(overlay)
            if overlay.steps:
                return overlay

    def _turn(self, i, turn, start_us):
        steps = self._steps(i, self._planned_given[i])
        self._planned_given[i] += 1
        return self._overlay(i, turn, steps, start_us)

    def _overlay(self, i, turn, steps, start_us):
        _every, volume_nl, over_ms, _first = self.rows[i]
        overlay = Overlay(PERIODIC, steps, bolus_rate_nl_per_day(volume_nl, over_ms), start_us)
        overlay.row = i
        overlay.turn = turn
        overlay.placed = True
        return overlay

    def _steps(self, i, nth):
        """Steps of the nth turn given: what rounding takes from one, or adds to it, is carried to the next."""
        volume_nl = self.rows[i][1]
        return self._dosing.near_steps((nth + 1) * volume_nl) - self._dosing.near_steps(nth * volume_nl)

    def coming_turn(self, now_us, until_us):
        """The turn with a step that begins now, or falls due until an instant, as if nothing were planned; or None."""
        best, best_turn, best_us = -1, 0, until_us + 1
        for i in range(len(self.rows)):
            turn = max(self.turns[i], self._due(i, now_us) - 1)
            at_us = self.due_us(i, turn)
            if at_us < best_us and self._steps(i, self._given[i]):
                best, best_turn, best_us = i, turn, at_us
        if best < 0:
            return None
        return self._overlay(best, best_turn, self._steps(best, self._given[best]), max(now_us, best_us))

    def planned_due_us(self, front_us):
        """When the next turn after the plan's end falls due."""
        return min([NEVER_US] + self._dues_us(self._planned, front_us))

    def _dues_us(self, turns, at_us):
        """When each row's next turn after an instant falls due, from these turns on."""
        return [self.due_us(i, max(turns[i], self._due(i, at_us))) for i in range(len(self.rows))]

    def unplan(self):
        """The plan's end is now: turns that had not begun are taken back; returns these."""
        dropped = [overlay for overlay in self.queue if overlay.row >= 0 and not overlay.begun]
        self.queue = [overlay for overlay in self.queue if overlay.row < 0 or overlay.begun]
        for overlay in self.queue:
            overlay.unplan()
        self._plan_anew()
        return dropped

    # --- time goes by

    def pass_time(self, now_us, why):
        """Note what has begun and what was missed; why: what keeps everything from flowing, empty if nothing."""
        granted = self._granted()
        for overlay in list(self.queue):
            if overlay.row >= 0 and not overlay.begun and overlay.start_us <= now_us:
                if granted is not None and not overlay.done_steps:
                    break  # the next plan takes it back: it waits
                if granted is not None:  # so soon after the request that its first steps have left
                    self.queue.remove(overlay)
                    self.queue.insert(self.queue.index(granted), overlay)
                overlay.begun = True
                self._miss(overlay.row, overlay.turn, "overlap")
                self.turns[overlay.row] = max(self.turns[overlay.row], overlay.turn + 1)
                self._given[overlay.row] += 1
        for i in range(len(self.rows)):
            due = self._due(i, now_us)
            self._miss(i, due if why else due - 1, why or "overlap")

    def _miss(self, i, until, why):
        turn = self.turns[i]
        if until > turn:
            self.turns[i] = until
            self._planned[i] = max(until, self._planned[i])
            self.missed.append((self.rows[i], until - turn, turn, why))

    def tell_missed(self, log):
        """Log what was missed since the last time, a record for each row; returns how many."""
        rows, self.missed = self.missed, []
        for row, times, turn, why in rows:
            volume_nl = row[1]
            steps = self._dosing.near_steps((turn + times) * volume_nl) - self._dosing.near_steps(
                turn * volume_nl
            )
            why, _space, name = why.partition(" ")
            fields = (("kind", "periodic"), ("nl", times * volume_nl), ("why", why))
            fields += (("name", name),) if name else ()
            fields += (("times", times),) if times > 1 else ()
            log("missed", fields + (("steps", steps),))
        return len(rows)

    def waiting(self, at_us, bolus):
        """Bit n: the turn of row n that fell due last has not begun; `bolus` counts as begun."""
        mask = 0
        for i in range(min(8, len(self.rows))):
            if self.turns[i] < self._due(i, at_us) and (bolus is None or bolus.begun or bolus.row != i):
                mask |= 1 << i
        return mask

    def next_us(self, now_us):
        """When a turn next falls due."""
        return min([NEVER_US] + self._dues_us(self.turns, now_us))

    def waits_us(self, now_us):
        """How long until each row's next turn falls due, microseconds."""
        return [at_us - now_us for at_us in self._dues_us(self.turns, now_us)]

    def flowing(self, at_us):
        """The bolus whose steps leave at an instant, or None."""
        for overlay in self.queue:
            if overlay.flows(at_us):
                return overlay
        return None

    def add(self, overlay):
        """A granted one begins with the next plan, which is some ticks away, ahead of what has not begun by then."""
        at = 0
        while at < len(self.queue) and (self.queue[at].row < 0 or self.queue[at].begun):
            at += 1
        self.queue.insert(at, overlay)

    def _granted(self):
        """The request that is in no plan yet, or None."""
        for overlay in self.queue:
            if overlay.row < 0 and not overlay.placed and not overlay.begun:
                return overlay
        return None

    def is_taken(self, now_us):
        """Whether a bolus flows, or was granted and waits for its instant."""
        for overlay in self.queue:
            if overlay.flows(now_us) or overlay.row < 0 and overlay.start_us > now_us:
                return True
        return False

    def finish(self):
        """Drop the boluses whose steps are all counted; returns those that had any."""
        ended = [overlay for overlay in self.queue if overlay.steps and overlay.done_steps >= overlay.steps]
        if self.queue:
            self.queue = [
                overlay
                for overlay in self.queue
                if overlay.done_steps < overlay.steps or not overlay.steps and not overlay.begun
            ]
        return ended

    def begun(self):
        """Those that have begun."""
        return [overlay for overlay in self.queue if overlay.steps and (overlay.row < 0 or overlay.begun)]

    def cancel(self):
        """Drop all; returns those that had begun."""
        ended = self.begun()
        self.queue = []
        self._plan_anew()
        return ended
