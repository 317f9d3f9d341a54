"""A dose that was asked for: how far it is, and what was counted when it ended.

Owns: following one dose to its end in the rig's log.
Rules: what was given is what the rig counted and wrote into its log, pulled and verified, never what was asked; the
record is found by the number of the command that asked for it, so that another user's dose is never taken for it.
Units: nL; U is expanded (k = 2).
Leaves: the log to rig/pull.py and store/, volumes to store/totals.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumprig import quantities
from pumprig.api.holding import Holding
from pumprig.errors import PumpError
from pumprig.rig.pull import pull
from pumprig.rig.status import Status, status_of
from pumprig.store import ledger
from pumprig.store.intents import fields_of
from pumprig.store.totals import nl_of

if TYPE_CHECKING:
    from pumprig.api.base import RigBase

LOOK_S = 0.2
AT_MOST = 5_000  # records that are looked through for one dose
NEAR = 4  # records around a dose's end in which its cause stands


@dataclass(frozen=True)
class Progress:
    """How far a dose is; None while it waits for its turn."""

    requested_nl: int
    delivered_nl: int | None
    state: str

    def __str__(self) -> str:
        done = "waits" if self.delivered_nl is None else quantities.volume_text(self.delivered_nl)
        return f"{done} of {quantities.volume_text(self.requested_nl)}, {self.state}"


@dataclass(frozen=True)
class Given:
    """What the log says of a dose that has ended."""

    steps: int
    asked_steps: int
    nl: int | None
    u_nl: int | None
    outcome: str
    record: int


class Dose:
    """One dose, from its request on."""

    def __init__(
        self,
        rig: RigBase,
        kind: str,
        verb: str,
        seq: int,
        after: int,
        answer: dict[str, int],
    ) -> None:
        self._rig = rig
        self._verb = verb
        self._seq = seq
        self._after = after  # the last record before it was asked for
        self._given: Given | None = None
        self.kind = kind
        self.answer = answer  # all figures of the rig's answer
        self.requested_nl = answer.get("requested_nl", 0)
        self.requested_steps = answer.get("requested_steps", 0)

    def __repr__(self) -> str:
        outcome = self.outcome or "under way"
        return f"<Dose {self.kind}, {quantities.volume_text(self.requested_nl)}, {outcome}>"

    @property
    def outcome(self) -> str | None:
        """`given` (all of it), or why not: `stopped`, `alarm NAME`, `power`, `cancelled`; None while it is under
        way.
        """
        return self._given.outcome if self._given else None

    @property
    def counted_steps(self) -> int | None:
        """Steps that were counted for it, once it has ended."""
        return self._given.steps if self._given else None

    @property
    def counted_nl(self) -> int | None:
        """The volume of those steps, once it has ended; None also where no calibration is known."""
        return self._given.nl if self._given else None

    @property
    def u_nl(self) -> int | None:
        """Its expanded uncertainty (k = 2)."""
        return self._given.u_nl if self._given else None

    @property
    def record(self) -> int | None:
        """The number of the log record that ended it."""
        return self._given.record if self._given else None

    def look(self) -> Progress:
        """How far it is now. Raises LinkError."""
        return self._rig._call(self._look)  # pyright: ignore[reportPrivateUsage]

    def wait(
        self, progress: Callable[[Progress], object] | None = None, timeout_s: float | None = None
    ) -> Dose:
        """Wait until it has ended, and return it with what was counted.

        progress is called with each change. A dose that was stopped is no error: look at `outcome`. Raises LinkError
        where the rig cannot be reached (it goes on by itself; wait again), PumpError after timeout_s.
        """
        begun_s = time.monotonic()
        shown: Progress | None = None
        while True:
            now = self.look()
            if progress is not None and now != shown:
                progress(now)
            shown = now
            if self._given is not None:
                return self
            if timeout_s is not None and time.monotonic() - begun_s > timeout_s:
                raise not_ended(self.kind, timeout_s)
            time.sleep(LOOK_S)

    def _look(self, held: Holding) -> Progress:
        status = status_of(held.client)
        state = status.state or "not known"
        if self._given is None:
            device = self._rig.device_id
            if (status.log_next or 0) - 1 > ledger.last_number(held.store, device):
                pull(held.client, held.store)
            self._given = found(held, device, self._verb, self._seq, self._after, self.kind)
        if self._given is not None:
            return Progress(self.requested_nl, self._given.nl or 0, self._given.outcome)
        return Progress(self.requested_nl, self._flowing(status), state)

    def _flowing(self, status: Status) -> int | None:
        bolus = status.bolus
        return bolus.delivered_nl if bolus is not None and bolus.kind == self.kind else None


def not_ended(kind: str, timeout_s: float) -> PumpError:
    """What a wait raises after so long."""
    return PumpError(
        f"The {kind} has not ended within {timeout_s:g} s.", "It goes on.", "Wait again, or stop the pump."
    )


def found(held: Holding, device: str, verb: str, seq: int, after: int, kind: str) -> Given | None:
    """The end of a dose in the store, None while there is none."""
    newest = ledger.last_number(held.store, device)
    if newest <= after:
        return None
    rows = list(ledger.read(held.store, device, last=min(AT_MOST, newest - after)))
    asked = False
    for i, row in enumerate(rows):
        told = fields_of(row.text)
        if row.event == "command" and told.get("verb") == verb and told.get("seq") == str(seq):
            asked = True
        elif asked and row.event == "bolus_end" and told.get("kind") == kind:
            return _given(held, device, rows, i)
    return None


def _given(held: Holding, device: str, rows: list[ledger.Record], i: int) -> Given:
    row = rows[i]
    told = fields_of(row.text)
    steps, asked = int(told["done_steps"]), int(told["asked_steps"])
    calibration = held.store.calibrations(device).get(row.calibration_id)
    volume = nl_of(steps, calibration) if calibration else None
    u_nl = -(-volume * calibration[2] // 1_000_000) if calibration and volume is not None else None
    outcome = "given" if steps >= asked else _why(rows, i, told)
    return Given(steps, asked, volume, u_nl, outcome, row.number)


def _why(rows: list[ledger.Record], i: int, told: dict[str, str]) -> str:
    """Why a dose ended early: what the rig wrote down at that moment."""
    if "why" in told:
        return told["why"]
    near = rows[max(0, i - NEAR) : i + NEAR + 1]  # a command's or an alarm's records are written together
    for row in near:
        if row.event == "alarm":
            name = fields_of(row.text).get("name", "")
            if name not in ("stopped_loaded", "stop_button"):
                return f"alarm {name}".strip()
    for row in near:
        verb = fields_of(row.text).get("verb")
        if row.event == "stop" or (row.event == "command" and verb == "stop"):
            return "stopped"
        if row.event in ("power_return", "undelivered"):
            return "power"
    return "cancelled"
