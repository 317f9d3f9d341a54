"""A Stepper on a simulated chip, with every edge recorded.

Owns: the set-up of chip, firmware and recorder for tests of the step engine.
Rules: the very firmware runs; time moves only through `pass_us` and `pass_cycles`.
Units: cycles of 8 ns; edges relative to the stream's cycle 0.
Leaves: what ought to happen to the tests.
"""

from __future__ import annotations

import types
from fractions import Fraction
from typing import Any

from rigsim import shims
from rigsim.chip import Chip, set_current

shims.install()

from rig.board import config  # noqa: E402
from rig.step import stepper  # noqa: E402
from rig.step.stream import LEAD_CYCLES  # noqa: E402

CLOCK_HZ = 125_000_000
STOP_PIN, STEP_PIN, DIR_PIN, ENABLE_PIN = 10, 2, 3, 4


def chosen(**changes: Any) -> types.SimpleNamespace:
    """The configuration with changes, by the names of Setup's arguments."""
    pins = changes.pop("pins", [(row[0], row[1]) for row in config.PINS])
    values = {
        "driver": config.DRIVER,
        "motor": config.MOTOR,
        "microsteps": config.MICROSTEPS,
        "max_steps_per_s": 40_000,
        "pulse_ns": config.PULSE_NS,
    } | changes
    return types.SimpleNamespace(
        setup=lambda: config.Setup(pins=pins, **values),
        HOLD_STOPPED=config.HOLD_STOPPED,
        RELIEF_STEPS=config.RELIEF_STEPS,
    )


SMALL = {"driver": "uln2003", "motor": "28byj48", "microsteps": 2, "max_steps_per_s": 1_000}


def small_motor(**changes: Any) -> types.SimpleNamespace:
    """The configuration with a 28BYJ-48 on four coils in half steps, with changes."""
    return chosen(**{**SMALL, **changes})


class StepRig:
    """`stepper` on `chip`; `edges` holds the cycles of the pulses that are over, since the stream's cycle 0."""

    def __init__(self, chosen_config: Any = None) -> None:
        self.chip = Chip(1)
        self.chip.power_on()
        self.chip.drive(STOP_PIN, 1)
        set_current(self.chip)
        self.stepper: Any = stepper.Stepper(chosen() if chosen_config is None else chosen_config)
        self._raw: list[int] = []
        self.unit = self.chip.peripherals["step_unit"]
        self.unit.listener = self._raw.extend
        self.zero = 0

    def open(self) -> None:
        """Begin a stream now; its cycle 0 is LEAD_CYCLES after its first words."""
        self.stepper.open()
        self.zero = self.chip.now + LEAD_CYCLES

    @property
    def edges(self) -> list[int]:
        """Rising edges so far, in stream cycles."""
        self.unit.pulses()
        return [edge - self.zero for edge in self._raw]

    @property
    def edge_count(self) -> int:
        """How many edges there were, since the rig was made."""
        self.unit.pulses()
        return len(self._raw)

    def pass_cycles(self, cycles: int) -> None:
        """Let time pass."""
        self.chip.now += cycles

    def pass_us(self, time_us: int) -> None:
        """Let time pass."""
        self.chip.now += time_us * 125

    def run_out(self) -> None:
        """Until all that is queued has left."""
        ahead = self.stepper.appended_cycles + self.zero - self.chip.now
        self.pass_cycles(max(0, ahead) + CLOCK_HZ // 1000)


QUANTUM = 9973 * 86_400 * CLOCK_HZ


def inc_of(rate_steps_per_s: Fraction | float) -> int:
    """The flow that gives so many steps a second, in units per cycle."""
    return int(QUANTUM * Fraction(rate_steps_per_s) / CLOCK_HZ)


def rig_for() -> StepRig:
    """A rig with an open stream that may start at 100 000 steps/s, so that no ramp comes in."""
    made = chosen(microsteps=64, max_steps_per_s=100_000)
    setup = made.setup()
    setup.start_hz = 200_000
    made.setup = lambda: setup
    rig = StepRig(made)
    rig.open()
    return rig


def put(rig: StepRig, acc: int, inc: int, cycles: int, quantum: int = QUANTUM) -> tuple[int, int]:
    """Append all of a span, letting time pass while the queue is full; (steps, acc)."""
    steps = 0
    while cycles:
        taken, made, acc = rig.stepper.append(acc, inc, quantum, cycles)
        steps += made
        cycles -= taken
        if not taken:
            rig.pass_us(2_000)
    return steps, acc
