"""Requests checked against the command table before anything is sent.

Owns: the host's side of the table's limits.
Rules: a value outside the table's range never leaves the host; the table is the only place that states a range.
Units: by the argument's name, as the table gives them.
Leaves: what the device alone can know (state, lockouts, caps) to the device.
"""

from __future__ import annotations

from collections.abc import Callable

from pumpwire import codec, spec, texts

from pumprig import quantities
from pumprig.errors import UsageError

Value = int | str | None


def fields_of(verb: str, values: dict[str, Value]) -> list[tuple[str, Value]]:
    """The (name, value) pairs of a request in the table's order. Raises UsageError."""
    row = spec.command(verb)
    if row is None:
        raise UsageError(f"'{verb}' is not in the command table.", "Nothing was sent.")
    left = dict(values)
    pairs: list[tuple[str, Value]] = []
    for name, kind, low, high, _word, default in row[1]:
        value = left.pop(name, None)
        if value is None:
            if default is None and name not in spec.OPTIONAL:
                raise UsageError(
                    f"`{verb}` needs {name} ({texts.ARGUMENTS[verb, name]}).", "Nothing was sent."
                )
            continue
        _check(verb, name, kind, low, high, value)
        pairs.append((name, value))
    if left:
        raise UsageError(f"`{verb}` takes no {', '.join(left)}.", "Nothing was sent.")
    return pairs


def _check(verb: str, name: str, kind: str, low: int, high: int, value: int | str) -> None:
    if isinstance(value, str):
        if not low <= len(value) <= high:
            raise UsageError(
                f"{verb}: {name} has {len(value)} characters, not {low} to {high}.", "Nothing was sent."
            )
    elif not low <= value <= high:
        shown = _shown(value, kind)
        allowed = f"{_shown(low, kind)} to {_shown(high, kind)}"
        raise UsageError(f"{verb}: {shown} is outside the allowed range {allowed}.", "Nothing was sent.")


def _shown(value: int, kind: str) -> str:
    return quantities.show(value, kind) if kind in ("rate", "volume", "time") else str(value)


def line_of(seq: int, verb: str, values: dict[str, Value], mark: Callable[[str], str] | None = None) -> str:
    """The sealed line of a checked request, marked where a key is set. Raises UsageError, also for one too long."""
    line = codec.request(seq, verb, fields_of(verb, values), mark)
    if len(line) > codec.MAX_LINE:
        raise UsageError(
            f"`{verb}` would be {len(line)} characters long, more than {codec.MAX_LINE}.", "Nothing was sent."
        )
    return line
