"""Bad weather that no person makes: a supply that sags, a sensor that fails, a cable that is pulled, a hot driver.

Owns: the draws of these events.
Rules: none of them moves a program's grid; a generator in the same state gives the same events.
Units: ms since the scenario's start.
Leaves: when they may come, and all else that may happen, to weeks.py.
"""

from __future__ import annotations

from random import Random

from oracle.scenario import Event

CLASSES = ("brownout", "sensor", "unplug", "silence", "hot", "pressure", "again")


def brownout(draw: Random, at_ms: int) -> list[Event]:
    """Down to a warning, or to where the motor would lose steps; then somebody lets it go on."""
    volts, for_ms = draw.choice([8.0, 9.5, 10.2, 11.0]), draw.choice([100, 2_000, 60_000])
    events = [Event(at_ms, "brownout", {"volts": volts, "for_ms": for_ms})]
    if draw.random() < 0.8:
        back_ms = at_ms + for_ms + draw.choice([2_000, 120_000, 1_800_000])
        events += [Event(back_ms, "ack"), Event(back_ms + 2_000, "resume")]
    return events


def sensor(draw: Random, at_ms: int) -> list[Event]:
    """One that does not answer for a while."""
    name = draw.choice(["encoder", "pressure", "supply"])
    fails = Event(at_ms, "sensor_fail", {"sensor": name, "how": "absent"})
    return [fails, Event(at_ms + draw.choice([500, 60_000, 1_800_000]), "sensor_ok", {"sensor": name})]


def unplug(draw: Random, at_ms: int) -> list[Event]:
    """The host's cable; the buttons go on."""
    return [Event(at_ms, "unplug"), Event(at_ms + draw.choice([1_000, 60_000, 1_800_000]), "plug")]


def silence(draw: Random, at_ms: int) -> list[Event]:
    """The silence button, which changes no flow."""
    return [Event(at_ms, "press_silence")]


def hot(draw: Random, at_ms: int) -> list[Event]:
    """The motor's driver."""
    return [Event(at_ms, "hot", {"celsius": 95.0}), Event(at_ms + 600_000, "hot", {"celsius": 25.0})]


def pressure(draw: Random, at_ms: int) -> list[Event]:
    """At the line's tip, well below an occlusion."""
    return [Event(at_ms, "back_pressure", {"pressure_pa": draw.choice([0, 1_500, 8_000])})]


def again(draw: Random, at_ms: int) -> list[Event]:
    """Stop and resume in quick turns, a priming or a refill between."""
    events: list[Event] = []
    for _ in range(draw.randrange(2, 5)):
        events.append(Event(at_ms, draw.choice(["stop", "press_stop"])))
        if draw.random() < 0.4:
            events.append(Event(at_ms + 300, draw.choice(["prime", "demand", "press_bolus", "power_cut"])))
            events[-1].fields.update({"volume_nl": 1_000} if events[-1].do == "prime" else {})
            events[-1].fields.update({"for_ms": 100} if events[-1].do == "power_cut" else {})
        at_ms += draw.choice([600, 1_000, 5_000])
        events.append(Event(at_ms, "resume"))
        at_ms += draw.choice([300, 700, 20_000])
    return events
