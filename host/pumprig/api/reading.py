"""Reading a rig: status, alarms, programs, its log as it grows.

Owns: what can be asked without changing anything on the rig.
Rules: a reading is of the moment it is asked for, never a kept one; records come from the store, into which they were
pulled and verified first.
Units: by the names' endings; times are aware datetimes.
Leaves: a status' fields to rig/status.py, records to store/.
"""

from __future__ import annotations

import time
from binascii import a2b_base64
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pumprig.api.base import RigBase
from pumprig.api.holding import Holding
from pumprig.api.job import ClosedError
from pumprig.api.programs import program_on
from pumprig.errors import StoreError
from pumprig.quantities import moment
from pumprig.rig.pull import Pulled, pull
from pumprig.rig.status import Alarm, Status, alarms_of, status_of
from pumprig.rig.understood import Fields
from pumprig.store import ledger
from pumprig.store.export import Rows
from pumprig.store.sofar import SoFar, now_of
from pumprig.therapy.program import Program


@dataclass(frozen=True)
class Event:
    """One record of the rig's log."""

    number: int
    boot: int
    at: datetime | None
    event: str
    text: str
    delivered_steps: int
    delivered_nl: int | None
    row: dict[str, Any]

    @property
    def fields(self) -> dict[str, str]:
        """The event's own words, `name=value`."""
        from pumprig.store.intents import fields_of

        return fields_of(self.text)


@dataclass(frozen=True)
class DriverWire:
    """What a TMC2209 says of itself over its wire. All None where it is silent.

    version: 33; status: its register DRV_STATUS; stall: SG_RESULT, small near the stall. wrong: registers that are not
    as configured, `reset` where it has lost its supply since it was set, `silent`.
    """

    version: int | None
    status: int | None
    stall: int | None
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """What is wired to the board, as the rig sees it now.

    addresses: who answers on its I2C bus; magnet_*: the AS5600's own judgement, gain: 0 (strong field) to 128, None
    without an encoder; keys: pressed buttons, 1 stop, 2 request, 4 silence; pressure_pa: absolute, at the last reading;
    driver, motor, microsteps, turn_steps: as the firmware is configured.
    """

    addresses: tuple[int, ...]
    magnet_found: bool
    magnet_weak: bool
    magnet_strong: bool
    gain: int | None
    angle: int | None
    keys: int
    pressure_pa: int | None
    supply_mv: int
    driver: str
    motor: str
    microsteps: int
    turn_steps: int
    wire: DriverWire | None = None  # None where none is configured


@dataclass(frozen=True)
class Reading:
    """A status, and what became of the program in force so far; None, and why, where that cannot be told."""

    status: Status
    so_far: SoFar | None
    why_not: str = ""


class Readings(RigBase):
    """What can be read."""

    def reading(self, within_s: float = 0.5) -> Reading:
        """One reading with asked, given and not given since the program in force began.

        New records of the rig are pulled into the store for it, for `within_s` at most: `so_far.behind` says how many
        are still to come. Raises LinkError.
        """

        def work(held: Holding) -> Reading:
            fields = held.client.read("status").fields
            try:
                newest = ledger.last_number(held.store, self.device_id)
                if int(fields["log_next"]) - 1 > newest:
                    pull(held.client, held.store, within_s=within_s)
                    fields = held.client.read("status").fields
                so_far, why = held.live(self.device_id).at(now_of(fields)), ""
            except StoreError as error:
                so_far, why = None, error.happened
            return Reading(status_of(held.client, fields), so_far, why)

        return self._call(work)

    def status(self) -> Status:
        """One reading of everything. Raises LinkError."""
        return self._call(lambda held: status_of(held.client))

    def status_fields(self) -> dict[str, str]:
        """One reading as the wire has it, for checks of a board; `status` is for everything else. Raises LinkError."""
        return self._call(lambda held: held.client.read("status").fields)

    def probe(self) -> Probe:
        """What is wired to the board: buses, magnet, buttons, pressure. Raises LinkError."""
        return self._call(lambda held: probe_of(held.client.read("probe").rows))

    def driven_steps(self) -> int:
        """How far the motor was driven by its last record, forward less back; steps that the rotor did not follow are
        among them. Raises LinkError.
        """

        def work(held: Holding) -> int:
            number = int(held.client.read("status").fields["log_next"]) - 1
            rows = held.client.read("log", {"start": number, "count": 1}).rows
            record = ledger.decode(a2b_base64(rows[0]["record"]))
            return record.net_steps + record.state["lost_steps"]

        return self._call(work)

    def alarms(self) -> list[Alarm]:
        """The active alarms. Raises LinkError."""
        return self._call(lambda held: alarms_of(held.client))

    def program(self) -> Program | None:
        """The program that runs, or would after a resume; None without one. Raises LinkError."""
        return self._call(lambda held: program_on(held.client, "text"))

    def waiting_program(self) -> Program | None:
        """The program that waits for its time. Raises LinkError."""
        return self._call(lambda held: program_on(held.client, "later"))

    def pull(self, progress: Callable[[int, int], None] | None = None) -> Pulled:
        """Fetch the records that this computer does not have yet, verified, into its store.

        progress(done, of) is called after each page. Safe to repeat and to break off. Raises LinkError, StoreError.
        """

        def work(held: Holding) -> Pulled:
            held.settle()
            return pull(held.client, held.store, progress)

        return self._call(work)

    def events(
        self, since: int | None = None, follow: bool = True, interval_s: float = 1.0
    ) -> Generator[Event]:
        """The rig's records as they come; without `since`, those that come from now on.

        since: the number of the last record already known. follow=False ends with the newest one. Ends when the rig is
        closed. Raises LinkError, StoreError; after a LinkError a new call goes on where `since` says.
        """
        known = self._last() if since is None else since
        while True:
            try:
                found = self._after(known)
            except ClosedError:
                return
            for event in found:
                known = event.number
                yield event
            if not follow:
                return
            time.sleep(interval_s)

    def _last(self) -> int:
        self.pull()
        return self._call(lambda held: ledger.last_number(held.store, self.device_id))

    def _after(self, number: int) -> list[Event]:
        """Pull, and what came after a record."""

        def work(held: Holding) -> list[Event]:
            newest = int(held.client.read("status").fields["log_next"]) - 1
            if newest > ledger.last_number(held.store, self.device_id):
                pull(held.client, held.store)
            newest = ledger.last_number(held.store, self.device_id)
            if newest <= number:
                return []
            rows = Rows(held.store, self.device_id)
            records = ledger.read(held.store, self.device_id, last=newest - number)
            return [event_of(rows.of(record), record) for record in records]

        return [event for event in self._call(work) if event.number > number]


def probe_of(rows: list[Fields]) -> Probe:
    """The rows of `probe`. Raises LinkError where they were not understood."""
    addresses = [int(word) for row in rows for word in row.get("bus", "").split(",") if word.isdecimal()]
    last = rows[-1] if rows else Fields()
    made = last["made"].split(",")
    if len(made) != 4 or not (made[2].isdecimal() and made[3].isdecimal()):
        made = Fields()["made"].split(",")
    driver, motor, microsteps, turn_steps = made
    status = int(last.get("magnet", "0"))
    wires = [_wire_of(row) for row in rows if "version" in row or "wrong" in row]
    return Probe(
        tuple(addresses),
        bool(status & 32),
        bool(status & 16),
        bool(status & 8),
        int(last["gain"]) if "gain" in last else None,
        int(last["angle"]) if "angle" in last else None,
        int(last["keys"]),
        int(last["pressure_pa"]) if "pressure_pa" in last else None,
        int(last["supply_mv"]),
        driver,
        motor,
        int(microsteps),
        int(turn_steps),
        wires[0] if wires else None,
    )


def _wire_of(row: Fields) -> DriverWire:
    version, status, stall = (
        int(row[name]) if name in row else None for name in ("version", "status", "stall")
    )
    return DriverWire(version, status, stall, tuple(row["wrong"].split(",")) if "wrong" in row else ())


def event_of(row: dict[str, Any], record: ledger.Record) -> Event:
    """A stored record for the interface."""
    return Event(
        record.number,
        record.boot,
        moment(record.at_utc_us),
        record.event,
        record.text,
        record.net_steps,
        row.get("delivered_nl"),
        row,
    )
