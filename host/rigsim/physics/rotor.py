"""What the rotor makes of the step pulses.

Owns: the stator's field, the rotor's position, and when the one no longer follows the other: when the load, by the
head and by the pressure on it, asks for more torque than the motor's curve has at that rate.
Rules: a rotor that follows stands a whole number of electrical cycles (four full steps) behind the field,
usually none; one that is held stays where it is and, let go, falls to the nearest such place, so lost
rotation is never caught up. A coupling that slips takes a fixed share of the shaft's rotation from the head's, whose
angle the encoder sees.
Units: microsteps (the pulses' own unit), revolutions as a ratio of integers, volts, Pa.
Leaves: who counts pulses to shim_pio.py, what the angle displaces to geometry.py and fluid.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rigsim.physics.truth import Truth

MOTOR_MIN_SHARE = 0.5  # of its supply: below it the current regulator cannot turn the loaded head
Torque = tuple[
    Sequence[tuple[int, int]], float
]  # (full steps/s, mN.m) with straight lines between, and at which V
STRONG: Torque = (((0, 180), (3_000, 12)), 12.0)


class Rotor:
    """Stepper motor with the pump head on its shaft."""

    def __init__(
        self, truth: Truth, steps_num: int, steps_den: int, cycle_steps: int, torque: Torque = STRONG
    ) -> None:
        self.truth = truth
        curve, self._nominal_v = torque
        self._pieces = [(curve[i], curve[i + 1]) for i in range(len(curve) - 1)]
        self.stroke_nl = 10_000.0  # of a revolution: what pressure acts on
        self.steps_num = steps_num  # steps of a revolution = steps_num / steps_den
        self.steps_den = steps_den
        self.cycle_steps = cycle_steps  # steps of one electrical cycle
        self.field_steps = 0
        self.rotor_steps = 0
        self.travel_steps = 0  # both directions, for wear
        self.slip_ppm = 0  # share of the shaft's rotation that the coupling does not pass on to the head
        self.slipped_micro = 0  # what it has not passed on, in millionths of a step
        self.jammed = False
        self.enabled = False
        self._follows = False
        self.trembles = False  # the coils are not whole: it goes to and fro within a step

    @property
    def angle_rad(self) -> float:
        """Of the head, not wrapped."""
        head_steps = self.rotor_steps - self.slipped_micro // 1_000_000
        whole, part = divmod(head_steps * self.steps_den, self.steps_num)
        return (whole + part / self.steps_num) * 2 * math.pi

    @property
    def revolutions(self) -> float:
        """Travelled in either direction."""
        return self.travel_steps * self.steps_den / self.steps_num

    def advance(self, steps: int, elapsed_s: float, supply_v: float, pressure_pa: float) -> None:
        """Let the field move by signed `steps`, evenly over elapsed_s."""
        if not steps:
            return
        before = self.rotor_steps
        self.field_steps += steps
        follows = self._can_follow(
            abs(steps) / elapsed_s if elapsed_s > 0 else 0.0, supply_v, pressure_pa, steps > 0
        )
        if follows and self._follows:
            self.rotor_steps += steps
        elif follows:
            self.settle(True)
        self._follows = follows
        self.slipped_micro += (self.rotor_steps - before) * self.slip_ppm
        self.travel_steps += abs(self.rotor_steps - before)

    def settle(self, may_follow: bool) -> None:
        """Fall to the place nearest to where the rotor stands, if nothing holds it."""
        if may_follow and self.enabled and not self.jammed and not self.trembles:
            cycle = self.cycle_steps
            behind = self.field_steps - self.rotor_steps
            self.rotor_steps += behind - cycle * ((behind + cycle // 2) // cycle)
            self._follows = True
        else:
            self._follows = False

    def _can_follow(self, step_hz: float, supply_v: float, pressure_pa: float, forward: bool) -> bool:
        if self.jammed or self.trembles or not self.enabled or supply_v < MOTOR_MIN_SHARE * self._nominal_v:
            return False
        against_pa = pressure_pa if forward else -pressure_pa
        load_mnm = self.truth.load_mnm + against_pa * self.stroke_nl * 1e-9 / (2 * math.pi)
        return self._torque_mnm(step_hz * 4 / self.cycle_steps, supply_v) > load_mnm

    def _torque_mnm(self, full_step_hz: float, supply_v: float) -> float:
        """Pull-out torque of this motor at a rate; less on less supply."""
        share = self.truth.torque_share * min(1.0, supply_v / self._nominal_v)
        for (low, high_mnm), (high, low_mnm) in self._pieces:
            if full_step_hz <= high:
                return share * (high_mnm - (high_mnm - low_mnm) * (full_step_hz - low) / (high - low))
        return 0.0
