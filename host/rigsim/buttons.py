"""Fingers on the rig's buttons: presses that bounce as contacts do.

Owns: the waveform of a press on the pin.
Rules: seeded by rig, button and instant, so a run repeats; each press and each release bounces for at most
BOUNCE_US.
Units: microseconds; a pressed button is low.
Leaves: debouncing to the firmware.
"""

from __future__ import annotations

from rigsim.chip import CYCLES_PER_US
from rigsim.driver import SimRig
from rigsim.physics.truth import seeded

BOUNCE_US = 5_000
HOLD_US = 200_000


def press(rig: SimRig, name: str, hold_us: int = HOLD_US) -> None:
    """Press `stop`, `request` or `silence` now and let go hold_us later."""
    line = rig.pump.wires.buttons.get(name, name)
    if not line:  # a wire of the button is open
        return
    gpio = rig.wiring.pins[line]
    start = rig.chip.now
    source = seeded(f"bounce {rig.chip.seed} {name} {start}")
    rest_us = 0
    for level, at_us in ((0, 0), (1, hold_us)):
        rest_us = max(rest_us, at_us)  # a press shorter than its bouncing is over after that
        for _ in range(source.randrange(5)):
            rig.at(start + rest_us * CYCLES_PER_US, lambda level=level: rig.chip.drive(gpio, level))
            rest_us += source.randrange(20, BOUNCE_US // 10)
            rig.at(start + rest_us * CYCLES_PER_US, lambda level=level: rig.chip.drive(gpio, 1 - level))
            rest_us += source.randrange(20, BOUNCE_US // 10)
        rig.at(start + rest_us * CYCLES_PER_US, lambda level=level: rig.chip.drive(gpio, level))
