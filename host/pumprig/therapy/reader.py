"""Values out of a TOML file, every fault collected with file, line, key, value and the allowed range.

Owns: the list of faults of one file, and the reading of each kind of value.
Rules: reading never stops at the first fault; a key that nobody read is a fault; a faulty value reads as None.
Units: what a key's kind says; rates nL/day, volumes nL, times ms, concentrations ng/mL.
Leaves: which keys there are to its callers, positions to positions.py.
"""

from __future__ import annotations

import tomllib
from pathlib import Path as FilePath
from typing import Any, cast

from pumpwire import units

from pumprig import textfile
from pumprig.errors import InputFileError
from pumprig.therapy.positions import Path, lines_of, shown
from pumprig.tomltext import parsed

MASS_KINDS = {"rate": "mass_rate", "volume": "mass"}
NL_PER_ML = 1_000_000


class Reader:
    """One file. `concentration_ng_per_ml`, once set, lets rates and volumes be given as mass."""

    def __init__(self, path: FilePath) -> None:
        self.path = path
        self.faults: list[tuple[int, str]] = []
        self.concentration_ng_per_ml: int | None = None
        try:
            source = textfile.decoded(path.read_bytes()).encode()
            self.root: dict[str, Any] = parsed(source.decode("utf-8"))
        except OSError as error:
            raise InputFileError(f"{path} cannot be read: {error.strerror}.", []) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputFileError(f"{path} is no TOML file: {error}.", []) from None
        self._lines = lines_of(source)
        self._read: set[Path] = set()

    def line_of(self, path: Path) -> int:
        """The line of a key, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def fault(self, path: Path, value: object, why: str) -> None:
        """Note a fault."""
        line = self.line_of(path)
        told = f" = {_quoted(value)}" if value is not None else ""
        self.faults.append((line, f"{self.path}:{line}: {shown(path)}{told}: {why}"))

    def finish(self, what: str) -> None:
        """Raise InputFileError if there was any fault; keys that nobody read are faults, too."""
        self._unknown(self.root, ())
        if self.faults:
            count = len(self.faults)
            raise InputFileError(
                f"{self.path} is no valid {what}: {count} fault{'s' if count > 1 else ''}.",
                [text for _line, text in sorted(self.faults)],
            )

    def _unknown(self, table: dict[str, Any], path: Path) -> None:
        for key, value in table.items():
            here = (*path, key)
            if here not in self._read:
                known = sorted(str(p[-1]) for p in self._read if p[:-1] == path and isinstance(p[-1], str))
                self.fault(here, value, "is not known here; known: " + (", ".join(known) or "nothing"))
                continue
            if isinstance(value, dict):
                self._unknown(cast(dict[str, Any], value), here)
            elif isinstance(value, list):
                for index, item in enumerate(cast(list[Any], value)):
                    if isinstance(item, dict):
                        self._unknown(cast(dict[str, Any], item), (*here, index))

    # --- containers

    def get(self, table: dict[str, Any], path: Path, key: str) -> Any:
        """The raw value of a key, noted as read; None where it is absent."""
        self._read.add((*path, key))
        return table.get(key)

    def table(self, parent: dict[str, Any], path: Path, key: str) -> dict[str, Any]:
        """A table, empty where it is absent or none."""
        value = self.get(parent, path, key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault((*path, key), value, "must be a table")
            return {}
        return cast(dict[str, Any], value)

    def tables(self, parent: dict[str, Any], path: Path, key: str) -> list[tuple[dict[str, Any], Path]]:
        """A list of tables with their paths, empty where it is absent or none."""
        value: object = self.get(parent, path, key)
        if value is None:
            return []
        items = cast(list[Any], value) if isinstance(value, list) else []
        if not items or not all(isinstance(item, dict) for item in items):
            self.fault((*path, key), cast(object, value), "must be a list of tables, not empty")
            return []
        return [(item, (*path, key, index)) for index, item in enumerate(items)]

    # --- values

    def text(
        self, table: dict[str, Any], path: Path, key: str, most: int, default: str | None = None
    ) -> str | None:
        """A text of at most `most` characters; without a default it must be there."""
        value = self.get(table, path, key)
        if value is None:
            if default is None:
                self.fault((*path, key), None, f"is missing; a text of 1 to {most} characters")
            return default
        if not isinstance(value, str) or not 1 <= len(value) <= most or not value.isprintable():
            self.fault((*path, key), value, f"must be a printable text of 1 to {most} characters")
            return None
        return value

    def choice(
        self, table: dict[str, Any], path: Path, key: str, choices: tuple[str, ...], default: str
    ) -> str:
        """One of some words."""
        value = self.get(table, path, key)
        if value is None:
            return default
        if value not in choices:
            self.fault((*path, key), value, "must be one of " + ", ".join(choices))
            return default
        return cast(str, value)

    def count(self, table: dict[str, Any], path: Path, key: str, low: int, high: int) -> int | None:
        """A whole number without a unit; must be there."""
        value = self.get(table, path, key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fault((*path, key), value, f"must be a whole number, {low} to {high}")
            return None
        return value

    def quantity(
        self,
        table: dict[str, Any],
        path: Path,
        key: str,
        kind: str,
        low: int,
        high: int,
        default: int | None = None,
    ) -> int | None:
        """A quantity with a unit, low to high in the kind's canonical unit; without a default it must be there."""
        value = self.get(table, path, key)
        here = (*path, key)
        allowed = f"allowed: {units.show(low, kind)} to {units.show(high, kind)}"
        if value is None:
            if default is None:
                self.fault(here, None, f"is missing; a {kind}, {allowed}")
            return default
        if not isinstance(value, str):
            self.fault(here, value, f"must be a text with a unit; units: {units.units_of(kind)}; {allowed}")
            return None
        try:
            number = self._number(value, kind)
        except units.UnitError as error:
            self.fault(here, value, f"{error}; {allowed}")
            return None
        if not low <= number <= high:
            self.fault(here, value, allowed)
            return None
        return number

    def _number(self, text: str, kind: str) -> int:
        """A quantity; a mass becomes a volume through the concentration. Raises UnitError."""
        mass_kind = MASS_KINDS.get(kind)
        unit = units.split(text)[1].replace("µ", "u").replace("μ", "u").lower()
        if mass_kind is None or unit not in [row[0] for row in units.UNITS[mass_kind]]:
            return units.parse(text, kind)
        if self.concentration_ng_per_ml is None:
            raise units.UnitError("a dose as mass needs drug.concentration")
        mass_ng = units.parse(text, mass_kind)
        concentration = self.concentration_ng_per_ml
        return (2 * mass_ng * NL_PER_ML + concentration) // (2 * concentration)

    def clock_time(self, table: dict[str, Any], path: Path, key: str) -> int | None:
        """`08:00` -> seconds of the day."""
        value = self.get(table, path, key)
        parts = value.split(":") if isinstance(value, str) else []
        if len(parts) == 2 and all(len(p) == 2 and p.isascii() and p.isdigit() for p in parts):
            hours, minutes = int(parts[0]), int(parts[1])
            if hours < 24 and minutes < 60:
                return hours * 3600 + minutes * 60
        self.fault((*path, key), value, 'must be a time of the day, "00:00" to "23:59"')
        return None


def _quoted(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 48 else text[:45] + "..."
