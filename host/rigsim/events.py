"""What happens to a rig: the events of a rehearsal or a scenario, from the table below.

Owns: each event's name, its arguments and what it does to the simulated rig.
Rules: an event touches the world (fluid, rotor, supply, buttons, power, cable) or sends a real line over the
link; it never reaches into the firmware. An unknown event or argument is refused before anything runs.
Units: arguments are numbers whose name ends in the unit (`volume_nl`, `over_ms`) or text with a unit
(`volume`, `over`).
Leaves: bouncing to buttons.py, closed forms to physics/, lines to wire.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pumpwire import units

from rigsim import buttons
from rigsim.chip import CYCLES_PER_MS, CYCLES_PER_US
from rigsim.driver import SimRig
from rigsim.wire import Wire

FIELD_SHAKES_DEG = 0.5  # standard deviation
BROWNOUT_V = 5.0
HOT_C = 40.0
FOREVER = 1 << 62  # cycles


class EventError(ValueError):
    """An event that cannot be understood: which one and why."""


class World:
    """What events act on: a rig, its link, and where virtual time zero lies in UTC."""

    def __init__(self, rig: SimRig, wire: Wire, start_cycle: int, start_utc_us: int) -> None:
        self.rig = rig
        self.wire = wire
        self.start_cycle = start_cycle
        self.start_utc_us = start_utc_us
        self.power_cuts = 0
        self.dark_until = 0  # the cycle until which a cut keeps the power away

    def utc_us_at(self, cycle: int) -> int:
        """UTC of a simulated instant."""
        return self.start_utc_us + (cycle - self.start_cycle) // CYCLES_PER_US

    def utc_us(self) -> int:
        """UTC of the present simulated instant."""
        return self.utc_us_at(self.rig.chip.now)


Event = Mapping[str, Any]
Action = Callable[[World, Event], None]


def _quantity(event: Event, name: str, kind: str, suffix: str, default: int | None = None) -> int:
    """`volume_nl = 5000` or `volume = "5 ul"`."""
    if f"{name}_{suffix}" in event:
        return int(event[f"{name}_{suffix}"])
    if name in event:
        try:
            return units.parse(str(event[name]), kind)
        except units.UnitError as error:
            raise EventError(f"{event['do']}: {name}: {error}") from error
    if default is None:
        raise EventError(f"{event['do']} needs {name}")
    return default


def _over(event: Event, default_ms: int | None = None) -> int:
    return _quantity(event, "for", "time", "ms", default_ms)


def _later(world: World, delay_ms: int, action: Callable[[], None]) -> None:
    world.rig.at(world.rig.chip.now + delay_ms * CYCLES_PER_MS, action)


def _pressure_pa(event: Event) -> float:
    try:
        return float(event["pressure_pa"])
    except (ValueError, KeyError, TypeError):
        raise EventError("back_pressure needs pressure_pa, a number") from None


def _slip(world: World, event: Event) -> None:
    try:
        percent = float(event["percent"])
    except (ValueError, KeyError, TypeError):
        raise EventError("slip needs percent, a number") from None
    if not 0 <= percent <= 100:
        raise EventError(f"slip: percent is 0 to 100, not {percent:g}")
    world.rig.pump.slip(percent)


def _free(world: World, _event: Event) -> None:
    world.rig.pump.jam(False)
    world.rig.pump.slip(0)


def _press(name: str) -> Action:
    return lambda world, event: buttons.press(world.rig, name, _over(event, buttons.HOLD_US // 1000) * 1000)


def _refill(world: World, event: Event) -> None:
    """Fluid is exchanged by hand; unless `silent` the host tells the firmware, with `measured` also what was found."""
    volume_nl = _quantity(event, "volume", "volume", "nl")
    pump = world.rig.pump
    pump.advance()
    found_nl = int(pump.fluid.reservoir_nl)
    pump.fluid.refill(volume_nl)
    if event.get("silent"):
        return
    removed = found_nl if event.get("measured") else None
    if "removed" in event or "removed_nl" in event:
        removed = _quantity(event, "removed", "volume", "nl")
    world.wire.command("refill", ("volume_nl", volume_nl), ("removed_nl", removed))


def _occlude(world: World, event: Event) -> None:
    where = event.get("where", "downstream")
    if where not in ("downstream", "upstream"):
        raise EventError(f"occlude: where is downstream or upstream, not {where!r}")
    world.rig.pump.change(**{"occluded" if where == "downstream" else "inlet_occluded": True})


def _release(world: World, event: Event) -> None:
    world.rig.pump.change(occluded=False, inlet_occluded=False)


def _power_cut(world: World, event: Event) -> None:
    """For a time, or until `power_on`. Of several at once the longest holds."""
    if world.rig.powered:
        world.power_cuts += 1
        world.dark_until = 0
    world.rig.power_off()
    world.wire.reset()
    if "for" in event or "for_ms" in event:
        over_ms = _over(event)
        world.dark_until = max(world.dark_until, world.rig.chip.now + over_ms * CYCLES_PER_MS)
        _later(world, over_ms, lambda: _power_back(world))
    else:
        world.dark_until = FOREVER


def _power_back(world: World) -> None:
    if world.rig.chip.now >= world.dark_until:
        _power_on(world, {})


def _power_on(world: World, _event: Event) -> None:
    if not world.rig.powered:
        world.rig.power_on()


def _brownout(world: World, event: Event) -> None:
    _supply(world, float(event.get("volts", BROWNOUT_V)))
    _later(world, _over(event, 10_000), lambda: _supply(world, None))


def _supply(world: World, volts: float | None) -> None:
    """The firmware reads the supply at every tick: the next one has to see the change."""
    world.rig.pump.set_supply(volts)
    world.rig.wake()


def _plug(connected: bool) -> Action:
    def act(world: World, event: Event) -> None:
        world.rig.port.plug(connected)
        world.wire.reset()

    return act


def _set_clock(world: World, event: Event) -> None:
    """To `utc_us`, `by_ms` further than it is (or back), or right."""
    utc_us = int(event.get("utc_us", world.utc_us() + 1000 * int(event.get("by_ms", 0))))
    world.wire.command("clock", ("utc_us", utc_us))


def _sensor(world: World, event: Event, failure: str) -> None:
    name = event.get("sensor", "encoder")
    sensors = {"encoder": world.rig.pump.encoder, "pressure": world.rig.pump.pressure}
    if name == "supply":
        world.rig.pump.supply_failure = failure
        world.rig.wake()
    elif name in sensors:
        sensors[name].fail(failure)
    else:
        raise EventError(f"sensor is encoder, pressure or supply, not {name!r}")


def _bolus(world: World, event: Event) -> None:
    volume_nl = _quantity(event, "volume", "volume", "nl")
    over_ms = _quantity(event, "over", "time", "ms", 60_000)
    spread = int(bool(event.get("spread", False)))
    world.wire.command("bolus", ("volume_nl", volume_nl), ("over_ms", over_ms), ("spread", spread))


def _dispense(world: World, event: Event) -> None:
    fields = [("volume_nl", _quantity(event, "volume", "volume", "nl"))]
    if "rate" in event or "rate_nl_per_day" in event:
        fields.append(("rate_nl_per_day", _quantity(event, "rate", "rate", "nl_per_day")))
    else:
        fields.append(("over_ms", _quantity(event, "over", "time", "ms", 60_000)))
    world.wire.command("dispense", *fields)


def _rate(world: World, event: Event) -> None:
    world.wire.rate(_quantity(event, "rate", "rate", "nl_per_day"))


def _prime(world: World, event: Event) -> None:
    world.wire.command("prime", ("volume_nl", _quantity(event, "volume", "volume", "nl", 0)))


def _load(world: World, event: Event) -> None:
    text = event.get("document", event.get("program"))
    if not isinstance(text, str) or not text.startswith("kind="):
        raise EventError("load needs the canonical text of a document")
    world.wire.load(text)


def _verb(verb: str) -> Action:
    return lambda world, event: world.wire.command(verb)


# name: (arguments, what it does)
EVENTS: dict[str, tuple[tuple[str, ...], Action]] = {
    "press_bolus": (("for",), _press("request")),
    "press_stop": (("for",), _press("stop")),
    "press_silence": (("for",), _press("silence")),
    "refill": (("volume", "removed", "silent", "measured"), _refill),
    "occlude": (("where",), _occlude),
    "release": ((), _release),
    "stall": ((), lambda world, event: world.rig.pump.jam(True)),
    "field": ((), lambda world, event: world.rig.pump.jam(True, FIELD_SHAKES_DEG)),
    "slip": (("percent",), _slip),
    "free": ((), _free),
    "air": (
        ("volume",),
        lambda world, event: world.rig.pump.change(air_nl=float(_quantity(event, "volume", "volume", "nl"))),
    ),
    "power_cut": (("for",), _power_cut),
    "power_on": ((), _power_on),
    "brownout": (("volts", "for"), _brownout),
    "hot": (
        ("celsius",),
        lambda world, event: world.rig.pump.change(temperature_c=float(event.get("celsius", HOT_C))),
    ),
    "unplug": ((), _plug(False)),
    "plug": ((), _plug(True)),
    "set_clock": (("utc", "by"), _set_clock),
    "sensor_fail": (
        ("sensor", "how"),
        lambda world, event: _sensor(world, event, event.get("how", "absent")),
    ),
    "sensor_ok": (("sensor",), lambda world, event: _sensor(world, event, "ok")),
    "back_pressure": (
        ("pressure",),
        lambda world, event: world.rig.pump.change(back_pressure_pa=_pressure_pa(event)),
    ),
    "bolus": (("volume", "over", "spread"), _bolus),
    "dispense": (("volume", "over", "rate"), _dispense),
    "rate": (("rate",), _rate),
    "prime": (("volume",), _prime),
    "stop": ((), _verb("stop")),
    "resume": ((), _verb("resume")),
    "demand": ((), _verb("demand")),
    "ack": ((), _verb("ack")),
    "titrate": (
        ("ramp",),
        lambda world, event: world.wire.command("ramp", ("do", str(event.get("ramp", "hold")))),
    ),
    "new_tube": ((), _verb("tube")),
    "new_battery": ((), _verb("battery")),
    "load": (("document", "program"), _load),
}
_SUFFIXES = ("_nl_per_day", "_nl", "_ms", "_us", "_pa")


def check(event: Event) -> None:
    """Raise EventError for an event of an unknown name or with an unknown argument."""
    name = event.get("do")
    if name not in EVENTS:
        raise EventError(f"no event {name!r}; there are {', '.join(EVENTS)}")
    allowed = EVENTS[name][0]
    for key in event:
        bare = next((key[: -len(suffix)] for suffix in _SUFFIXES if key.endswith(suffix)), key)
        if key not in ("do", "at", "at_ms", "line", *allowed) and bare not in allowed:
            raise EventError(f"{name} has no argument {key!r}; it takes {', '.join(allowed) or 'none'}")


def book(world: World, events: Sequence[Event]) -> None:
    """Check all events, then have each happen at its `at_ms` after the world's start."""
    for event in events:
        check(event)
        if "at_ms" not in event:
            raise EventError(f"{event['do']} has no at_ms")
    for event in events:  # the power is there for what happens at the very instant at which it returns
        if event["do"] == "power_cut" and ("for" in event or "for_ms" in event):
            back_ms = int(event["at_ms"]) + _over(event)
            world.rig.at(world.start_cycle + back_ms * CYCLES_PER_MS, lambda: _power_back(world))
    for event in events:
        action = EVENTS[event["do"]][1]
        cycle = world.start_cycle + int(event["at_ms"]) * CYCLES_PER_MS
        world.rig.at(cycle, lambda event=event, action=action: action(world, event))
