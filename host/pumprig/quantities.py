"""Quantities on the host: text with units in, text for people out.

Owns: the wording of a refused quantity, and how volumes, rates, times and instants are shown.
Rules: a number without a unit is refused with the list of units; integers inside, text only at the edge.
Units: rate nL/day, volume nL, time ms; instants in microseconds since 1970 UTC.
Leaves: the table of units to pumpwire.units, limits to pumpwire.spec and pumpwire.documents.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import floor, log10

from pumpwire import units

from pumprig.errors import UsageError

NL_PER_DAY_PER_NL_PER_H = 24
UNKNOWN = "not known"  # in place of a figure that nobody said
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VOLUME_UNITS = ((1e6, "mL", 3), (1e3, "µL", 2), (1.0, "nL", 0))
LAST_INSTANT = datetime(2106, 2, 7, tzinfo=UTC)  # seconds since 1970 fit 32 bits until then


def parse(text: str, kind: str, what: str) -> int:
    """`20 ul/h`, "rate" -> 480000. Raises UsageError that names `what` and lists the units."""
    try:
        if text.lstrip()[:1] in ("-", "\u2212"):
            raise units.UnitError(f"'{text}' is negative")
        return units.parse(text, kind)
    except units.UnitError as error:
        example = {"rate": "20 ul/h", "volume": "50 ul", "time": "10 min"}.get(
            kind, "1 " + units.UNITS[kind][0][0]
        )
        raise UsageError(f"{what}: {error}.", "Nothing was sent.", f"Write it like `{example}`.") from None


def show(value: int, kind: str) -> str:
    """The canonical text of a value, which `parse` takes back unchanged."""
    return units.show(value, kind)


def volume_text(volume_nl: float | None) -> str:
    """A volume for people: four significant figures in a fitting unit; one that was not said is not known."""
    if volume_nl is None:
        return UNKNOWN
    scale, unit, decimals = _fitting(abs(volume_nl))
    return f"{volume_nl / scale:.{decimals}f} {unit}"


def _fitting(size_nl: float) -> tuple[float, str, int]:
    """(its size in nL, name, decimals of four significant figures) of the unit that fits a volume."""
    return next((row for row in VOLUME_UNITS if size_nl >= row[0]), VOLUME_UNITS[-1])


def rate_text(rate_nl_per_h: float | None) -> str:
    """A rate for people, with its other usual unit; one that was not said is not known."""
    if rate_nl_per_h is None:
        return UNKNOWN
    per_day_ml = rate_nl_per_h * 24 / 1_000_000
    if rate_nl_per_h >= 1_000_000:
        return f"{rate_nl_per_h / 1_000_000:.4g} mL/h"
    return f"{rate_nl_per_h / 1_000:.4g} µL/h ({per_day_ml:.4g} mL/day)"


def with_u(value: float, u: float) -> tuple[str, str]:
    """A figure and its uncertainty as texts, both to the second digit of the uncertainty (GUM 7.2.6)."""
    decimals = max(0, 1 - floor(log10(u))) if u > 0 else 6
    return f"{value:.{decimals}f}", f"{u:.{decimals}f}"


def plus_minus(value: float, u: float) -> str:
    """`1006.9 ± 2.8`."""
    return " ± ".join(with_u(value, u))


def volume_with_u(volume_nl: float, u_nl: float) -> str:
    """`43.20 ± 0.43 µL`: a volume and its expanded uncertainty in one unit."""
    if not u_nl:
        return volume_text(volume_nl)
    scale, unit, _decimals = _fitting(max(abs(volume_nl), abs(u_nl)))
    return f"{plus_minus(volume_nl / scale, u_nl / scale)} {unit}"


def nl_per_h(rate_nl_per_day: int) -> int | float:
    """nL/day -> nL/h, as an integer where it is one."""
    whole, rest = divmod(rate_nl_per_day, NL_PER_DAY_PER_NL_PER_H)
    return whole if not rest else rate_nl_per_day / NL_PER_DAY_PER_NL_PER_H


def duration_text(duration_ms: float) -> str:
    """A duration for people: the two largest units that say something."""
    seconds = max(0, round(duration_ms / 1000))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


# What shows a value of a kind; of a kind that is not here a value stands as it is
SHOWN: dict[str, Callable[[float], str]] = {
    "rate": lambda value: rate_text(value / NL_PER_DAY_PER_NL_PER_H),
    "volume": volume_text,
    "time": duration_text,
    "us": lambda value: duration_text(value / 1000),
    "instant": lambda value: utc_text(round(value)),
    "mV": lambda value: f"{value / 1000:.2f} V",
    "Pa": lambda value: f"{value / 1000:z.1f} kPa",
    "ppm": lambda value: f"{value / 10_000:.3g} %",
}


def said(name: str, value: int) -> tuple[str, str]:
    """A field as a person says it: ("wait_s", 7200) -> ("wait", "2 h"); a name that is a unit alone is no word."""
    for ending, kind, scale in units.ENDINGS:
        if name.endswith(ending) or name == ending[1:]:
            shown = SHOWN[kind](value * scale) if kind in SHOWN else f"{value} {kind}"
            return name[: -len(ending)].replace("_", " ").strip(), shown
    return name.replace("_", " "), str(value)


def moment(utc_us: int | None) -> datetime | None:
    """Microseconds since 1970 -> an aware datetime; 0 and None are not known."""
    return EPOCH + timedelta(microseconds=utc_us) if utc_us else None


def iso(utc_us: int | None) -> str | None:
    """Microseconds since 1970 -> ISO 8601 UTC with milliseconds; 0 and None are not known."""
    if not utc_us:
        return None
    return (EPOCH + timedelta(microseconds=utc_us)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_text(utc_us: int) -> str:
    """An instant for people who may be in any time zone: `2026-03-01 07:00:00 UTC`."""
    return utc_of(iso(utc_us))


def utc_of(text: str | None, characters: int = 19) -> str:
    """An ISO 8601 text in UTC as a person reads it, and as `parse_instant` takes it back."""
    return text[:characters].replace("T", " ") + " UTC" if text else UNKNOWN


def local_text(utc_us: int | None) -> str:
    """An instant in the computer's own time zone, for people: `2026-03-01 08:00+01:00`, or with `UTC`."""
    if not utc_us:
        return "not known"
    at = EPOCH + timedelta(microseconds=utc_us)
    try:
        return at.astimezone().isoformat(" ", "minutes").replace("+00:00", " UTC")
    except (OverflowError, OSError, ValueError):  # TZ names an offset that no zone has
        return f"{at:%Y-%m-%d %H:%M} UTC"


def to_utc_us(moment: datetime) -> int:
    """A moment with a time zone -> microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def now_utc_us() -> int:
    """The computer's clock."""
    return to_utc_us(datetime.now(UTC))


def parse_instant(text: str, what: str, now_us: int) -> int:
    """`2026-03-01`, `2026-03-01T08:00`, `now`, or `2 d` for two days before now -> microseconds. Raises UsageError.

    An instant without a zone is in the computer's own time zone.
    """
    if text == "now":
        return now_us
    try:
        instant_us = _instant_us(text, now_us)
    except units.UnitError:
        raise UsageError(
            f"{what}: '{text}' is no instant.",
            "Nothing was read.",
            "Write an ISO 8601 time (`2026-03-01T08:00`) or how long ago (`2 d`).",
        ) from None
    if not 0 <= instant_us <= to_utc_us(LAST_INSTANT):
        raise UsageError(f"{what}: '{text}' lies outside 1970 to 2106.", "Nothing was read.")
    return instant_us


def _instant_us(text: str, now_us: int) -> int:
    try:
        moment = datetime.fromisoformat(
            text.strip().removesuffix(" UTC") + "Z" * text.strip().endswith(" UTC")
        )
    except ValueError:
        return now_us - units.parse(text, "time") * 1000
    try:
        return to_utc_us(moment.astimezone() if moment.tzinfo is None else moment)
    except (OverflowError, OSError, ValueError):  # a year that the system's clock does not know
        return to_utc_us(moment.replace(tzinfo=UTC))


def counted(number: int, what: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def k_text(k: float) -> str:
    """A coverage factor as it stands behind a U: `2`, `2.07`."""
    return f"{k:.2f}".rstrip("0").rstrip(".")
