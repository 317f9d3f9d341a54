"""A whole rig under random orders, stops, buttons and power cuts: the books always agree with the motor.

Owns: the state machine over commands, time and power, and what must hold after every one of them.
Rules: the motor's own count is the judge; virtual time; the real firmware over the software board.
Units: steps, nL, microseconds of virtual time.
PUMPRIG_RUNS in the environment is how many runs of twenty actions there are; the gate has a few.
Leaves: the ledger's arithmetic to test_dosing.py, a longer campaign to tests/faults.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pumpwire import documents
from pumpwire.spec import KINDS
from upy.softhost import CALIBRATION, Host

PROGRAM = (
    "kind=program name=%d basal=0:%d demand=3000:30000:120:1000 periodic=1800:2000:60000:0 catheter_nl=2000"
)
RAMP = "kind=program name=ramp ramp=%d:%d:600:%d demand=3000:30000:120:1000"
START_UTC_US = 1_790_000_000_000_000
RUNS = int(os.environ.get("PUMPRIG_RUNS", "15"))
STOP, REQUEST = 1, 2


class Bedside(RuleBasedStateMachine):
    """Everything that a person, a host and a power plug do to a rig."""

    @initialize(rate=st.integers(24_000, 20_000_000))
    def set_up(self, rate: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.host = Host(Path(self._folder.name) / "flash")
        self.may_run = {str(rate)}  # names of the programs that were begun, or wait
        self.asked_steps = 0  # granted by answer, of single and spread boluses
        self.cuts = 0
        self.unrecorded_steps = 0
        self.host.request(1, "open")
        self.host.change("refill", volume_nl=100_000_000)
        self.host.change("clock", utc_us=START_UTC_US)
        for text in (CALIBRATION, PROGRAM % (rate, rate)):
            self.host.change("stage", part=1, parts=1, text=text)
            self.host.change("commit", hash=documents.digest(documents.canonical(documents.parse(text))))

    def teardown(self) -> None:
        if hasattr(self, "host"):
            self.host.bench.power_off()
            self._folder.cleanup()

    @property
    def rig(self) -> Any:
        return self.host.bench.rig

    def ask(self, verb: str, **fields: Any) -> tuple[str, dict[str, str]]:
        """A changing request in an open session."""
        self.host.rig = self.rig
        self.host.request(1, "open")
        _seq, word, answer = self.host.request(self.rig.session.last_seq + 1, verb, **fields)
        return word, answer

    @rule(us=st.integers(1, 1_200_000_000))
    def wait(self, us: int) -> None:
        self.host.bench.run(us)

    @rule(volume_nl=st.integers(1, 50_000), over_s=st.integers(10, 1_200), spread=st.integers(0, 1))
    def bolus(self, volume_nl: int, over_s: int, spread: int) -> None:
        word, answer = self.ask("bolus", volume_nl=volume_nl, over_ms=over_s * 1_000, spread=spread)
        if word == "ok":
            self.asked_steps += int(answer["requested_steps"])

    @rule()
    def demand(self) -> None:
        self.ask("demand")

    @rule()
    def stop(self) -> None:
        assert self.ask("stop")[0] == "ok"
        self.host.bench.run(300_000)
        assert self.rig.therapy.mode == "stopped"

    @rule()
    def prime(self) -> None:
        self.ask("prime", volume_nl=1_000)

    @rule()
    def resume(self) -> None:
        self.ask("ack")
        self.ask("resume")

    def commit(self, text: str, after_s: int) -> None:
        """Stage and commit, now or for later."""
        document = documents.parse(text)
        waits = self.rig.therapy.later[0]
        at_utc_s = self.rig.clock.utc_us(self.rig.clock.now_us()) // 1_000_000 + after_s if after_s else 0
        if self.ask("stage", part=1, parts=1, text=text)[0] != "ok":
            return
        digest = documents.digest(documents.canonical(document))
        if self.ask("commit", hash=digest, at_utc_s=at_utc_s)[0] != "ok":
            stopped = self.rig.therapy.mode == "stopped"  # by an alarm meanwhile: that gives it up
            assert self.rig.therapy.later[0] == waits or stopped, "a refused commit changes nothing"
        elif after_s:
            self.may_run.add(document["name"])
        else:
            self.may_run = {document["name"]}
            assert not self.rig.therapy.later[0], "another commit gives up what waits"

    @rule(rate=st.integers(24_000, 20_000_000), after_s=st.sampled_from([0, 0, 60, 900]))
    def program(self, rate: int, after_s: int) -> None:
        self.commit(PROGRAM % (rate, rate), after_s)

    @rule(start=st.integers(24_000, 2_000_000), step=st.integers(1_000, 500_000))
    def titration(self, start: int, step: int) -> None:
        self.commit(RAMP % (start, step, start + 5 * step), 0)

    @rule(do=st.sampled_from(["hold", "back", "go"]))
    def ramp(self, do: str) -> None:
        word, answer = self.ask("ramp", do=do)
        if word == "ok" and do != "go":
            self.host.bench.run(1_800_000_000)
            now_us = self.rig.clock.now_us()
            if self.rig.therapy.mode == "running" and self.rig.therapy.ramp_held_us >= 0:
                assert self.rig.therapy.base(now_us, 0)[1] == int(answer["rate_nl_per_day"])

    @rule(volume_nl=st.sampled_from([1, 20_000, 100_000_000]), removed_nl=st.integers(0, 100_000_000))
    def refill(self, volume_nl: int, removed_nl: int) -> None:
        assert self.ask("refill", volume_nl=volume_nl, removed_nl=removed_nl)[0] == "ok"

    @rule(verb=st.sampled_from(["tube", "battery", "discard"]))
    def upkeep(self, verb: str) -> None:
        assert self.ask(verb)[0] == "ok"

    @rule(volume_nl=st.integers(1, 20_000))
    def calibrate(self, volume_nl: int) -> None:
        self.ask("calibrate", volume_nl=volume_nl, rate_nl_per_day=20_000_000)

    @rule(by_s=st.integers(-7_200, 7_200))
    def clock(self, by_s: int) -> None:
        utc_us = self.rig.clock.utc_us(self.rig.clock.now_us()) or START_UTC_US
        assert self.ask("clock", utc_us=utc_us + by_s * 1_000_000)[0] == "ok"

    @rule(keys=st.sampled_from([STOP, REQUEST]))
    def press(self, keys: int) -> None:
        board = self.host.bench.board
        for pressed in (keys, keys, keys, 0, 0, 0, 0):
            board.pressed = pressed
            self.host.bench.run(20_000, True)

    @precondition(lambda self: self.cuts < 3)
    @rule(cause=st.sampled_from(["power_on", "watchdog"]))
    def power_cut(self, cause: str) -> None:
        bench = self.host.bench
        bench.board.stepper.counted()
        turned = bench.pump.steps
        assumed = self.rig.assumed_steps
        bench.power_on(cause)
        bench.run(60_000)
        self.cuts += 1
        self.rig.delivery.settle(self.rig.clock.now_us())
        lost = bench.pump.steps - self.rig.dosing.net_steps() - self.unrecorded_steps
        assert 0 <= lost <= self.rig.assumed_steps - assumed, "a loss is bounded and counted as delivered"
        assert bench.pump.steps >= turned
        self.unrecorded_steps += lost

    @invariant()
    def every_step_that_the_motor_made_is_in_the_books_and_in_one_kind(self) -> None:
        if not hasattr(self, "host"):
            return
        rig = self.rig
        rig.delivery.settle(rig.clock.now_us())
        assert rig.dosing.net_steps() + self.unrecorded_steps == self.host.bench.pump.steps
        assert rig.delivery.surplus_steps == 0
        assert all(steps >= 0 for steps in rig.dosing.kind_steps)

    @invariant()
    def boluses_never_exceed_what_was_granted(self) -> None:
        if not hasattr(self, "host"):
            return
        given = sum(self.rig.dosing.kind_steps[KINDS.index(kind)] for kind in ("single", "spread"))
        assert given <= self.asked_steps
        for overlay in self.rig.therapy.overlays():
            assert overlay is None or 0 <= overlay.done_steps <= overlay.planned_steps <= overlay.steps

    @invariant()
    def the_base_rate_is_the_programmed_one_whenever_it_runs(self) -> None:
        if not hasattr(self, "host"):
            return
        now_us = self.rig.clock.now_us()
        _kind, rate, _until = self.rig.therapy.base(now_us, self.rig.clock.utc_us(now_us))
        if self.rig.therapy.mode != "running":
            assert rate == 0
            return
        program = self.rig.therapy.program
        assert program["name"] in self.may_run
        for start, step, _interval_s, ceiling in program["ramp"]:
            assert start <= rate <= ceiling
            assert (rate - start) % step == 0
        if not program["ramp"]:
            assert rate == int(program["name"])

    @invariant()
    def the_reservoir_is_never_below_nothing_and_tube_and_battery_only_wear(self) -> None:
        if not hasattr(self, "host"):
            return
        implant = self.rig.implant
        assert self.rig.reservoir.volume_nl() >= 0
        assert implant.tube_revolutions() >= 0
        assert 0 <= implant.percent() <= 100

    @invariant()
    def a_pump_that_is_stopped_stands_still(self) -> None:
        if not hasattr(self, "host") or self.rig.therapy.mode != "stopped":
            return
        before = self.host.bench.pump.steps
        self.host.bench.run(1_000_000)
        if self.rig.therapy.mode == "stopped":
            self.rig.board.stepper.counted()
            assert self.host.bench.pump.steps == before


TestBedside = pytest.mark.requirement("SR-31")(pytest.mark.requirement("SR-05")(Bedside.TestCase))
TestBedside.settings = settings(max_examples=RUNS, stateful_step_count=20, deadline=None)
