"""How a simulated rig is wired and put together, right or wrong, and what a person sees, hears and measures of it.

Owns: the state of every connection that a bring-up checks, and the table of faults by name.
Rules: a fault changes the world (a wire, a magnet, a tube), never the firmware; what a meter reads and what the eye
sees follow from the same state as what the rig does.
Units: ohm, V, as the names say.
Leaves: motion to rotor.py, sensors' counts to sensors.py, who looks to the tests and to the tutor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rigsim.physics.pump import Pump

OPEN_OHM = 10_000_000.0
COIL_OHM = 30.0
METER = {  # what a meter reads on a rig that is wired as the plan says
    "supply_ohm": 4_000.0, "vsys_ohm": 2_000.0, "logic_ohm": 5_000.0, "stop_ohm": OPEN_OHM,
    "coil_a_ohm": COIL_OHM, "coil_b_ohm": COIL_OHM, "between_ohm": OPEN_OHM,
    "motor_v": 12.0, "divider_v": 1.2, "vsys_v": 4.7, "enable_v": 2.9, "vref_v": 0.2, "coils_v": 0.0,
}  # fmt: skip


@dataclass
class Wires:
    """As built. Everything is right until a fault says otherwise."""

    meter: dict[str, float] = field(default_factory=lambda: dict(METER))
    buttons: dict[str, str] = field(default_factory=dict[str, str])  # what is pressed: the line that goes low
    step_open: bool = False
    enable_open: bool = False
    dir_open: bool = False
    microsteps_open: bool = False  # the driver's mode pins: it makes eighths
    tube_reversed: bool = False  # inlet and outlet changed
    tee_before_pump: bool = False  # the pressure sensor sits on the inlet
    buzzer_open: bool = False
    led_open: bool = False


def _meter(**readings: float) -> Callable[[Pump], None]:
    return lambda pump: pump.wires.meter.update(readings)


def _wires(**state: object) -> Callable[[Pump], None]:
    def apply(pump: Pump) -> None:
        for name, value in state.items():
            setattr(pump.wires, name, value)

    return apply


def _both(*parts: Callable[[Pump], None]) -> Callable[[Pump], None]:
    def apply(pump: Pump) -> None:
        for part in parts:
            part(pump)

    return apply


def _magnet(state: str) -> Callable[[Pump], None]:
    return lambda pump: setattr(pump.encoder, "magnet", state)


def _address(old: int, new: int | None) -> Callable[[Pump], None]:
    """A chip answers at another address, or not at all."""

    def apply(pump: Pump) -> None:
        device = pump.chip.i2c.pop(old)
        if new is not None:
            pump.chip.i2c[new] = device

    return apply


def _trembling(pump: Pump) -> None:
    """No whole coil between two of the driver's ends: the rotor only trembles."""
    pump.rotor.trembles = True


def _coils_reversed(pump: Pump) -> None:
    pump.coils_reversed = True


def _encoder_reversed(pump: Pump) -> None:
    pump.encoder.reversed = True


def _stop_shorted(pump: Pump) -> None:
    pump.wires.meter["stop_ohm"] = 0.3
    pump.chip.drive(pump.wiring.pins["stop"], 0)


def _divider_swapped(pump: Pump) -> None:
    pump.wires.meter["divider_v"] = 10.8
    pump.divider = 30 / 27


def _divider_open(pump: Pump) -> None:
    pump.divider = 1e9


def _unpowered(pump: Pump) -> None:
    pump.wires.meter.update(motor_v=0.0, divider_v=0.0, vsys_v=0.0)
    pump.set_supply(0.0)


# name: (what is wrong, how it comes to be)
FAULTS: dict[str, tuple[str, Callable[[Pump], None]]] = {
    "supply_shorted": ("a solder bridge between +12 V and GND", _meter(supply_ohm=0.4)),
    "stop_shorted": ("the stop line touches GND", _stop_shorted),
    "coils_mixed": (
        "a wire of coil A changed with one of coil B",
        _both(_trembling, _meter(coil_a_ohm=OPEN_OHM, coil_b_ohm=OPEN_OHM, between_ohm=COIL_OHM)),
    ),
    "coil_open": ("a broken wire in coil A", _both(_trembling, _meter(coil_a_ohm=OPEN_OHM))),
    "coil_shorted": ("coil B's wires touch", _both(_trembling, _meter(coil_b_ohm=0.4))),
    "supply_off": ("the switch is off, or the fuse is blown", _unpowered),
    "divider_swapped": ("R3 and R4 changed", _divider_swapped),
    "diode_reversed": ("D1 the wrong way round", _meter(vsys_v=0.0)),
    "enable_pullup_missing": ("R1 is not there", _meter(enable_v=0.0)),
    "current_not_set": ("the driver's trimmer at its lowest", _both(_meter(vref_v=0.03), lambda p: p.weaken(0.15))),
    "divider_open": ("the divider's middle is not at GP26", _divider_open),
    "bus_swapped": ("SDA and SCL changed", _both(_address(0x36, None), _address(0x18, None))),
    "encoder_absent": ("a wire of the encoder is open", _address(0x36, None)),
    "encoder_other": ("an AS5600L in the place of the AS5600", _address(0x36, 0x40)),
    "pressure_absent": ("a wire of the pressure sensor is open", _address(0x18, None)),
    "magnet_missing": ("no magnet in the rotor", _magnet("missing")),
    "magnet_far": ("the encoder's board is not seated", _magnet("far")),
    "magnet_near": ("the magnet stands out of its pocket", _magnet("near")),
    "magnet_axial": ("a magnet that is magnetised along its axis", _magnet("axial")),
    "magnet_off_centre": ("the encoder's chip beside the axis", _magnet("off_centre")),
    "stop_open": ("a wire of the stop button is open", _wires(buttons={"stop": ""})),
    "buttons_swapped": (
        "request and silence changed", _wires(buttons={"request": "silence", "silence": "request"})
    ),
    "enable_open": ("the driver's EN is not connected: R1 keeps it off", _wires(enable_open=True)),
    "step_open": ("the driver's STEP is not connected", _wires(step_open=True)),
    "direction_open": ("the driver's DIR is not connected", _wires(dir_open=True)),
    "coil_reversed": ("one coil the wrong way round", _coils_reversed),
    "encoder_reversed": ("the encoder's DIR at 3V3", _encoder_reversed),
    "both_reversed": ("one coil and the encoder the wrong way round", _both(_coils_reversed, _encoder_reversed)),
    "microsteps_open": ("MS1 and MS2 are open: eighths of a step", _wires(microsteps_open=True)),
    "rotor_loose": ("the rotor's clamp is not tight", lambda pump: pump.slip(20.0)),
    "buzzer_silent": ("the buzzer is not at GP13", _wires(buzzer_open=True)),
    "led_dark": ("the LED the wrong way round", _wires(led_open=True)),
    "tube_reversed": ("the tube lies in the head the wrong way round", _wires(tube_reversed=True)),
    "head_stiff": ("an axle screw is too tight", lambda pump: pump.weaken(1.0, load_mnm=60.0)),
    "tube_open": ("the rollers' gap is 0.2 mm too wide", lambda pump: pump.weaken(1.0, gap_error_mm=0.2)),
    "tee_before_pump": ("the pressure sensor's tee is at the inlet", _wires(tee_before_pump=True)),
}  # fmt: skip


def build_in(pump: Pump, fault: str) -> None:
    """Build a fault of the table into a rig. Raises KeyError."""
    FAULTS[fault][1](pump)
