"""A committed program that waits for its time: what the log has to say of it.

Owns: which program waits, and for when; whether it begins, is refused or is given up as it has to.
Rules: it begins once, as soon as the rig's wall clock says that its time has come; a stop, an alarm that stops, another
commit give it up; at its time it passes the checks of a commit. Written from the rules alone.
Units: as in scenario.py; UTC in seconds.
Leaves: the reasons to grants.py, what a program does to model.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle import grants
from oracle.program import S_US, Program
from oracle.scenario import Event, Row

if TYPE_CHECKING:
    from oracle.judge import Judge

LATE_US = 3_000_000  # it is read ahead, a piece a tick; a fast flow has it wait longer
GIVEN_UP = ("stop", "commit", "withdraw")


class Waiting:
    """Of one walk."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.program: Program | None = None
        self._at_utc_us = 0
        self._since_us = 0  # on the world's clock: when it was committed
        self._free_us = 0  # on the world's clock: since when nothing keeps it from beginning

    def _event(self, row: Row) -> Event | None:
        """The latest load that was sent by then, if it is for a later time."""
        since_ms = (row.world_us - self._judge.begun_world_us) / 1000 + 20
        events = self._judge.scenario.events
        found = [e for e in events if e.do in ("load", "later", "rate") and e.at_ms <= since_ms]
        return found[-1] if found and found[-1].do == "later" and row.fields["seq"] != "0" else None

    def reasons(self, row: Row) -> grants.Reasons | None:
        """Why its commit is refused; None: it is no commit for a later time."""
        event = self._event(row)
        if event is None or event.program is None:
            return None
        model = self._judge.model
        must, may = grants.static(event.program, model.step_nl)
        may |= grants.commit(model, event.program)[1]  # too fast a flow for an erase, say
        may |= {"bridge"}
        if event.fields["at_utc_s"] * S_US <= model.t_us + model.utc_less_t_us:
            must.add("value")
        return must, may

    def commit(self, row: Row) -> None:
        """It is granted: so it waits, in the place of one that waits."""
        event = self._event(row)
        reasons = self.reasons(row)
        self._judge.check(reasons is not None, "a commit for a later time that nobody asked for")
        assert event is not None
        assert reasons is not None
        self._judge.check(not reasons[0], f"granted, right: refused for {sorted(reasons[0])}")
        self._judge.check(int(row.fields["at"]) == event.fields["at_utc_s"], "it waits for another time")
        self.program, self._at_utc_us = event.program, event.fields["at_utc_s"] * S_US
        self._since_us = row.world_us

    def heard(self, row: Row) -> None:
        """A record that tells of it: it begins, or does not begin any more."""
        if row.fields.get("waited") != "1":
            return
        judge, model, why = self._judge, self._judge.model, row.fields.get("why")
        if why in GIVEN_UP:
            if why != "commit" or row.world_us > self._since_us + 100_000:  # else the one before it
                self.program = None
            return
        program, self.program = self.program, None
        judge.check(program is not None, "a program begins that does not wait")
        assert program is not None
        judge.check(row.utc_us >= self._at_utc_us, "a program begins ahead of its time")
        must, may = grants.commit(model, program)
        if why is not None:
            judge.check(why in must | may, f"it does not begin for {why}, right: {sorted(must | may)}")
            return
        judge.check(not must, f"it begins, right: refused for {sorted(must)}")
        judge.check(judge.seen.programs.get(row.fields["hash"]) == program, "another program begins")
        model.load(program, judge.orders.bridge(program))
        judge.own_time(row)

    def look(self, row: Row) -> None:
        """At each record: it has begun in time."""
        model = self._judge.model
        over_us = model.t_us + model.utc_less_t_us - self._at_utc_us
        is_fast = model.rate_now() / model.step_nl >= grants.FAST_STEPS_A_DAY * 9 / 10
        if self.program is None or over_us <= 0 or is_fast or row.event in ("boot", "command", "clock"):
            self._free_us = row.world_us
        late_us = row.world_us - self._free_us
        self._judge.check(late_us <= LATE_US or row.event == "cut", "the program that waits does not begin")
