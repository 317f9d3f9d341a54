"""Which pin and motor the firmware is configured for, read from its own tables.

Owns: the bridge from rig.board.pins and rig.config to the physics.
Rules: one source: what the firmware believes about its wiring is what is wired.
Units: GPIO numbers, steps.
Leaves: the tables to firmware/rig.
"""

from __future__ import annotations

from rigsim.physics.pump import Wiring


def firmware_wiring() -> Wiring:
    """The wiring of the firmware's present configuration."""
    from rig.board import config, drivers, pins

    curve, supply_mv, _source = drivers.TORQUES[config.MOTOR]

    return Wiring(
        pins={row[0]: row[1] for row in pins.PINS},
        steps_num=config.steps_num,
        steps_den=config.steps_den,
        cycle_steps=4 * config.MICROSTEPS,
        torque=(curve, supply_mv / 1000),
        has_enable=config.setup().kind == "stepdir",
    )
