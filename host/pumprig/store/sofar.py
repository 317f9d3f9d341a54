"""Was it delivered so far? Asked, given and not given of the program in force, from its begin to a reading of now.

Owns: where the account of a live reading begins, and bringing it up to date as records come.
Rules: what the records tell is taken once, in their order; what happens since the last of them is added to a copy, so
that the next reading begins from the records again; nothing here asks the rig.
Units: nL, steps, microseconds.
Leaves: the account to asked.py, fetching records to rig/pull.py.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

from pumpwire import spec

from pumprig.store import ledger
from pumprig.store.asked import Account
from pumprig.store.database import Store
from pumprig.store.given import Delivery, delivery
from pumprig.store.record import Record
from pumprig.store.totals import nl_of


@dataclass(frozen=True)
class Now:
    """What a reading says besides the records: the rig's boot and own time, the next record, its counts."""

    boot: int
    mono_us: int
    log_next: int
    kind_steps: dict[str, int]


@dataclass(frozen=True)
class SoFar:
    """`delivery`: asked, given, not given since `since_utc_us` (None where no clock told the time of that record).

    u_nl: expanded uncertainty (k = 2) of what was given; unknown_steps: given under a calibration that is not known.
    behind: so many records of the rig are not in the store yet, and not in the figures.
    """

    delivery: Delivery
    u_nl: int
    unknown_steps: int
    since_utc_us: int | None
    since_record: int
    of_program: bool  # it begins with the program in force; else with the first record that is stored
    behind: int


class LiveAccount(Account):
    """An account that can be looked at between two records."""

    def at(self, mono_us: int, kind_steps: dict[str, int]) -> Account:
        """A copy, brought to a later instant of the last record's boot, since which no record was made.

        kind_steps: counted then, as a record has them.
        """
        later = copy.copy(self)
        later.booked, later._assumed = self.booked.copy(), self._assumed.copy()
        later._displaced = copy.copy(self._displaced)
        later._off, later._unseen = self._off.copy(), self._unseen.copy()
        last = later._last
        if last is not None and mono_us > later._mono_us:
            later._pass(last, later._mono_us, mono_us - later._mono_us, later._why(last))
            later.base_given_nl += later._nl(kind_steps["basal"] - last.kind_steps()["basal"], last)
            later._weigh(last)
        return later


class Live:
    """The account of one rig, kept between its readings."""

    def __init__(self, store: Store, device_id: str) -> None:
        self._store = store
        self._device = device_id
        self._of_program = False
        self._begin(None)

    def _begin(self, first: Record | None) -> None:
        programs = self._store.programs(self._device) if first is not None else {}
        self._known = len(programs)
        known = Account.of(self._store.calibrations(self._device), programs.values())
        self._account = LiveAccount(known.calibrations, known.programs)
        self._first = self._last = first
        self._steps: dict[int, int] = {}
        self._dated: list[
            Record
        ] = []  # on both sides of each loss of power: how long it was follows from their dates
        if first is not None:
            self._account.take(first)

    def at(self, now: Now) -> SoFar | None:
        """The figures at a reading; None where the store has no record of the rig."""
        newest = ledger.last_number(self._store, self._device)
        last = self._last
        if last is None or last.number < newest or not self._dates_hold():
            self._take_up_to(newest)
            last = self._last
        if last is None or self._first is None:
            return None
        account: Account = self._account
        steps = dict(self._steps)
        behind = now.log_next - 1 - last.number
        if not behind and now.boot == last.boot:
            account = self._account.at(now.mono_us, now.kind_steps)
            since = sum(now.kind_steps.values()) - sum(last.kind_steps().values())
            steps[last.calibration_id] = steps.get(last.calibration_id, 0) + since
        given_nl, u_nl, unknown = self._volume(steps)
        return SoFar(
            delivery(account, given_nl),
            u_nl,
            unknown,
            self._first.at_utc_us,
            self._first.number,
            self._of_program,
            max(0, behind),
        )

    def _take_up_to(self, newest: int) -> None:
        """What was pulled since; from the begin where another program is in force, one came to be known, or dates
        were mended.
        """
        end = ledger.record_at(self._store, self._device, newest)
        if end is None:
            return
        began = self._began(end)
        first = self._first
        known = len(self._store.programs(self._device))
        if first is None or first.number != began or self._known != known or not self._dates_hold():
            self._begin(ledger.record_at(self._store, self._device, began))
        after = self._last.number if self._last is not None else 0
        for record in ledger.told(self._store, self._device, after, newest):
            self._take(record)
        self._take(end)

    def _take(self, record: Record) -> None:
        last = self._last
        if last is None or record.number <= last.number:
            return
        bucket = last.calibration_id or record.calibration_id
        self._steps[bucket] = self._steps.get(bucket, 0) + record.net_steps - last.net_steps
        if record.boot != last.boot:
            self._dated += [last, record]
        self._account.take(record)
        self._last = record

    def _dates_hold(self) -> bool:
        """Whether the dates that the account rests on are still those in the store: a later one mends earlier ones."""
        with self._store.guard():
            return all(
                self._store.db.execute(
                    "SELECT at_utc_us FROM records WHERE device_id = ? AND boot = ? AND number = ?",
                    (self._device, record.boot, record.number),
                ).fetchone()
                == (record.at_utc_us,)
                for record in [*self._dated, *([self._first] if self._first is not None else [])]
            )

    def _began(self, end: Record) -> int:
        """The record with which the program in force began, else the first one stored."""
        half = end.program_hash
        with self._store.guard():
            found = (
                half
                and self._store.db.execute(
                    "SELECT number FROM records WHERE device_id = ? AND event <> 'checkpoint' AND "
                    "(event = 'program' OR event = 'command' AND text LIKE 'verb=commit %') AND text LIKE ? "
                    "ORDER BY number DESC LIMIT 1",
                    (self._device, f"%hash={half:08x}%"),
                ).fetchone()
            )
            first = self._store.db.execute(
                "SELECT min(number) FROM records WHERE device_id = ?", (self._device,)
            ).fetchone()
        self._of_program = bool(found)
        return int(found[0] if found else first[0])

    def _volume(self, steps: dict[int, int]) -> tuple[int, int, int]:
        """(nL, U, steps whose calibration is not known)."""
        known = self._account.calibrations
        volumes = {number: nl_of(count, known[number]) for number, count in steps.items() if number in known}
        squares = [math.ceil(abs(nl) * known[number][2] / 1_000_000) for number, nl in volumes.items()]
        unknown = sum(count for number, count in steps.items() if number not in known)
        return sum(volumes.values()), round(math.hypot(*squares)), unknown


def now_of(fields: dict[str, str]) -> Now:
    """From the wire's status. Raises LinkError where it is not understood."""
    kinds = {kind: int(fields[f"{kind}_steps"]) for kind in spec.KINDS}
    kinds["relief"] = -kinds["relief"]
    return Now(int(fields["boot"]), int(fields["mono_us"]), int(fields["log_next"]), kinds)
