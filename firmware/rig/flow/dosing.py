"""From volume to steps and back: the plan that the stepper runs and the ledger of what was counted.

Owns: the calibration, the exact phase between commanded volume and steps, and the attribution of each counted
step to its kind.
Rules: integers only; commanded volume is rate x time without rounding; every counted step belongs to exactly
one kind; a bolus ends after exactly its steps. What is counted decides: a rewind gives back what was planned
and not counted.
Units: nL/day, nL, steps, PIO cycles of 8 ns. Flow adds `rate * volume_den` units per cycle; a step is worth
`volume_num * CYCLES_PER_DAY` units, where volume_num / volume_den is the volume of a step in nL.
With an angle map a step's units depend on where the rotor stands, so that the flow is even; a turn's stay.
Leaves: when which rate holds to therapy.py, edges to motion.py and stepper.py, the map's cells to anglemap.py.
"""

from pumpwire.spec import KINDS
from pumpwire.terms import DAY_S, STEP_CLOCK_HZ

CYCLES_PER_DAY = STEP_CLOCK_HZ * DAY_S
BASAL = KINDS.index("basal")
RELIEF = KINDS.index("relief")
EVEN_CYCLES = 1_250_000  # flows of more than 100 steps/s are not evened out: the motor could not follow
SPAN_STEPS = 100_000  # a steady span is closed after so many steps, so that its numbers stay small


class Span:
    """A queued stretch of constant flow: who gets its steps, and how far they are counted."""

    def __init__(self, base_kind, base_inc, overlay, over_inc, quantum, carry):
        self.base_kind = base_kind
        self.base_inc = base_inc
        self.overlay = overlay
        self.over_inc = over_inc
        self.quantum = quantum  # units of each of its steps
        self.carry = carry  # of the sharing, from the span before
        self.cycles = 0
        self.steps = 0
        self.counted = 0
        self.closed_acc = 0  # the phase that a finished overlay left behind, given back on a rewind
        self.heir = None  # the overlay that began just there and took it over

    def is_mix(self, base_kind, base_inc, overlay, over_inc):
        """Whether the same flow goes on."""
        return (
            self.base_inc == base_inc
            and self.base_kind == base_kind
            and self.overlay is overlay
            and self.over_inc == over_inc
            and self.counted < SPAN_STEPS
        )

    def share(self, steps):
        """How many of the span's first `steps` steps are the overlay's: what its flow has asked for, rounded down."""
        if not self.over_inc:
            return 0
        return max(0, (self.carry + steps * self.over_inc) // (self.base_inc + self.over_inc))

    def steps_until(self, overlay_steps):
        """The span's first step count at which the overlay has had overlay_steps."""
        return -((self.carry - overlay_steps * (self.base_inc + self.over_inc)) // self.over_inc)

    def evenly(self, units, quantum):
        """What its flow of so many units would be worth in evenly spaced steps of `quantum` units."""
        return units if self.quantum == quantum else units * quantum // self.quantum

    def next_carry(self):
        """What the sharing of the same flow goes on with in the next span."""
        base_share = self.share(self.steps) * (self.base_inc + self.over_inc)
        return self.carry + self.steps * self.over_inc - base_share


class Dosing:
    """Plan and ledger. Volumes follow from counted steps and the calibration alone."""

    def __init__(self, steps_num, steps_den):
        self._rev_num = steps_num  # steps of a revolution = num / den
        self._rev_den = steps_den
        self.kind_steps = [0] * len(KINDS)
        self.calibration_id = 0
        self.u_ppm = 0
        self.volume_num = 0
        self.volume_den = 1
        self.quantum = 0
        self.base_nl = 0  # delivered before the calibration took effect
        self.base_steps = 0
        self.base_acc = 0  # commanded minus attributed base flow at the end of the plan, in units
        self.commanded_units = 0  # up to the end of the plan, since the calibration
        self.commanded_base_nl = 0
        self.spans = []
        self.uneven_units = 0  # by which evenly spaced steps would be worth more than those planned so far
        self._map = None
        self._at_steps = -1  # where the rotor stands at the end of the plan; -1: not known, or no map
        self.lost_steps = 0  # counted, but the rotor did not follow
        self.seen_steps = 0  # counted and attributed

    # --- calibration and volumes

    def calibrate(self, calibration_id, nl_num, nl_den, u_ppm, weights=()):
        """Use a calibration: nl_num / nl_den nL a revolution, expanded relative uncertainty u_ppm (k = 2), the
        weights of its angle map, if it has one.

        What was delivered so far keeps the volume it had (SR-37). Only while nothing is queued.
        """
        self._map = None
        if weights:
            from rig.flow.anglemap import AngleMap

            self._map = AngleMap(weights, self._rev_num, self._rev_den)
        if self.quantum:
            self.base_nl = self.delivered_nl()
            self.base_steps = self.net_steps()
            self.commanded_base_nl = self.commanded_nl(0)
        self.calibration_id = calibration_id
        self.u_ppm = u_ppm
        self.volume_num = nl_num * self._rev_den
        self.volume_den = nl_den * self._rev_num
        self.quantum = self.volume_num * CYCLES_PER_DAY
        self.base_acc = self.commanded_units = self.uneven_units = 0

    def align(self, angle):
        """Take the rotor's raw angle (0 to 4095; None: not known) while nothing is queued."""
        self._at_steps = -1
        if self._map is not None and angle is not None:
            self._at_steps = angle * self._rev_num // (4096 * self._rev_den)

    def is_mapped(self):
        """Whether steps are spaced by the angle map: a span then reaches no further than its cell."""
        return self._at_steps >= 0

    def net_steps(self):
        """Counted steps forward minus counted steps of pressure relief."""
        return sum(self.kind_steps) - 2 * self.kind_steps[RELIEF]

    def nl_of(self, steps):
        """Volume of a number of steps, nL, rounded down."""
        return steps * self.volume_num // self.volume_den

    def revolution_volume(self):
        """The calibration's ratio, as fields."""
        return (("nl_num", self.volume_num // self._rev_den), ("nl_den", self.volume_den // self._rev_num))

    def told(self):
        """The calibration in force, as the log tells it: nL of a step as a ratio, its uncertainty."""
        return (("num", self.volume_num), ("den", self.volume_den), ("u_ppm", self.u_ppm))

    def revolutions_of(self, steps):
        """Whole turns of the rotor in a number of steps."""
        return steps * self._rev_den // self._rev_num

    def steps_of(self, volume_nl):
        """The whole number of steps nearest to a volume, at least one."""
        return max(1, self.near_steps(volume_nl))

    def near_steps(self, volume_nl):
        """The whole number of steps nearest to a volume; none below half a step."""
        return (2 * volume_nl * self.volume_den + self.volume_num) // (2 * self.volume_num)

    def step_cycles(self, rate_nl_per_day):
        """PIO cycles between two steps at a rate, rounded down; 0 for no rate."""
        return self.quantum // (rate_nl_per_day * self.volume_den) if rate_nl_per_day else 0

    def delivered_nl(self):
        """All volume since the first boot, from counted steps."""
        return self.base_nl + self.nl_of(self.net_steps() - self.base_steps)

    def commanded_nl(self, ahead_cycles):
        """Volume commanded until now, nL; ahead_cycles is how far the plan reaches beyond now."""
        units = self.commanded_units
        for _span, ahead_units in self._ahead(ahead_cycles):
            units -= ahead_units
        return self.commanded_base_nl + units // (self.volume_den * CYCLES_PER_DAY)

    def commanded_steps(self, ahead_cycles):
        """Steps that the volume commanded until now asks of the rotor, by the angle map; for differences."""
        units = self.commanded_units + self.uneven_units
        for span, ahead_units in self._ahead(ahead_cycles):
            units -= span.evenly(ahead_units, self.quantum)
        return units // self.quantum if self.quantum else 0

    def _ahead(self, ahead_cycles):
        """(span, units of its flow) of what the plan holds beyond now."""
        for span in reversed(self.spans):
            if not ahead_cycles:
                return
            cycles = min(ahead_cycles, span.cycles)
            yield span, cycles * (span.base_inc + span.over_inc)
            ahead_cycles -= cycles

    # --- plan

    def plan(self, append, base_kind, base_rate, overlay, cycles):
        """Queue at most `cycles` of base and overlay flow through stepper.append; returns the cycles taken.

        0: the queue is full. Stops by itself at the step that completes the overlay.
        """
        if overlay and not overlay.planned_steps and self.spans:
            self._inherit(overlay, self.spans[-1])
        base_inc = base_rate * self.volume_den
        over_inc = overlay.rate_nl_per_day * self.volume_den if overlay else 0
        inc = base_inc + over_inc
        quantum, cell_steps = self.quantum, 0
        if self._at_steps >= 0 and inc * EVEN_CYCLES <= quantum:
            quantum, cell_steps = self._map.cell(self._at_steps, quantum)
        span = self.spans[-1] if self.spans else None
        same = span is not None and span.is_mix(base_kind, base_inc, overlay, over_inc)
        fresh = not same or span.quantum != quantum
        if fresh:
            carry = span.next_carry() if same else _carry(overlay, self.base_acc, inc, over_inc, quantum)
            span = Span(base_kind, base_inc, overlay, over_inc, quantum, carry)
        # a base flow that does not flow keeps its phase
        acc = (self.base_acc if base_inc or not overlay else 0) + (overlay.acc if overlay else 0)
        # a phase of more than a step (a bolus that ended a little early) is a step that is due at once
        excess = max(0, acc - quantum + 1)
        acc -= excess
        leave_inc = inc
        # and what is more than that is due half a step later
        is_slow = 0 < inc * EVEN_CYCLES <= quantum
        cycles = min(cycles, quantum // (2 * inc)) if excess and is_slow else cycles
        if cell_steps and inc:
            cycles = min(cycles, max(1, -((acc - cell_steps * quantum) // inc)))
        if overlay:
            wanted = span.share(span.steps) + overlay.steps - overlay.planned_steps
            last = span.steps_until(wanted) - span.steps
            completing = max(1, -(-(last * quantum - acc) // inc))
            if completing <= cycles:
                cycles = completing
                leave_inc = base_inc  # slow down towards what flows afterwards
        taken, steps, after = append(acc, inc, quantum, cycles, leave_inc)
        if not taken:
            return 0
        if fresh:
            self.spans.append(span)
        flowed = (
            (after - acc + steps * quantum) // inc if inc else taken
        )  # less than taken by what a ramp lost
        share = span.share(span.steps + steps) - span.share(span.steps)
        span.cycles += flowed
        span.steps += steps
        self.commanded_units += flowed * inc
        self.uneven_units += span.evenly(flowed * inc, self.quantum) - flowed * inc
        self.base_acc += flowed * base_inc - (steps - share) * quantum
        if self._at_steps >= 0:
            self._at_steps += steps
        if overlay:
            if share and not overlay.planned_steps:
                nth = span.steps_until(span.share(span.steps - steps) + 1) - (span.steps - steps)
                overlay.first_cycles = -((acc - nth * quantum) // inc)  # as step/motion.py places it
            self._planned(span, overlay, flowed * over_inc - share * quantum, share)
        return taken

    def _planned(self, span, overlay, units, steps):
        """Steps of an overlay are queued; it ends with its last one, and what flowed beyond that is no volume."""
        overlay.acc += units
        overlay.planned_steps += steps
        if overlay.planned_steps >= overlay.steps:
            span.closed_acc = overlay.acc
            self.commanded_units -= overlay.acc
            overlay.acc = 0

    def _inherit(self, overlay, before):
        """What begins at the very step that completes a bolus goes on with its phase: no flow is lost between them."""
        if before.closed_acc and before.heir is None:
            before.heir = overlay
            overlay.acc += before.closed_acc
            self.commanded_units += before.closed_acc

    # --- ledger

    def settle(self, counted_steps, surplus_kind=BASAL, wholly=True):
        """Attribute what was counted since the last call, or up to the end of an overlay; returns (steps attributed,
        surplus that no plan explains).
        """
        new_steps = left = counted_steps - self.seen_steps
        self.seen_steps = counted_steps
        while left > 0 and self.spans:
            span = self.spans[0]
            take = min(left, span.steps - span.counted)
            share = span.share(span.counted + take) - span.share(span.counted)
            span.counted += take
            left -= take
            self.kind_steps[span.base_kind] += take - share
            if share:
                self.kind_steps[span.overlay.kind] += share
                span.overlay.done_steps += share
            if span.counted < span.steps or len(self.spans) == 1 or not left:
                break  # a span whose steps are counted may not be over: a rewind gives back the rest of its time
            self.spans.pop(0)
            if share and not wholly and not span.overlay.left():
                self.seen_steps -= left
                return new_steps - left, 0
        if left > 0:
            self.kind_steps[surplus_kind] += left
        return new_steps, left

    def position_steps(self):
        """Where the motor should be: forward steps minus relief, the lost ones included."""
        return self.net_steps() + self.lost_steps

    def lose(self, steps, flow_kind):
        """Steps that were counted and did not turn the rotor: they are no delivery. Taken from flow_kind first."""
        for kind in [flow_kind] + list(range(len(KINDS))):
            if kind != RELIEF and steps > 0:
                part = min(steps, self.kind_steps[kind])
                self.kind_steps[kind] -= part
                self.lost_steps += part
                steps -= part

    def relieve(self, counted_steps):
        """Attribute what was counted since the last call to pressure relief; returns how many steps."""
        steps = counted_steps - self.seen_steps
        self.seen_steps = counted_steps
        self.kind_steps[RELIEF] += steps
        return steps

    def forgo(self, overlay):
        """A cancelled overlay: what its flow had asked for beyond its steps, as while the motor ramped down."""
        self.commanded_units -= overlay.acc
        overlay.acc = 0

    def rewind(self, ahead_cycles):
        """After a cut and a settle: give back the steps not counted and the flow of the last ahead_cycles."""
        while self.spans:
            span = self.spans.pop()
            cycles = min(ahead_cycles, span.cycles)
            ahead_cycles -= cycles
            dropped = span.steps - span.counted
            share = span.share(span.steps) - span.share(span.counted)
            units = cycles * (span.base_inc + span.over_inc)
            self.commanded_units -= units
            self.uneven_units -= span.evenly(units, self.quantum) - units
            self.base_acc += (dropped - share) * span.quantum - cycles * span.base_inc
            overlay = span.overlay
            if overlay:
                if share or cycles:
                    overlay.acc += span.closed_acc
                    if span.heir is None:
                        self.commanded_units += span.closed_acc
                    else:
                        span.heir.acc -= span.closed_acc
                overlay.acc += share * span.quantum - cycles * span.over_inc
                overlay.planned_steps -= share


def _carry(overlay, base_acc, inc, over_inc, quantum):
    """What the sharing of a new mix goes on with: the bolus keeps the part of a step that it is owed.

    A bolus of 3 in a flow of 4 is owed 0.9 of a step while 1.0 of a step is due of both: 0.9 - 3/4 x 1.0, of 4: 0.6.
    """
    if not overlay or inc == over_inc:
        return 0  # without a base flow each step is the bolus's
    owed = overlay.acc * inc - over_inc * (base_acc + overlay.acc)
    return min(owed // quantum, inc - 1)
