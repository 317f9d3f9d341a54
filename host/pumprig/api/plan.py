"""A therapy that was staged and read back: what it changes, what follows from it, and its commit.

Owns: the two steps from a program to a running therapy, and what is judged between them.
Rules: what is committed is, to the hash, what was shown; a commit is refused where another program has become active
since it was shown; no session is held open while somebody thinks; after a commit the rig's program is read back.
Units: forecasts by their names' endings; microseconds UTC.
Leaves: rows and figures to therapy/review.py and therapy/forecast.py, staging to programs.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pumprig import quantities
from pumprig.api.base import session
from pumprig.api.holding import Holding
from pumprig.api.programs import Constant, program_on, resolved, stage
from pumprig.calibration.advice import warnings_for
from pumprig.errors import PumpError, RefusedError
from pumprig.quantities import duration_text
from pumprig.rig.status import Status, status_of
from pumprig.therapy import bridge as bridges
from pumprig.therapy import forecast
from pumprig.therapy.program import Program
from pumprig.therapy.review import Difference, becomes_of_bolus, differences

if TYPE_CHECKING:
    from pumprig.api.base import RigBase

CLOCK_S = 5.0  # what a rig's clock may differ from this computer's before a load names it
CHANGED = 0  # no code of the wire: this refusal is the host's own


class Plan:
    """A program that the rig has staged and read back, beside the one that is active."""

    def __init__(
        self,
        rig: RigBase,
        program: Program,
        active: Program | None,
        status: Status,
        now_us: int,
        at_utc_s: int,
    ) -> None:
        self._rig = rig
        self.program = program
        self.active = active
        self.status = status
        self.made_utc_us = now_us
        self.at_utc_s = at_utc_s
        self.forecast: dict[str, Any] = forecast.check(program, now_us, status.reservoir_nl)
        self.active_forecast: dict[str, Any] | None = (
            forecast.check(active, now_us, status.reservoir_nl) if active else None
        )

    def __repr__(self) -> str:
        return f"<Plan {self.program.name!r}, hash {self.hash}, {len(self.differences)} differences>"

    @property
    def hash(self) -> str:
        """The hash that will be committed."""
        return self.program.hash

    def is_of(self, device_id: str) -> bool:
        """Whether it was proposed to that rig."""
        return self._rig.device_id == device_id

    @property
    def differences(self) -> list[Difference]:
        """Settings and figures that change; everything, where no program is active."""
        old = (self.active, self.active_forecast) if self.active and self.active_forecast else None
        return differences(old, (self.program, self.forecast), self.made_utc_us)

    @property
    def warnings(self) -> list[str]:
        """What speaks against it. A plan with warnings can be committed."""
        told = [f"{row['key']}: {row['text']}" for row in self.forecast["warnings"]]
        status = self.status
        u_pct = status.calibration.u_pct if status.calibration else None
        told += warnings_for(status.calibration_id, status.delivered_steps, self.program.document, u_pct)
        offset_s = status.clock.offset_s
        if offset_s is not None and abs(offset_s) > CLOCK_S:
            told.append(clock_that_differs(offset_s))
        waiting = status.waiting
        if waiting is not None:
            begins = f", to begin on {waiting.begins_at:%Y-%m-%d at %H:%M} UTC" if waiting.begins_at else ""
            told.append(f"a program waits for its time{begins}; the commit gives it up")
        bolus = None if self.at_utc_s else becomes_of_bolus(status, self.active, self.program)
        return [*told, bolus] if bolus else told

    def commit(self, override: bool = False) -> Status:
        """Make it active, or let it wait for its time; returns the status after it.

        override: go beyond the soft limit, which is logged. Raises RefusedError (rule `changed` where another program
        became active meanwhile), LinkError with the outcome.
        """
        return self._rig._change(lambda held: self._commit(held, override))  # pyright: ignore[reportPrivateUsage]

    def discard(self) -> None:
        """Give up what was staged. Raises RefusedError, LinkError."""
        self._rig._change_one("discard")  # pyright: ignore[reportPrivateUsage]

    def _commit(self, held: Holding, override: bool) -> Status:
        client = held.client
        now = program_on(client, "text")
        if (now and now.hash) != (self.active and self.active.hash):
            raise _changed(self.active, now)
        try:
            client.commit(self.hash, override, self.at_utc_s)
        except RefusedError as refused:
            if refused.name not in ("nothing", "hash"):
                raise
            stage(client, self.program)  # it expired, or somebody staged something else in between
            client.commit(self.hash, override, self.at_utc_s)
        back = program_on(client, "later" if self.at_utc_s else "text")
        if back is None or back.hash != self.hash:
            raise PumpError("The rig does not run what was committed.", "", "Look at `pumprig program show`.")
        return status_of(client)


def _changed(before: Program | None, now: Program | None) -> RefusedError:
    hashes = {"hash_then": before.hash if before else "none", "hash_now": now.hash if now else "none"}
    return RefusedError(
        f"Another program has become active since this one was shown: {now.name if now else 'none'}.",
        "Nothing was changed.",
        "Propose it again, and look at what changes now.",
        CHANGED,
        "changed",
        hashes,
    )


def propose(
    held: Holding,
    rig: RigBase,
    wanted: Program | Constant,
    at_utc_s: int,
    auto_bridge: bool,
) -> Plan:
    """Stage a program and read it back. Raises RefusedError, LinkError, PumpError."""
    with session(held):
        active = program_on(held.client, "text")
        new = resolved(held.client, wanted, active)
        if auto_bridge:
            new = bridges.auto(active, new)
        stage(held.client, new)
        return Plan(rig, new, active, status_of(held.client), quantities.now_utc_us(), at_utc_s)


def clock_that_differs(offset_s: float) -> str:
    """What a person is told of a rig's clock that is not this computer's."""
    way = "ahead of" if offset_s > 0 else "behind"
    return (
        f"the rig's clock is {duration_text(abs(offset_s) * 1000)} {way} this computer's, and the program's times "
        "of day are the rig's; `pumprig clock set` sets it"
    )
