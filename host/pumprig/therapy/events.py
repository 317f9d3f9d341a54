"""Events of a rehearsal or a scenario: from the TOML file to what the simulator takes.

Owns: the file's keys, and the arguments that each event takes.
Rules: every fault is told at once with its line; instants become milliseconds since the start; a program named in
a `load` is checked like any other.
Units: volumes nL, times ms, start in microseconds UTC.
Leaves: what an event does to the simulator.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path as FilePath
from typing import Any

from pumpwire import units

from pumprig.errors import InputFileError
from pumprig.quantities import EPOCH, LAST_INSTANT, to_utc_us
from pumprig.therapy import program
from pumprig.therapy.positions import Path
from pumprig.therapy.reader import Reader

MAX_MS = 20 * 366 * 86_400_000
TIMES = {"for": (20, MAX_MS), "over": (1_000, 86_400_000)}
VOLUMES = {"volume": (1, 100_000_000), "removed": (0, 100_000_000)}
CHOICES = {
    "where": ("downstream", "upstream"),
    "sensor": ("encoder", "pressure", "supply"),
    "how": ("absent", "stuck", "noisy"),
    "ramp": ("hold", "back", "go"),
}
NUMBERS = {"volts": (-50, 100), "celsius": (-50, 100), "percent": (0, 100)}
FLAGS = ("silent", "measured", "spread")
PRESSURE_PA = {"pa": 1.0, "kpa": 1000.0, "mmhg": 133.322, "psi": 6894.757, "cmh2o": 98.0665}
MOST_PRESSURE_PA = 200_000

# event: (arguments that must be there, arguments that may be)
EVENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "press_bolus": ((), ("for",)),
    "press_stop": ((), ("for",)),
    "press_silence": ((), ("for",)),
    "refill": (("volume",), ("removed", "silent", "measured")),
    "occlude": ((), ("where",)),
    "release": ((), ()),
    "stall": ((), ()),
    "field": ((), ()),
    "slip": (("percent",), ()),
    "free": ((), ()),
    "air": (("volume",), ()),
    "power_cut": ((), ("for",)),
    "power_on": ((), ()),
    "brownout": ((), ("volts", "for")),
    "hot": ((), ("celsius",)),
    "unplug": ((), ()),
    "plug": ((), ()),
    "set_clock": ((), ("to", "by")),
    "sensor_fail": ((), ("sensor", "how")),
    "sensor_ok": ((), ("sensor",)),
    "back_pressure": (("pressure",), ()),
    "bolus": (("volume",), ("over", "spread")),
    "dispense": (("volume",), ("over", "rate")),
    "rate": (("rate",), ()),
    "prime": ((), ("volume",)),
    "stop": ((), ()),
    "resume": ((), ()),
    "demand": ((), ()),
    "ack": ((), ()),
    "titrate": (("ramp",), ()),
    "new_tube": ((), ()),
    "new_battery": ((), ()),
    "load": (("program",), ()),
}


def load(path: FilePath, start_us: int | None) -> list[dict[str, Any]]:
    """A TOML file -> the simulator's events in the order of time. start_us None: instants must be durations.

    Raises InputFileError.
    """
    reader = Reader(path)
    rows = [_event(reader, table, here, start_us) for table, here in reader.tables(reader.root, (), "event")]
    reader.finish("list of events")
    return sorted(rows, key=lambda row: int(row["at_ms"]))


def _event(reader: Reader, table: dict[str, Any], path: Path, start_us: int | None) -> dict[str, Any]:
    out: dict[str, Any] = {"at_ms": _at_ms(reader, table, path, start_us), "do": ""}
    name = reader.get(table, path, "do")
    if not isinstance(name, str) or name not in EVENTS:
        reader.fault((*path, "do"), name, "must be one of " + ", ".join(EVENTS))
        for key in table:
            reader.get(table, path, key)
        return out
    out["do"] = name
    needed, possible = EVENTS[name]
    for key in needed + possible:
        if key in table or key in needed:
            field, value = _argument(reader, table, path, key, start_us)
            if value is not None:
                out[field] = value
    return out


def _at_ms(reader: Reader, table: dict[str, Any], path: Path, start_us: int | None) -> int:
    value = reader.get(table, path, "at")
    here = (*path, "at")
    if isinstance(value, datetime):
        value = value.isoformat()
    if not isinstance(value, str):
        reader.fault(
            here, value, 'must say when: since the start ("1 d 2 h") or an ISO 8601 time with a zone'
        )
        return 0
    if "T" in value or value.count("-") == 2:
        return _instant_ms(reader, here, value, start_us)
    try:
        at_ms = units.parse(value, "time")
    except units.UnitError as error:
        reader.fault(here, value, str(error))
        return 0
    if at_ms > MAX_MS:
        reader.fault(here, value, "must lie within 20 years")
    return at_ms


def _instant_ms(reader: Reader, here: Path, value: str, start_us: int | None) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        reader.fault(here, value, "is no ISO 8601 time")
        return 0
    if moment.tzinfo is None or start_us is None:
        reader.fault(here, value, "needs a zone, and a start to count from; or write a time since the start")
        return 0
    at_ms = (to_utc_us(moment) - start_us) // 1000
    if at_ms < 0:
        reader.fault(here, value, "lies before the start")
    return max(0, at_ms)


def _argument(
    reader: Reader, table: dict[str, Any], path: Path, key: str, start_us: int | None
) -> tuple[str, Any]:
    here = (*path, key)
    if key in TIMES:
        return key + "_ms", reader.quantity(table, path, key, "time", *TIMES[key])
    if key in VOLUMES:
        return key + "_nl", reader.quantity(table, path, key, "volume", *VOLUMES[key])
    if key == "rate":
        return "rate_nl_per_day", reader.quantity(table, path, key, "rate", 1, program.MAX_RATE)
    if key in CHOICES:
        return key, reader.choice(table, path, key, CHOICES[key], CHOICES[key][0])
    value: object = reader.get(table, path, key)
    if key in FLAGS:
        if not isinstance(value, bool):
            reader.fault(here, value, "must be true or false")
        return key, value
    if key in NUMBERS:
        low, high = NUMBERS[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            reader.fault(here, value, f"must be a number, {low} to {high}")
        return key, value
    if key == "program":
        return "document", _program(reader, here, value, start_us)
    if key == "to":
        return "utc_us", _clock_us(reader, here, value)
    if key == "by":
        return "by_ms", _shift_ms(reader, here, value)
    return "pressure_pa", _pressure_pa(reader, here, value)


def _pressure_pa(reader: Reader, here: Path, value: object) -> int | None:
    number, unit = units.split(str(value))
    if unit.lower() in PRESSURE_PA and number.replace(".", "", 1).isdigit():
        pressure_pa = round(float(number) * PRESSURE_PA[unit.lower()])
        if pressure_pa <= MOST_PRESSURE_PA:
            return pressure_pa
    allowed = f"must be a text of 0 to {MOST_PRESSURE_PA // 1000} kPa, like `20 kpa`"
    reader.fault(here, value, f"{allowed}; units: {', '.join(PRESSURE_PA)}")
    return None


def _clock_us(reader: Reader, here: Path, value: object) -> int | None:
    """What the rig's clock is set to, any instant that it can hold."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        if moment.tzinfo is not None and EPOCH <= moment <= LAST_INSTANT:
            return to_utc_us(moment)
    except ValueError:
        pass
    reader.fault(
        here, value, 'must be an ISO 8601 time with a zone, 1970 to 2106, like "2026-03-29T01:00:00Z"'
    )
    return None


def _shift_ms(reader: Reader, here: Path, value: object) -> int | None:
    """By how much the rig's clock is set forward, or back where a minus stands before it."""
    text = str(value)
    try:
        shift_ms = units.parse(text.lstrip("+-"), "time")
    except units.UnitError as error:
        reader.fault(here, value, f'{error}; like "1 h" or "-1 h"')
        return None
    return -shift_ms if text.startswith("-") else shift_ms


def _program(reader: Reader, here: Path, value: object, start_us: int | None) -> str | None:
    """The document of a program's file, named relative to the events' file."""
    if not isinstance(value, str):
        reader.fault(here, value, "must name a program's file")
        return None
    try:
        return program.load(reader.path.parent / value, start_us).text
    except InputFileError as error:
        reader.fault(here, value, str(error))
        return None
