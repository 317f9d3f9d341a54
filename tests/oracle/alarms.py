"""Which alarms a rig has reason for, and which it owes.

Owns: the alarms that are active by the log; false alarms; alarms that do not come.
Rules: an alarm needs its cause in the scenario or in the model; conditions alarm in the time that is stated.
Units: as in scenario.py.
Leaves: what a stop does to model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import hypot
from typing import TYPE_CHECKING

from oracle.day import GRAIN_US
from oracle.program import DAY_US
from oracle.scenario import Row

if TYPE_CHECKING:
    from oracle.judge import Judge

STOPPING = ("self_test", "empty", "count_mismatch", "stall", "occlusion", "over_infusion")
STOPPING += ("moved_stopped", "supply_stop", "cap", "restarts", "end_of_service")
SENSORS = {"encoder", "pressure", "supply"}
KEPT = ("empty", "end_of_service")  # until their condition ends, acknowledged or not
REMIND_US = 600_000_000
LOOK_US = 75_000_000  # the longest time between two looks of the monitor, and a little
PRESS_MS = 1_000
RELIEF_US = 10_000_000  # the motor goes back for so long at the most
RESTARTS = 3
Since = Callable[[Fraction], tuple[Fraction, Fraction]]
NO_CAP_NL = Fraction(-1 << 40)


class Alarms:
    """The alarms of one walk."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.active: set[str] = set()
        self.names: list[str] = []
        self._stops: list[tuple[str, int]] = []
        self._stopped_since_us: Fraction | None = None
        self._low_since_us: Fraction | None = None
        self._held: set[str] = set()  # a self test that failed, until the next start
        self._seen: set[str] = set()  # of these, what a person has seen
        self._reason_for_discrepancy = False
        self._ran_world_us = 0  # when it was last seen to run
        self._cap_world_us = 0  # when what has flowed was last held against the cap

    def look(self, row: Row) -> None:
        """One record's worth."""
        if row.event == "alarm":
            self._raised(row)
        elif row.event == "self_test" and row.fields["failed"] != "none":
            self._held.add("self_test")
            self._judge.model.blocking.add("self_test")
        elif row.event == "alarm_end":
            self.active.discard(row.fields["name"])
            self._judge.model.blocking.discard(row.fields["name"])
        self._owed(row)
        self._judge.orders.waiting.look(row)

    def acknowledged(self) -> None:
        """A person has seen them: nothing forbids motion but what still holds."""
        self._judge.model.blocking &= {*KEPT, *self._held}
        self._seen = set(self._held)

    def found(self, row: Row, found_nl: int) -> None:
        """The reservoir held something else than estimated: told where it is beyond the estimate's uncertainty."""
        model = self._judge.model
        fill_nl, then_nl, assumed_nl = model.filled
        counted_nl = (
            (model.delivered_nl() - then_nl) * self._judge.seen.report["calibration"]["u_ppm"] / 1_000_000
        )
        u_nl = hypot(max(1_000, fill_nl / 200) + assumed_nl, counted_nl)
        off_nl = abs(found_nl - max(Fraction(0), model.reservoir_nl))
        slack_nl = 4 * model.step_nl + 2
        rows = self._judge.rows[self._judge.at : self._judge.at + 6]
        names = [
            near.fields["name"]
            for near in rows
            if near.event == "alarm" and near.boot == row.boot and near.mono_us < row.mono_us + 500_000
        ]
        told = "discrepancy" in self.active or "discrepancy" in names
        self._judge.check(
            told or off_nl <= u_nl + slack_nl, f"{float(off_nl):.0f} nL off, U {u_nl:.0f}: no discrepancy"
        )
        self._reason_for_discrepancy = off_nl >= u_nl - slack_nl

    def booted(self) -> None:
        """Times are counted anew; a motor that a failed test kept off is free, once a person has seen the alarm."""
        self._judge.model.blocking -= self._seen
        self._held, self._seen = set(), set()
        self._stopped_since_us = self._low_since_us = None

    def stops(self, row: Row) -> bool:
        """Whether there is a reason for a stop here: a press, or an alarm that comes with it."""
        if self._did(("press_stop",), row, PRESS_MS):
            return True
        rows = self._judge.rows
        at = self._judge.at
        return any(
            near.event == "alarm"
            and near.fields["name"] in STOPPING
            and abs(near.mono_us - row.mono_us) < 100_000
            for near in rows[max(0, at - 3) : at + 4]
        )

    def _did(self, names: tuple[str, ...], row: Row, within_ms: int) -> bool:
        """Whether it happened so shortly before, or lasted until then."""
        since_ms = (row.world_us - self._judge.begun_world_us) / 1000
        return any(
            e.do in names and e.at_ms <= since_ms <= e.at_ms + e.fields.get("for_ms", 0) + within_ms
            for e in self._judge.scenario.events
        )

    def _lasts(self, begins: str, ends: str, row: Row) -> bool:
        since_ms = (row.world_us - self._judge.begun_world_us) / 1000
        state = False
        for event in self._judge.scenario.events:
            if event.at_ms <= since_ms and event.do in (begins, ends):
                state = event.do == begins
        return state

    def _raised(self, row: Row) -> None:
        name = row.fields["name"]
        model = self._judge.model
        has_reason = self._is_refused_late() if name == "program" else self._has_reason(name, row)
        self._judge.check(has_reason, f"false alarm {name}")
        self.active.add(name)
        self.names.append(name)
        if name in STOPPING:
            if model.mode != "stopped":
                self._stops = [one for one in self._stops if row.world_us - one[1] < REMIND_US]
                self._stops.append((name, row.world_us))
            model.halt(name)
            if name == "occlusion":
                model.relief_until_us = model.t_us + RELIEF_US
            model.blocking.add(name)

    def _is_refused_late(self) -> bool:
        """Whether a program that waited was refused just now."""
        near = self._judge.rows[max(0, self._judge.at - 3) : self._judge.at]
        return any(one.event == "program" and "why" in one.fields for one in near)

    def _has_reason(self, name: str, row: Row) -> bool:
        model = self._judge.model
        slack_nl = 4 * model.step_nl
        if name == "power_return":
            return self._judge.cuts.returned
        if name in ("supply", "supply_stop", "sensor", "self_test"):
            return self._fails_at_power_on(row) if name == "self_test" else self._is_bad_weather(row)
        if name == "stop_button":
            return self._did(("press_stop",), row, PRESS_MS)
        if name == "stopped_loaded":
            return model.mode == "stopped" and self._stopped_us(row) >= REMIND_US - 1_000_000
        if name == "low":
            return model.program is not None and model.reservoir_nl < model.program.low_nl + slack_nl
        if name == "empty":
            return model.reservoir_nl < slack_nl
        if name == "occlusion":
            return self._lasts("occlude", "release", row) or self._did(("release",), row, 60_000)
        if name == "stall":
            return self._lasts("stall", "free", row) or self._did(("free",), row, 600_000)
        if (
            name == "moved_stopped"
        ):  # a jammed rotor springs back when it is freed: counted from where it came to stand
            return self._did(("free",), row, (row.world_us - self._ran_world_us + LOOK_US) // 1_000)
        if name == "discrepancy":
            return self._reason_for_discrepancy
        if name == "restarts":
            return len(self._stops) >= RESTARTS
        return name == "cap" and self._past_the_cap(model.past.perhaps_since, 0) > -slack_nl

    def _fails_at_power_on(self, row: Row) -> bool:
        """A button that is down then may be a stuck one; a sensor may not answer."""
        failed = set(row.fields.get("failed", "").split(","))
        pressed = self._did(("press_bolus", "press_stop", "press_silence"), row, PRESS_MS)
        known = ({"buttons"} if pressed else set()) | (SENSORS if self._is_bad_weather(row) else set())
        return failed <= known

    def _is_bad_weather(self, row: Row) -> bool:
        """A supply that sags, or a sensor that does not answer."""
        since_ms = (row.world_us - self._judge.begun_world_us) / 1000
        fails = {
            event.fields["sensor"]: event.do == "sensor_fail"
            for event in self._judge.scenario.events
            if event.at_ms <= since_ms and event.do in ("sensor_fail", "sensor_ok")
        }
        changes = ("brownout", "sensor_fail", "sensor_ok")
        return any(fails.values()) or self._did(changes, row, LOOK_US // 1_000)

    def _past_the_cap(self, since: Since, later_us: int) -> Fraction:
        """By how much more than the cap has flowed in the 24 h that begin so much later. A clock set may bring it."""
        model = self._judge.model
        if model.mode != "running" or model.program is None or model.program.cap_nl is None:
            return NO_CAP_NL
        flowed_nl, _extra_nl = since(model.t_us - DAY_US + later_us)
        return flowed_nl - model.program.cap_nl

    def _stopped_us(self, row: Row) -> Fraction:
        return Fraction(0) if self._stopped_since_us is None else row.mono_us - self._stopped_since_us

    def _owed(self, row: Row) -> None:
        model = self._judge.model
        if abs(row.world_us - self._cap_world_us) >= GRAIN_US:  # the walk over a day's flow takes its time
            self._cap_world_us = row.world_us
            over_nl = self._past_the_cap(model.past.since, GRAIN_US + LOOK_US)
            told = f"{float(over_nl):.0f} nL more than the cap have flowed"
            self._judge.check(over_nl <= 8 * model.step_nl, told)
        if model.mode != "stopped":
            self._ran_world_us = row.world_us
        if model.mode == "stopped":
            if self._stopped_since_us is None:
                self._stopped_since_us = Fraction(row.mono_us)
            late = self._stopped_us(row) > REMIND_US + LOOK_US
            self._judge.check(not late or "stopped_loaded" in self.active, "stopped_loaded does not come")
        else:
            self._stopped_since_us = None
        low = model.program is not None and model.reservoir_nl < model.program.low_nl - 4 * model.step_nl
        if not low:
            self._low_since_us = None
            return
        if self._low_since_us is None:
            self._low_since_us = Fraction(row.mono_us)
        late = row.mono_us - self._low_since_us > LOOK_US
        self._judge.check(not late or "low" in self.active, "low does not come")
