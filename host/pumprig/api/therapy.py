"""Changing a rig's therapy: propose, resume, titrate.

Owns: the verbs of the programmed therapy.
Rules: a program is staged, read back and shown before it can be committed; every change is a short session of its own.
Units: instants as aware datetimes.
Leaves: the plan to plan.py, single doses to deliveries.py.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pumprig import quantities
from pumprig.api.holding import Holding
from pumprig.api.plan import Plan, propose
from pumprig.api.programs import Constant, read_program
from pumprig.api.reading import Readings
from pumprig.errors import UsageError
from pumprig.rig.status import Status, status_of
from pumprig.therapy.program import Program


class Therapies(Readings):
    """The programmed therapy."""

    def propose(
        self,
        program: Program | Constant | str | Path,
        *,
        at: datetime | None = None,
        bridge: str | None = None,
    ) -> Plan:
        """Stage a program, have the rig read it back, and see what it would change. Nothing is in force before
        `commit`.

        program: what `read_program` or `constant` gives, or a TOML file. at: when it is to begin. bridge="auto":
        after a change of concentration, the line's volume at the rate that keeps the dose. Raises InputFileError,
        RefusedError, LinkError.
        """
        if isinstance(program, str | Path):
            program = read_program(program)
        if bridge not in (None, "auto"):
            raise UsageError(f"bridge={bridge!r} is not known.", "Nothing was sent.", 'Write bridge="auto".')
        at_utc_s = _later_s(at) if at is not None else 0
        wanted = program
        return self._call(lambda held: propose(held, self, wanted, at_utc_s, bridge == "auto"), reads=False)

    def resume(self) -> Status:
        """Run the active therapy again after a stop. Raises RefusedError, LinkError."""
        return self._changed("resume")

    def titrate(self, do: str) -> Status:
        """A titration under way: `hold` it, go `back` a step and hold there, or let it `go` on."""
        return self._changed("ramp", {"do": do})

    def _changed(self, verb: str, values: dict[str, int | str | None] | None = None) -> Status:
        """One command in a session of its own; -> the status after it."""

        def work(held: Holding) -> Status:
            held.client.change(verb, values or {})
            return status_of(held.client)

        return self._change(work)


def _later_s(at: datetime) -> int:
    """An instant to come -> whole seconds UTC, rounded up. Raises UsageError."""
    if at.tzinfo is None:
        raise UsageError(
            f"at={at.isoformat()} has no time zone.",
            "Nothing was sent.",
            "Add one: datetime.now(UTC), astimezone().",
        )
    at_us = quantities.to_utc_us(at)
    if at_us <= quantities.now_utc_us():
        raise UsageError(f"at={at.isoformat()} has passed.", "Nothing was sent.", "Name a time to come.")
    return -(-at_us // 1_000_000)
