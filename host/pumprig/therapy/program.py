"""A therapy program: from the TOML file to the document that the rig stages.

Owns: the keys of the file and what each becomes.
Rules: every fault of a file is told at once; the document is the rig's own, checked by the very code that checks
it there.
Units: nL/day, nL, ms, s as pumpwire.documents states.
Leaves: values and positions to reader.py, what follows from a program to forecast.py, text back to TOML to save.py.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from pumpwire import daily, documents, shapes, units
from pumpwire import program as arithmetic

from pumprig.paths import configuration
from pumprig.quantities import now_utc_us, parse, volume_text
from pumprig.therapy import allowed, bridge_table, zones
from pumprig.therapy.positions import Path
from pumprig.therapy.reader import Reader

MAX_RATE = documents.MAX_RATE_NL_PER_DAY
MINIMUM = "minimum"  # in the place of a rate
FIELD_PATHS: dict[str, Path] = {
    "name": ("name",),
    "basal": ("basal",),
    "ramp": ("basal", "ramp"),
    "phases": ("basal", "phases"),
    "periodic": ("periodic_bolus",),
    "demand": ("demand_bolus",),
    "low_nl": ("reservoir", "low_alert"),
    "reservoir_nl": ("reservoir", "volume"),
    "soft_nl_per_day": ("limits", "soft_max_rate"),
    "hard_nl_per_day": ("limits", "hard_max_rate"),
    "cap_nl": ("limits", "max_per_24h"),
    "zone": ("time", "zone"),
    "bridge": ("bridge",),
}


@dataclass(frozen=True)
class Drug:
    """A drug in the reservoir; the first of a mixture is the one that is programmed."""

    name: str
    concentration_ng_per_ml: int


@dataclass(frozen=True)
class Program:
    """A checked program: its document, the canonical text and its hash."""

    document: dict[str, Any]
    text: str
    hash: str

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["name"])

    @property
    def mode(self) -> str:
        """constant, minimum, flex, phases or ramp."""
        return mode_of(self.document)


def mode_of(document: dict[str, Any]) -> str:
    """ramp, phases, flex, constant or minimum, as the rig names it."""
    return arithmetic.mode_of(document, minimum_nl_per_day())


@cache
def minimum_nl_per_day() -> int:
    """The rate that a file calls "minimum": of config.toml, else the packaged one. Raises UsageError."""
    packaged = tomllib.loads((FilePath(__file__).parent / "implant.toml").read_text(encoding="utf-8"))
    text = configuration().get("minimum_rate", packaged["minimum_rate"])
    return parse(text, "rate", "minimum_rate")


def of_text(text: str) -> Program:
    """A document's text -> Program. Raises pumpwire.documents.DocumentError."""
    document = documents.parse(text)
    canonical = documents.canonical(document)
    return Program(document, canonical, documents.digest(canonical))


def load(path: FilePath, now_us: int | None = None) -> Program:
    """A TOML file -> Program. now_us decides from when on the zone's transitions are listed. Raises InputFileError."""
    reader = Reader(path)
    document = read_into(reader, (now_utc_us() if now_us is None else now_us) // 1_000_000)
    if not reader.faults:
        allowed.check_flows(reader, document)
    if not reader.faults:
        try:
            allowed.check_cap(reader, documents.parse(documents.canonical(document)))
        except documents.DocumentError as error:
            field, why = error.args
            reader.fault(_path_of(reader, str(field)), None, str(why))
    reader.finish("therapy program")
    return of_text(documents.canonical(document))


def constant(active: Program | None, rate_nl_per_day: int) -> Program:
    """A constant base rate; all else of the active program stays."""
    return of_text(documents.canonical(daily.constant(active.document if active else None, rate_nl_per_day)))


def drugs_of(document: dict[str, Any]) -> list[Drug]:
    """The drugs of a program, the programmed one first; empty where none is named."""
    if not document["drug"] or not document["concentration"]:
        return []
    names = document["drug"].split(" + ")
    concentrations = document["concentration"].split(" + ")
    return [Drug(n, units.parse(c, "concentration")) for n, c in zip(names, concentrations, strict=False)]


def _path_of(reader: Reader, field: str) -> Path:
    if field in documents.WEEKDAYS:
        return ("basal", field)
    path = FIELD_PATHS.get(field, ())
    return path if not path or path[0] in reader.root else ()


def read_into(reader: Reader, now_s: int) -> dict[str, Any]:
    """What the file says, as a document's fields; faults stay with the reader."""
    """The fields of a document as they stand in a file; faults are the reader's."""
    root = reader.root
    out: dict[str, Any] = {"kind": "program", "name": reader.text(root, (), "name", 40) or ""}
    _drug(reader, out)
    limits = reader.table(root, (), "limits")
    for key, field in (("soft_max_rate", "soft_nl_per_day"), ("hard_max_rate", "hard_nl_per_day")):
        out[field] = reader.quantity(limits, ("limits",), key, "rate", 1, MAX_RATE, MAX_RATE)
    out["cap_nl"] = reader.quantity(limits, ("limits",), "max_per_24h", "volume", 1, MAX_RATE, MAX_RATE)
    hard = out["hard_nl_per_day"] or MAX_RATE
    reservoir = reader.table(root, (), "reservoir")
    (least, highest), default_nl = _field("reservoir_nl")
    out["reservoir_nl"] = reader.quantity(
        reservoir, ("reservoir",), "volume", "volume", least, highest, default_nl
    )
    most = max(0, (out["reservoir_nl"] or highest) - 1)
    (least, _highest), default_nl = _field("low_nl")
    out["low_nl"] = reader.quantity(
        reservoir, ("reservoir",), "low_alert", "volume", least, most, min(default_nl, most)
    )
    out["catheter_nl"] = _catheter(reader)
    _basal(reader, out, hard)
    _boluses(reader, out)
    time = reader.table(root, (), "time")
    zone = reader.text(time, ("time",), "zone", 64, "UTC") or "UTC"
    try:
        out["zone"] = zones.transitions(zone, now_s)
    except KeyError:
        reader.fault(("time", "zone"), zone, 'is no time zone; write one like "Europe/Zurich" or "UTC"')
    power = reader.table(root, (), "power")
    out["on_return"] = reader.choice(power, ("power",), "on_return", ("resume", "stop"), "resume")
    out["on_stall"] = reader.choice(power, ("power",), "on_stall", ("stop", "retry"), "stop")
    out["bridge"] = bridge_table.read(reader, out, hard)
    return out


def _drug(reader: Reader, out: dict[str, Any]) -> None:
    drug = reader.table(reader.root, (), "drug")
    if not drug:
        return
    rows = [(drug, ("drug",)), *reader.tables(drug, ("drug",), "also")]
    names: list[str] = []
    concentrations: list[str] = []
    for table, path in rows:
        name = reader.text(table, path, "name", 40)
        number = reader.quantity(table, path, "concentration", "concentration", 1, 1_000_000_000)
        if name and "+" in name:
            reader.fault((*path, "name"), name, "must not contain a +, which joins the drugs of a mixture")
        names.append(name or "")
        concentrations.append(str(table.get("concentration", "")))
        if len(names) == 1:
            reader.concentration_ng_per_ml = number
    out["drug"], out["concentration"] = " + ".join(names), " + ".join(concentrations)
    for key in ("drug", "concentration"):
        if len(out[key]) > 64:
            reader.fault(("drug",), out[key], "names, and concentrations, may have 64 characters together")


def _catheter(reader: Reader) -> int:
    table = reader.table(reader.root, (), "catheter")
    if not table:
        return 0
    if "volume" in table:
        return reader.quantity(table, ("catheter",), "volume", "volume", *_field("catheter_nl")[0]) or 0
    length_um = reader.quantity(table, ("catheter",), "length", "length", 1_000, 5_000_000)
    lineic = reader.quantity(table, ("catheter",), "volume_per_length", "lineic", 1, 1_000_000)
    volume_nl = (length_um or 0) * (lineic or 0) // 10_000
    most_nl = _field("catheter_nl")[0][1]
    if volume_nl > most_nl:
        reader.fault(("catheter",), None, f"holds more than the allowed {volume_text(most_nl)}")
    return volume_nl


def _basal(reader: Reader, out: dict[str, Any], hard: int) -> None:
    basal = reader.table(reader.root, (), "basal")
    path: Path = ("basal",)
    given = [key for key in ("rate", "steps", "ramp", "phases") if key in basal]
    if len(given) != 1:
        reader.fault(
            path,
            None,
            f"needs exactly one of rate, steps, ramp, phases; it has {' and '.join(given) or 'none'}",
        )
    for key in ("rate", "steps", "ramp", "phases"):
        reader.get(basal, path, key)
    if "rate" in basal:
        lowest = minimum_nl_per_day() if basal["rate"] == MINIMUM else None
        rate = reader.quantity(basal, path, "rate", "rate", 0, hard) if lowest is None else lowest
        out["basal"] = ((0, rate or 0),)
    if "steps" in basal:
        out["basal"] = _steps(reader, basal, path, "steps", hard)
    for day in documents.WEEKDAYS:
        reader.get(basal, path, day)
        if day in basal:
            out[day] = _steps(reader, basal, path, day, hard)
    if "ramp" in basal:
        out["ramp"] = _ramp(reader, basal, hard)
    if "phases" in basal:
        out["phases"] = tuple(
            (
                _seconds(reader, table, here, "for", shapes.PHASE) or 0,
                reader.quantity(table, here, "rate", "rate", 0, hard) or 0,
            )
            for table, here in reader.tables(basal, path, "phases")
        )


def _steps(
    reader: Reader, basal: dict[str, Any], path: Path, key: str, hard: int
) -> tuple[tuple[int, int], ...]:
    rows: list[tuple[int, int]] = []
    for table, here in reader.tables(basal, path, key):
        from_s = reader.clock_time(table, here, "from")
        rate = reader.quantity(table, here, "rate", "rate", 0, hard)
        if from_s is not None:
            if not rows and from_s != 0:
                reader.fault((*here, "from"), table.get("from"), 'the first step must begin at "00:00"')
            if rows and from_s <= rows[-1][0]:
                reader.fault((*here, "from"), table.get("from"), "must be later than the step before it")
        rows.append((from_s or 0, rate or 0))
    return tuple(rows)


def _ramp(reader: Reader, basal: dict[str, Any], hard: int) -> tuple[tuple[int, ...], ...]:
    table = reader.table(basal, ("basal",), "ramp")
    path: Path = ("basal", "ramp")
    ceiling = reader.quantity(table, path, "ceiling", "rate", 1, hard) or 0
    start = reader.quantity(table, path, "start", "rate", 0, ceiling or hard) or 0
    step = reader.quantity(table, path, "step", "rate", 1, hard) or 0
    key = "every" if "every" in table and "interval" not in table else "interval"  # the same, as in a bolus
    return ((start, step, _seconds(reader, table, path, key, shapes.RAMP) or 0, ceiling),)


def _boluses(reader: Reader, out: dict[str, Any]) -> None:
    rows: list[tuple[int, ...]] = []
    for table, here in reader.tables(reader.root, (), "periodic_bolus"):
        every_s = _seconds(reader, table, here, "every", shapes.PERIODIC) or 0
        volume = reader.quantity(table, here, "volume", "volume", *_limits(shapes.PERIODIC, "volume_nl")) or 0
        least_ms, most_ms = _limits(shapes.PERIODIC, "over_ms")
        most_ms = min(most_ms, every_s * 1000 or most_ms)
        over_ms = reader.quantity(table, here, "over", "time", least_ms, most_ms) or least_ms
        first_s = _first_s(reader, table, here)
        rows.append((every_s, volume, over_ms, first_s or 0))
    out["periodic"] = tuple(rows)
    demand = reader.table(reader.root, (), "demand_bolus")
    if demand:
        path: Path = ("demand_bolus",)
        volume = reader.quantity(demand, path, "volume", "volume", *_limits(shapes.DEMAND, "volume_nl")) or 0
        least_ms, most_ms = _limits(shapes.DEMAND, "over_ms")
        over_ms = reader.quantity(demand, path, "over", "time", least_ms, most_ms) or least_ms
        lockout_s = _seconds(reader, demand, path, "lockout", shapes.DEMAND) or 0
        most = reader.count(demand, path, "max_per_24h", *_limits(shapes.DEMAND, "max_per_24h")) or 0
        out["demand"] = ((volume, over_ms, lockout_s, most),)


def _first_s(reader: Reader, table: dict[str, Any], here: Path) -> int | None:
    """When the first one is due; 0, as the rig has it: after `every`, for it is left out."""
    return _seconds(reader, table, here, "first", shapes.PERIODIC, lowest_s=1) if "first" in table else 0


def _field(name: str) -> tuple[tuple[int, int], int]:
    """((lowest, highest), default) of a program's field, as the rig has them."""
    return next((kind, default) for field, kind, default in documents.FIELDS["program"] if field == name)


def _limits(shape: tuple[tuple[str, int, int], ...], name: str) -> tuple[int, int]:
    """(lowest, highest) of a part of an item, as the rig has them."""
    return next((low, high) for part, low, high in shape if part == name)


def _seconds(
    reader: Reader,
    table: dict[str, Any],
    path: Path,
    key: str,
    shape: tuple[tuple[str, int, int], ...],
    lowest_s: int = 0,
    default_s: int | None = None,
) -> int | None:
    """A time that the rig keeps in whole seconds; one that is none is refused, not rounded."""
    name = {"interval": "interval_s", "for": "for_s"}.get(key, key + "_s")
    if shape is shapes.RAMP:
        name = "interval_s"
    low, high = _limits(shape, name)
    default_ms = None if default_s is None else default_s * 1000
    value_ms = reader.quantity(table, path, key, "time", max(low, lowest_s) * 1000, high * 1000, default_ms)
    if value_ms is not None and value_ms % 1000:
        reader.fault((*path, key), table[key], "must be a whole number of seconds")
        return None
    return None if value_ms is None else value_ms // 1000
