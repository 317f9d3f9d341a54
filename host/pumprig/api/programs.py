"""Therapy programs on the rig and in files, for the interface.

Owns: reading a program back, staging one, and a constant rate that is yet to meet the active program.
Rules: a program's file with any fault gives no program; what was staged is compared by its hash.
Units: nL/day inside.
Leaves: files and documents to therapy/, the wire to rig/client.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pumpwire import documents, spec

from pumprig.api.base import needed, quantity
from pumprig.errors import PumpError
from pumprig.rig import refusals
from pumprig.rig.answers import Staged
from pumprig.rig.client import Client
from pumprig.rig.requests import fields_of
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program


@dataclass(frozen=True)
class Constant:
    """A constant rate: everything else stays as the active program has it. `None` is the modelled implant's minimum."""

    rate_nl_per_day: int | None


def constant(rate: str | None = None, *, rate_nl_per_h: float | None = None) -> Constant:
    """A constant rate, as text (`"20 ul/h"`), as nL/h, or `"minimum"`. Raises UsageError."""
    if rate == "minimum":
        return Constant(None)
    value = needed(quantity(rate, rate_nl_per_h, 24, "rate", "the rate"), "The rate", '"20 ul/h"')
    fields_of("rate", {"rate_nl_per_day": value})
    return Constant(value)


def read_program(path: str | Path) -> Program:
    """A therapy program's TOML file, checked. Raises InputFileError with every fault in it."""
    return programs.load(Path(path))


def program_on(client: Client, field: str) -> Program | None:
    """The rig's active program (`text`) or the waiting one (`later`). Raises LinkError, PumpError."""
    text = "".join(row.get(field, "") for row in client.read("program").rows)
    if not text:
        return None
    try:
        return programs.of_text(text)
    except documents.DocumentError as error:
        raise PumpError(f"The rig's program is not understood: {error.args[0]}: {error.args[1]}.") from None


def resolved(client: Client, wanted: Program | Constant, active: Program | None) -> Program:
    """The program that is meant. Raises RefusedError where the active limits, which a constant keeps, are exceeded."""
    if isinstance(wanted, Program):
        return wanted
    rate = wanted.rate_nl_per_day
    if rate is None:
        rate = int(client.read("status").fields["minimum_nl_per_day"])
    if active is not None and rate > active.document["hard_nl_per_day"]:
        limit = str(active.document["hard_nl_per_day"])
        fields = {"name": "limit", "code": str(spec.ERRORS["limit"]), "rate_nl_per_day": str(rate)}
        raise refusals.refused("rate", {**fields, "limit_nl_per_day": limit})
    return programs.constant(active, rate)


def stage(client: Client, new: Program) -> Staged:
    """Stage a program, and see that the rig read back just that. Raises as the client, and PumpError."""
    staged = client.stage(new.text)
    if staged.hash != new.hash:
        client.change("discard")
        raise PumpError(
            f"The rig read back {staged.hash}, not {new.hash}.", "Nothing was committed.", "Try again."
        )
    return staged
