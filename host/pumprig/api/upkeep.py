"""Looking after a rig: reservoir, alarms, clock, tube, access, calibrations.

Owns: the verbs that change neither the therapy nor a dose.
Rules: each change is a short session of its own; a key is kept on this computer before it is sent, and is never
printed.
Units: as the names say.
Leaves: keys to rig/keys.py, kept calibrations to calibration/register.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpwire import documents

from pumprig import quantities
from pumprig.api.base import needed, quantity, whole_numbers
from pumprig.api.deliveries import Deliveries
from pumprig.api.holding import Holding
from pumprig.errors import PumpError, RefusedError
from pumprig.rig import keys
from pumprig.rig.requests import fields_of
from pumprig.rig.status import Status, status_of

if TYPE_CHECKING:
    from pumprig.calibration.register import Record


@dataclass(frozen=True)
class Refilled:
    """What the rig answered to a refill.

    estimated_nl: what it believed to be left; u_nl: how well it knew; numbers: all figures of the answer.
    """

    estimated_nl: int | None
    u_nl: int | None
    numbers: dict[str, int]


@dataclass(frozen=True)
class Calibration:
    """A calibration that this computer made; `active`: the rig delivers by it now."""

    id: int
    nl_per_rev: float
    u_nl_per_rev: float
    made_at: str
    active: bool


class Upkeep(Deliveries):
    """All else that a rig takes."""

    def refill(
        self,
        volume: str | None = None,
        *,
        removed: str | None = None,
        volume_nl: int | None = None,
        removed_nl: int | None = None,
    ) -> Refilled:
        """Tell the rig what its reservoir holds now, and what was found in it before. Raises RefusedError,
        LinkError.
        """
        values: dict[str, int | str | None] = {
            "volume_nl": needed(
                quantity(volume, volume_nl, 1, "volume", "the volume"), "The volume", '"18 ml"'
            ),
            "removed_nl": quantity(removed, removed_nl, 1, "volume", "removed"),
        }
        fields_of("refill", values)
        numbers = whole_numbers(self._change_one("refill", values))
        return Refilled(numbers.get("estimated_nl"), numbers.get("u_nl"), numbers)

    def acknowledge(self) -> None:
        """Acknowledge the active alarms. Raises RefusedError, LinkError."""
        self._change_one("ack")

    def withdraw(self) -> None:
        """Give up the program that waits for its time; the active one goes on. Raises RefusedError, LinkError."""
        self._change_one("withdraw")

    def silence(self) -> None:
        """Silence the tone for 2 min; new alarms sound all the same."""

        def work(held: Holding) -> None:
            held.settle()
            held.client.silence()

        self._call(work, reads=False)

    def set_clock(self) -> float | None:
        """Set the rig's clock to this computer's; -> by how many seconds it moved, None where that is not known."""

        def work(held: Holding) -> float | None:
            held.settle()
            with held.client.session():
                answer = held.client.change("clock", {"utc_us": quantities.now_utc_us()})
            moved = whole_numbers(answer.fields).get("moved_us")
            return None if moved is None else moved / 1e6

        return self._call(work, reads=False)

    def new_tube(self) -> int | None:
        """A new tube is in; -> the turns of the one before. Calibrate then: each tube has its own volume."""
        return whole_numbers(self._change_one("tube")).get("revolutions")

    def new_battery(self) -> int | None:
        """A new battery of the modelled implant; -> the percent left in the one before."""
        return whole_numbers(self._change_one("battery")).get("percent")

    def unlock(self) -> None:
        """Prove that this computer may program the rig; every change does so by itself. Raises RefusedError."""

        def work(held: Holding) -> None:
            held.settle()
            with held.client.session():
                held.client.prove()

        self._call(work, reads=False)

    def lock(self) -> None:
        """End every programming session on the rig, that of a person at a terminal included."""

        def work(held: Holding) -> None:
            held.settle()
            held.client.read("open")
            held.client.read("close")

        self._call(work, reads=False)

    def asks_for_key(self) -> bool:
        """Whether the rig takes changes only from holders of its key. Raises LinkError."""
        return self._call(lambda held: held.client.asks_for_key(), reads=False)

    def begin_maintenance(self) -> None:
        """Stop the firmware for an installation: the rig waits at its prompt. Raises RefusedError, LinkError."""
        self._change_one("maintenance")

    def holds_key(self) -> bool:
        """Whether this computer holds a key of the rig."""
        return bool(keys.of(self.device_id))

    def new_key(self) -> None:
        """Set a new key, kept here: from then on only its holders may change anything."""
        self._change(give_new_key)

    def remove_key(self) -> None:
        """Remove the rig's key: then every host may program it."""
        self._change_one("access", {"key": ""})
        keys.forget(self.device_id)

    def set_typing(self, *, pin: str | None = None, allowed: bool | None = None) -> None:
        """How a person at a plain terminal may program: the PIN (empty: none), and whether at all."""
        plain = None if allowed is None else int(allowed)
        self._change_one("access", {"pin": pin, "plain": plain})

    def stage_document(self, text: str) -> StagedDocument:
        """Stage a document that is no program, a calibration's say, and compare what the rig read back.

        Raises RefusedError, LinkError, PumpError.
        """
        self._change(lambda held: _stage(held, text))
        return StagedDocument(self, text)

    def calibrations(self) -> list[Calibration]:
        """The calibrations that this computer made, oldest first."""
        return calibrations(self.status().calibration_id)


class StagedDocument:
    """A calibration that the rig has staged and read back."""

    def __init__(self, rig: Upkeep, text: str) -> None:
        self._rig = rig
        self._text = text
        self.hash = str(documents.digest(text))

    def discard(self) -> None:
        """Give up what was staged."""
        self._rig._change_one("discard")  # pyright: ignore[reportPrivateUsage]

    def commit(self, while_stopped: bool = False) -> Status:
        """Make it the rig's. while_stopped: a pump that runs stands for a moment. Raises RefusedError, LinkError."""
        return self._rig._change(lambda held: self._commit(held, while_stopped))  # pyright: ignore[reportPrivateUsage]

    def _commit(self, held: Holding, while_stopped: bool) -> Status:
        client = held.client
        runs = while_stopped and status_of(client).state in ("running", "bolus")
        if runs:
            client.change("stop")
        try:
            self._commit_staged(held)
        finally:
            if runs:
                client.change("resume")
        return status_of(client)

    def _commit_staged(self, held: Holding) -> None:
        try:
            held.client.commit(self.hash, False)
        except RefusedError as refused:
            if refused.name not in ("nothing", "hash"):
                raise
            _stage(held, self._text)
            held.client.commit(self.hash, False)


def _stage(held: Holding, text: str) -> None:
    staged = held.client.stage(text)
    if staged.hash != documents.digest(text):
        held.client.change("discard")
        raise PumpError("The rig read back another document.", "Nothing was changed.", "Try again.")


def give_new_key(held: Holding) -> None:
    """In a session: make a key, keep it here, set it there, keep it for good. Raises PumpError."""
    device = held.client.greet().device_id
    fresh = keys.make()
    keys.begin(device, fresh)
    held.client.change("access", {"key": fresh.hex()})
    keys.finish(device)


def calibrations(active_id: int | None = None) -> list[Calibration]:
    """The calibrations that this computer made, oldest first; `active_id` is the one that a rig uses."""
    from pumprig.calibration import register

    def row(record: Record) -> Calibration:
        made = str(record.content["made_at"])
        return Calibration(record.id, record.nl_per_rev, record.u_nl_per_rev, made, record.id == active_id)

    return [row(record) for record in register.records()]
