"""The pump around one Pico: motor, head, line, reservoir, supply and sensors, tied to the chip's pins.

Owns: the order in which everything is brought up to an instant, and the boundary that events change.
Rules: lazy: nothing moves until a sensor is read, a pin that matters changes or an event comes, and then
exactly up to that instant; the same instants give the same world to the last bit.
Units: cycles of 8 ns, nL, Pa, V.
Leaves: the pulses to shim_pio.py, closed forms to fluid.py and rotor.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rigsim.chip import CYCLES_PER_S, Chip
from rigsim.geometry import PumpHead, load_head
from rigsim.physics.fluid import Fluid
from rigsim.physics.rotor import STRONG, Rotor, Torque
from rigsim.physics.sensors import AS5600_ADDRESS, MPRLS_ADDRESS, Encoder, PressureSensor
from rigsim.physics.truth import ATMOSPHERE_PA, ROOM_C, Truth, draw, noise
from rigsim.physics.wires import Wires

WEATHER_PERIOD_S = 3.7 * 86_400
SUPPLY_DIVIDER = 10.0
STROKE_PER_K = 0.001  # the tube's bore grows with temperature
_KEPT_FLUID = (
    "reservoir_nl", "tip_nl", "inlet_debt_nl", "pressure_pa", "back_pressure_pa", "occluded", "inlet_occluded",
    "air_nl", "air_in_line_nl", "temperature_c",
)  # fmt: skip
_KEPT_ROTOR = ("field_steps", "rotor_steps", "travel_steps", "jammed", "slip_ppm", "slipped_micro")


class Wiring:
    """GPIO numbers and the motor's steps, as the firmware's own tables state them."""

    def __init__(
        self,
        pins: dict[str, int],
        steps_num: int,
        steps_den: int,
        cycle_steps: int,
        has_enable: bool,
        torque: Torque = STRONG,
    ) -> None:
        self.pins = pins
        self.steps_num = steps_num
        self.steps_den = steps_den
        self.cycle_steps = cycle_steps
        self.has_enable = has_enable
        self.torque = torque


class Pump:
    """Everything that is not the Pico."""

    def __init__(
        self,
        chip: Chip,
        wiring: Wiring,
        reservoir_nl: float,
        head: PumpHead | None = None,
        truth: dict[str, float] | None = None,
    ) -> None:
        self.chip = chip
        self.wiring = wiring
        self._head = head
        self.truth: Truth = replace(draw(chip.seed), **(truth or {}))
        self.fluid = Fluid(self.truth, reservoir_nl)
        self.rotor = Rotor(self.truth, wiring.steps_num, wiring.steps_den, wiring.cycle_steps, wiring.torque)
        self.rotor.enabled = not wiring.has_enable
        self.encoder = Encoder(self.truth, chip.now_cycles, self._angle_now)
        self.pressure = PressureSensor(self.truth, chip.now_cycles, self._absolute_pa_now)
        self.pulses: Callable[[], int] | None = None  # step pulses since the source was attached, by now
        self.pulses_total = 0  # ever, whatever became of them
        self.supply_override_v: float | None = None
        self.supply_failure = "ok"  # of the divider that the ADC reads; one of sensors.FAILURES
        self._supply_stuck_v = 0.0
        self._pulses_seen = 0
        self._reverse = False
        self.coils_reversed = False  # as wired: one pair of coils the wrong way round
        self.wires = Wires()
        self.divider = SUPPLY_DIVIDER
        self._cycle = chip.now
        self._leak_known = False
        self._displaced_nl: float | None = None  # at the rotor's angle when the fluid last moved
        self._attach()

    def _attach(self) -> None:
        chip, pins = self.chip, self.wiring.pins
        chip.i2c[AS5600_ADDRESS] = self.encoder
        chip.i2c[MPRLS_ADDRESS] = self.pressure
        chip.adc[pins["supply"]] = self._supply_pin_v
        chip.watch(pins["dir"], self._on_direction)
        if self.wiring.has_enable:
            chip.drive(pins["enable"], 1)  # the pull-up that keeps the motor off while the Pico resets
            chip.watch(pins["enable"], self._on_enable)
        for name in ("stop", "request", "silence"):
            chip.drive(pins[name], 1)
        chip.on_power_off.append(self.detach_pulses)

    # --- pulses and pins

    def attach_pulses(self, pulses: Callable[[], int]) -> None:
        """Follow this counter of step pulses from its present value on."""
        self.advance()
        self.pulses = pulses
        self._pulses_seen = pulses()

    def detach_pulses(self) -> None:
        """Take what came until now, then none: power or the state machines are gone."""
        self.advance()
        self.pulses = None

    def _on_direction(self, cycle: int, level: int) -> None:
        self.advance()
        self._reverse = bool(level)

    def _on_enable(self, cycle: int, level: int) -> None:
        self.advance()
        self.rotor.enabled = not level and not self.wires.enable_open
        if self.rotor.field_steps != self.rotor.rotor_steps:
            self._mark()
        self.rotor.settle(True)

    # --- the world up to now

    def advance(self) -> None:
        """Bring everything up to the chip's present instant."""
        now = self.chip.now
        if now == self._cycle:
            return
        elapsed_s = (now - self._cycle) / CYCLES_PER_S
        steps = 0
        if self.pulses is not None:
            seen = self.pulses()
            steps, self._pulses_seen = seen - self._pulses_seen, seen
            self.pulses_total += steps
        self._cycle = now
        if not self._leak_known and (steps or self.fluid.pressure_pa or self.fluid.back_pressure_pa):
            self._find_leak()
        if not steps:
            self.fluid.advance(0.0, elapsed_s)
            return
        elapsed_s = max(elapsed_s, 8e-9)
        wires = self.wires
        back = self._reverse and not wires.dir_open
        signed = -steps if back != self.coils_reversed else steps
        if wires.step_open:
            signed = 0
        elif wires.microsteps_open:
            signed *= 2  # an eighth of a step for a sixteenth
        if self._displaced_nl is None:
            self._mark()
        self.rotor.advance(signed, elapsed_s, self.supply_v(), self.fluid.pressure_pa)
        displaced_nl = self._displaced_since() * self._stroke(steps, elapsed_s)
        self.fluid.advance(-displaced_nl if wires.tube_reversed else displaced_nl, elapsed_s)

    @property
    def head(self) -> PumpHead:
        """The pump head; made at its first use, because that takes a while."""
        if self._head is None:
            self._head = load_head()
        return self._head

    def _find_leak(self) -> None:
        """What the rollers' gap lets back follows from the head, once that is made."""
        self._leak_known = True
        self.rotor.stroke_nl = self.head.nl_per_rev
        self.fluid.leak_nl_per_pa_s = self.head.leak_nl_per_pa_s(self.truth.gap_error_mm)

    def _mark(self) -> None:
        """Remember the displacement at the present angle, if that is not known."""
        if self._displaced_nl is None:
            self._displaced_nl = self.head.displacement_nl(self.rotor.angle_rad)

    def _displaced_since(self) -> float:
        """Displacement by geometry since the last call or mark, nL."""
        before_nl = self._displaced_nl
        self._displaced_nl = self.head.displacement_nl(self.rotor.angle_rad)
        return 0.0 if before_nl is None else self._displaced_nl - before_nl

    def _stroke(self, steps: int, elapsed_s: float) -> float:
        """Real over geometric displacement: this tube, its age, the speed and the temperature."""
        truth = self.truth
        rev_per_s = steps * self.rotor.steps_den / self.rotor.steps_num / elapsed_s
        aged = 1 + truth.ageing_loss * math.expm1(-self.rotor.revolutions / truth.ageing_revs)
        fast = 1 - truth.rate_loss * rev_per_s / (rev_per_s + truth.rate_half_rev_per_s)
        return truth.stroke_factor * aged * fast * (1 + STROKE_PER_K * (self.fluid.temperature_c - ROOM_C))

    def true_nl(self) -> float:
        """What has arrived at the catheter's tip by now, nL, since this pump was made."""
        self.advance()
        return self.fluid.tip_nl

    def _angle_now(self) -> float:
        self.advance()
        return self.rotor.angle_rad

    def _absolute_pa_now(self) -> float:
        self.advance()
        phase = 2 * math.pi * self.chip.now / CYCLES_PER_S / WEATHER_PERIOD_S + self.truth.weather_phase_rad
        line_pa = 0.0 if self.wires.tee_before_pump else self.fluid.pressure_pa
        return line_pa + ATMOSPHERE_PA + self.truth.weather_pa * math.sin(phase)

    # --- supply

    def supply_v(self) -> float:
        """Of the motor, without noise."""
        return self.truth.supply_v if self.supply_override_v is None else self.supply_override_v

    def set_supply(self, volts: float | None) -> None:
        """Override the supply (a brown-out), or give it back (None)."""
        self.advance()
        self.supply_override_v = volts

    def _supply_pin_v(self) -> float:
        """What the ADC's pin sees of it, noise and all."""
        failure, truth = self.supply_failure, self.truth
        if failure == "absent":
            return 0.0
        if failure != "stuck":
            sigma_v = truth.supply_noise_v * (200.0 if failure == "noisy" else 1.0)
            self._supply_stuck_v = self.supply_v() + sigma_v * noise(truth.seed, 4, self.chip.now)
        return self._supply_stuck_v / self.divider

    # --- the boundary

    def jam(self, held: bool, shaken_deg: float = 0.0) -> None:
        """Hold the rotor or let it go; shaken_deg: by a magnetic field, which disturbs the encoder too."""
        self.advance()
        self._mark()
        self.rotor.jammed = held
        self.encoder.shaken_deg = shaken_deg if held else 0.0
        self.rotor.settle(True)
        self.fluid.advance(self._displaced_since(), 8e-9)

    def slip(self, percent: float) -> None:
        """From now on the coupling takes this share of the shaft's rotation from the head's."""
        self.advance()
        self.rotor.slip_ppm = round(percent * 10_000)

    def weaken(self, torque_share: float, **truth: float) -> None:
        """From now on the motor has this share of its torque, and other values of the truth hold."""
        self.advance()
        self.truth = replace(self.truth, torque_share=self.truth.torque_share * torque_share, **truth)
        self.rotor.truth = self.fluid.truth = self.truth
        self._leak_known = False

    def turn_rotor(self, degrees: float) -> None:
        """Turn the shaft by hand; the coils pull it to the nearest whole electrical cycle from where it was."""
        self.advance()
        self._mark()
        self.rotor.rotor_steps += round(degrees * self.rotor.steps_num / (360 * self.rotor.steps_den))
        self.rotor.settle(True)
        self.fluid.advance(self._displaced_since(), 8e-9)

    def pressure_pa(self) -> float:
        """Gauge pressure at the pump's outlet now, Pa."""
        self.advance()
        return self.fluid.pressure_pa

    def change(self, **boundary: Any) -> None:
        """Set attributes of the fluid (occluded, back_pressure_pa, temperature_c, air_nl ...) from now on."""
        self.advance()
        for name, value in boundary.items():
            if name == "inlet_occluded":
                self.fluid.set_inlet(bool(value))
            elif name in _KEPT_FLUID:
                setattr(self.fluid, name, value)
            else:
                raise ValueError(f"the fluid has no {name}")

    # --- kept over a restart of the simulator

    def snapshot(self) -> dict[str, Any]:
        """The state as plain numbers."""
        self.advance()
        kept: dict[str, Any] = {name: getattr(self.fluid, name) for name in _KEPT_FLUID}
        kept.update({name: getattr(self.rotor, name) for name in _KEPT_ROTOR})
        kept["pulses_total"] = self.pulses_total
        return kept

    def restore(self, kept: dict[str, Any]) -> None:
        """The inverse of `snapshot`, at the chip's present instant."""
        for name in _KEPT_FLUID:
            setattr(self.fluid, name, kept[name])
        for name in _KEPT_ROTOR:
            setattr(self.rotor, name, kept.get(name, getattr(self.rotor, name)))  # an older state lacks some
        self.pulses_total = kept["pulses_total"]
        self._cycle = self.chip.now
        self._displaced_nl = None
