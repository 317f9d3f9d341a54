"""docs/reference/program-keys.md and event-keys.md: every key of a program and of an event, as the readers read them.

Owns: the meanings, in words, and the pages' layout.
Rules: keys, kinds, ranges and defaults come from the very code that reads a file, which is run here and watched; a key
without a meaning, or a meaning without a key, stops the generation.
Units: shown with units.
Leaves: what is allowed to pumprig.therapy.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from pumprig.therapy import events, program
from pumprig.therapy.reader import Reader
from pumpwire import units

NOW_S = 1_767_225_600  # 2026-01-01, so that the page is the same on every day
TEMPLATE = files("pumprig.therapy").joinpath("new.toml").read_text(encoding="utf-8")
BASICS = 'name = "x"\n[drug]\nname = "a"\nconcentration = "1 mg/ml"\nalso = [{name = "b", concentration = "2 mg/ml"}]\n'
OTHERS = (
    BASICS
    + '[basal]\nrate = "1 ul/h"\n[catheter]\nvolume = "156 ul"\n[bridge]\nnone = true\n[[periodic_bolus]]\n'
    'every = "6 h"\nvolume = "10 ul"\nover = "5 min"\nfirst = "2 h"\n',
    BASICS
    + '[basal]\nramp = {start = "1 ul/h", step = "1 ul/h", interval = "12 h", ceiling = "600000 ul/h"}\n'
    '[bridge]\nold_concentration = "2 mg/ml"\nvolume = "156 ul"\n',
    BASICS
    + '[basal]\nphases = [{for = "1 d", rate = "1 ul/h"}]\n[bridge]\nrate = "1 ul/h"\nvolume = "156 ul"\n',
    BASICS
    + '[basal]\nsteps = [{from = "00:00", rate = "1 ul/h"}]\nsat = [{from = "00:00", rate = "1 ul/h"}]\n'
    '[bridge]\nold_concentration = "2 mg/ml"\nvolume = "156 ul"\n',
)
MEANINGS = {
    "name": "What the program is called, on the rig and in every report.",
    "drug.name": "The fluid that is programmed. No `+` in it.",
    "drug.concentration": "With it a rate or a volume may be a mass.",
    "drug.also.name": "What else is in the reservoir.",
    "drug.also.concentration": "Its dose follows from the first drug's rate.",
    "limits.soft_max_rate": "All delivery together. Beyond it only with `--override`, and that is logged.",
    "limits.hard_max_rate": "All delivery together. Beyond it never.",
    "limits.max_per_24h": "A volume: all delivery in any 24 h, but for priming.",
    "reservoir.volume": "What it holds when full.",
    "reservoir.low_alert": "Below it the alarm for a low reservoir comes.",
    "catheter.volume": "What the line holds. Instead of the next two.",
    "catheter.length": "Of the line.",
    "catheter.volume_per_length": "Of the line.",
    "basal.rate": 'The same rate always; "minimum" is the lowest that keeps the line open.',
    "basal.steps.from": "The time of the day from which the rate holds. The first is 00:00.",
    "basal.steps.rate": "The rate from then on.",
    "basal.sat.from": "The same for a day of the week: `mon` `tue` `wed` `thu` `fri` `sat` `sun`.",
    "basal.sat.rate": "The rate from then on.",
    "basal.ramp.start": "The first rate of a trial.",
    "basal.ramp.step": "By how much it rises.",
    "basal.ramp.interval": "After how long it rises; `every` means the same.",
    "basal.ramp.ceiling": "Where it ends.",
    "basal.phases.for": "How long the phase lasts; the last rate stays.",
    "basal.phases.rate": "The phase's rate.",
    "periodic_bolus.every": "From one bolus to the next.",
    "periodic_bolus.volume": "Of one bolus, besides the base flow.",
    "periodic_bolus.over": "How long one takes.",
    "periodic_bolus.first": "The first one, after the commit; without it after `every`.",
    "demand_bolus.volume": "What the button gives.",
    "demand_bolus.over": "How long it takes.",
    "demand_bolus.lockout": "None sooner after the last one.",
    "demand_bolus.max_per_24h": "How many in any 24 h.",
    "bridge.old_concentration": "Of what the line still holds: it flows at the rate that gives the new dose.",
    "bridge.volume": "Of the old fluid; without it the catheter's.",
    "bridge.rate": "Instead of `old_concentration`.",
    "bridge.none": "`true`: no bridge is wanted.",
    "time.zone": 'For the times of the day, for example "Europe/Zurich".',
    "power.on_return": "After a loss of power. Both alarm.",
    "power.on_stall": "A stalled pump stops, or tries again every two minutes.",
}
EVENT_MEANINGS = {
    "press_bolus": "The demand button is pressed.", "press_stop": "The stop button is pressed.",
    "press_silence": "The silence button is pressed.",
    "refill": "The reservoir is filled; `silent`: nobody tells the rig; `measured`: with what was found.",
    "occlude": "The line is closed.", "release": "It is open again.", "stall": "The motor stands.",
    "field": "A magnet holds the motor.", "slip": "The coupling slips by so much.",
    "free": "The motor, or the coupling, is free again.", "air": "Air comes into the line.",
    "power_cut": "The power goes, for a time or until `power_on`.", "power_on": "The power comes back.",
    "brownout": "The supply sags.", "hot": "The motor's driver gets hot.", "unplug": "The cable is pulled.",
    "plug": "It is put back.", "set_clock": "A host sets the clock, to a time or by a difference.",
    "sensor_fail": "A sensor fails.", "sensor_ok": "It works again.", "back_pressure": "Pressure at the line's tip.",
    "bolus": "A host asks for a bolus.", "dispense": "A host asks for one dose from a standing pump.",
    "rate": "A host changes the base flow to a constant rate; all else of the program stays.",
    "prime": "A host primes the line.", "stop": "A host stops the pump.", "resume": "A host lets it go on.",
    "demand": "A host asks for a demand bolus.", "ack": "A host acknowledges the alarms.",
    "titrate": "A host holds a ramp, steps it back, or lets it go.", "new_tube": "The tube was changed.",
    "new_battery": "The modelled implant's battery was changed.",
    "load": "A host loads a program: its file, beside this one.",
}  # fmt: skip


class Watched(Reader):
    """A reader that notes what each key may be."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.kinds: dict[str, tuple[str, str]] = {}  # key: (what it may be, default)

    def _note(self, path: Any, key: str, kind: str, default: object) -> None:
        name = ".".join([*(part for part in path if isinstance(part, str)), key])
        self.kinds.setdefault(name, (kind, "" if default is None else str(default)))

    def text(self, table: Any, path: Any, key: str, most: int, default: str | None = None) -> str | None:
        self._note(path, key, f"a text of 1 to {most} characters", default)
        return super().text(table, path, key, most, default)

    def choice(self, table: Any, path: Any, key: str, choices: tuple[str, ...], default: str) -> str:
        self._note(path, key, " or ".join(f'"{word}"' for word in choices), default)
        return super().choice(table, path, key, choices, default)

    def count(self, table: Any, path: Any, key: str, low: int, high: int) -> int | None:
        self._note(path, key, f"a whole number, {low} to {high}", None)
        return super().count(table, path, key, low, high)

    def quantity(
        self, table: Any, path: Any, key: str, kind: str, low: int, high: int, default: int | None = None
    ) -> int | None:
        told = f"{kind}, {units.show(low, kind)} to {units.show(high, kind)}"
        self._note(path, key, told, None if default is None else units.show(default, kind))
        return super().quantity(table, path, key, kind, low, high, default)

    def clock_time(self, table: Any, path: Any, key: str) -> int | None:
        self._note(path, key, '"00:00" to "23:59"', None)
        return super().clock_time(table, path, key)


def _watched() -> dict[str, tuple[str, str]]:
    """Every key of a program that the code reads, with what it may be and its default."""
    kinds: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for text in (*OTHERS, TEMPLATE):
            path = Path(folder) / "program.toml"
            path.write_text(text, encoding="utf-8")
            reader = Watched(path)
            program.read_into(reader, NOW_S)
            for key, value in reader.kinds.items():
                kinds.setdefault(key, value)
    kinds.setdefault("bridge.none", ("true or false", "false"))
    return kinds


def _same(found: set[str], told: set[str], what: str) -> None:
    if found != told:
        raise SystemExit(
            f"docs/keys_page.py: {what} without a meaning: {found - told}; without a key: {told - found}"
        )


def programs_page() -> str:
    """The page of a program's keys."""
    kinds = _watched()
    _same(set(kinds), set(MEANINGS), "keys")
    lines = [
        "# Every key of a therapy program",
        "",
        "Generated from the code that reads a program; do not edit. [How to write one](../how-to/programs.md).",
        "",
        "A quantity is a text with its unit. Rates and volumes may be masses where `[drug]` has a concentration.",
        "`pumprig program new FILE` writes the example below.",
        "",
        "| key | may be | without it | means |",
        "|---|---|---|---|",
    ]
    for key, meaning in MEANINGS.items():
        kind, default = kinds[key]
        lines.append(f"| `{key}` | {kind} | {default} | {meaning} |")
    return "\n".join([*lines, "", "## A whole program", "", "```toml", TEMPLATE.rstrip(), "```", ""])


def _kind_of(name: str) -> str:
    if name in events.TIMES:
        low, high = (units.show(value, "time") for value in events.TIMES[name])
        return f"time, {low} to {high}"
    if name in events.VOLUMES:
        low, high = (units.show(value, "volume") for value in events.VOLUMES[name])
        return f"volume, {low} to {high}"
    if name in events.CHOICES:
        return " or ".join(f'"{word}"' for word in events.CHOICES[name])
    if name in events.NUMBERS:
        return "a number, {} to {}".format(*events.NUMBERS[name])
    if name in events.FLAGS:
        return "true or false"
    others = {
        "rate": "rate",
        "program": "a file's name",
        "to": "an ISO 8601 time with a zone",
        "by": "a time, `-` before it for backwards",
        "pressure": f"pressure, 0 to {events.MOST_PRESSURE_PA // 1000} kPa; units: {', '.join(events.PRESSURE_PA)}",
    }
    return others[name]


def events_page() -> str:
    """The page of the events and their keys."""
    _same(set(events.EVENTS), set(EVENT_MEANINGS), "events")
    lines = [
        "# Every event of a rehearsal or a scenario",
        "",
        "Generated from the code that reads events; do not edit.",
        "For `rehearse --events FILE` and `sim --scenario FILE`.",
        "",
        "Each event is a table `[[event]]` with `do`, and with `at`: since the start (`1 d 2 h`), or an ISO 8601 time.",
        "",
        "| `do` | needs | may have | what happens |",
        "|---|---|---|---|",
    ]
    for name, (needed, possible) in events.EVENTS.items():
        cells = [", ".join(f"`{key}`" for key in keys) for keys in (needed, possible)]
        lines.append(f"| `{name}` | {cells[0]} | {cells[1]} | {EVENT_MEANINGS[name]} |")
    keys = sorted({key for needed, possible in events.EVENTS.values() for key in needed + possible})
    lines += ["", "| key | may be |", "|---|---|", *(f"| `{key}` | {_kind_of(key)} |" for key in keys)]
    example = (files("pumprig") / ".." / ".." / "examples" / "night-step-events.toml").read_text(
        encoding="utf-8"
    )
    return "\n".join([*lines, "", "## A whole list", "", "```toml", example.rstrip(), "```", ""])
