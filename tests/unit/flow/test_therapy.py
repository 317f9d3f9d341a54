"""rig.flow.therapy at its edges: what a program, a stop or an outage leaves of it.

Owns: the rules 1 to 6 of docs/explanation/interrupted-therapy.md as far as they are the therapy's own, instant by
instant.
Rules: a therapy on real dosing, without a rig; each expectation follows from a rule, not from the code.
Units: steps of 3 nL, nL, nL/day, microseconds.
Leaves: what flows to test_therapy_flow.py, the base flow that is remembered to test_base.py, the slot to
test_boluses.py, a rig to tests/requirements.
"""

from __future__ import annotations

from typing import Any

import pytest
from parts import BASE, BRIDGE, HOURLY, NEVER_US, PHASES, S_US, SINGLE, SPREAD, bolus, program, therapy_of
from pumpwire.spec import KINDS
from rig.flow.dosing import Dosing
from rig.flow.therapy import NO_PIECE, Therapy
from rig.refused import Refused


def told(therapy: Any) -> list[tuple[str, int]]:
    """(why, how many) of what was missed."""
    rows = [(row[3], row[1]) for row in therapy.boluses.missed]
    therapy.boluses.missed.clear()
    return rows


# --- a program


def test_a_new_therapy_stands_without_a_program_and_nothing_flows() -> None:
    therapy: Any = Therapy(Dosing(3200, 1))
    assert (therapy.mode, therapy.halted_by) == ("stopped", "stopped")
    assert (therapy.program, therapy.program_text, therapy.program_hash) == (None, "", "")
    assert (therapy.max_rate_nl_per_day, therapy.start_us, therapy.later) == (0, 0, (0, 0))
    assert therapy.ramp_held_us == -1
    assert therapy.ramp_behind_us(10**12) == 0
    assert not therapy.is_taken
    assert not therapy.was_held
    assert therapy.base(5, 0) == (KINDS.index("basal"), 0, NEVER_US)
    therapy.mode = "running"
    assert therapy.base(5, 0) == (KINDS.index("basal"), 0, NEVER_US)
    assert therapy.cancelled == therapy.overlays() == therapy.begun() == []
    assert therapy.clock_fault(0) == ""
    assert therapy.retries_stalls() is False
    assert NO_PIECE == (0, 0, 0, 0)


def test_a_program_that_is_loaded_begins_now_and_one_that_is_taken_up_so_long_ago() -> None:
    therapy = therapy_of(**PHASES)
    therapy.set_ramp(500, True, 0)
    therapy.load(program(**BASE), "other", "its hash", 900)
    assert (therapy.start_us, therapy.is_taken) == (900, False)
    assert (therapy.program_text, therapy.program_hash) == ("other", "its hash")
    assert (therapy.ramp_held_us, therapy.ramp_behind_us(10**9)) == (-1, 0)
    therapy.load(program(**BASE), "other", "its hash", 900, 600)
    assert (therapy.start_us, therapy.is_taken) == (300, True)
    therapy.load(program(**BASE), "other", "its hash", 900, 0)
    assert (therapy.start_us, therapy.is_taken) == (900, True)


def test_a_program_that_is_loaded_flows_from_that_instant_at_its_own_rate() -> None:
    therapy = therapy_of(**PHASES)
    assert therapy.base(700 * S_US, 0)[1] == 480_000
    therapy.load(program(**PHASES), "", "", 700 * S_US)
    assert therapy.base(700 * S_US, 0)[1:] == (240_000, 1_300 * S_US)


@pytest.mark.parametrize("mode", ["running", "stopped", "priming", "dispensing"])
def test_a_new_base_flow_leaves_all_as_it_is_but_ends_what_flows_apart(mode: str) -> None:
    therapy = therapy_of(**PHASES, periodic=HOURLY)
    therapy.set_ramp(500, True, 0)
    therapy.was_held = True
    waits_us = therapy.boluses.due_us(0, 0)
    single, therapy.bridge = bolus(SINGLE), (bridge := bolus(BRIDGE))
    therapy.add_apart(single, mode)
    therapy.set_base(program(**BASE, periodic=HOURLY), "other", "its hash")
    assert (therapy.program_text, therapy.program_hash) == ("other", "its hash")
    assert (therapy.start_us, therapy.mode, therapy.bridge) == (0, mode, bridge)
    assert therapy.boluses.next_us(0) == waits_us
    assert therapy.boluses.queue == ([single] if mode == "running" else [])
    assert therapy.cancelled == ([] if mode == "running" else [single])
    assert (therapy.ramp_held_us, therapy.ramp_behind_us(10**9), therapy.was_held) == (-1, 0, False)
    therapy.bridge, therapy.mode = None, "running"
    assert therapy.base(700 * S_US, 0)[1] == 240_000, "at once"


@pytest.mark.parametrize(("mode", "why"), [("running", "program"), ("stopped", "stopped")])
def test_a_turn_that_waits_ends_with_the_program_or_with_what_keeps_the_pump_standing(
    mode: str, why: str
) -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    therapy.mode = mode
    therapy.load(program(**BASE), "", "", 3_600 * S_US - 1)
    assert told(therapy) == []
    therapy = therapy_of(**BASE, periodic=HOURLY)
    therapy.mode = mode
    therapy.load(program(**BASE), "", "", 3_600 * S_US)
    assert told(therapy) == [(why, 1)]
    assert therapy.boluses.next_us(0) == NEVER_US


def test_a_new_program_cancels_the_boluses_under_way_and_keeps_a_bridge() -> None:
    therapy = therapy_of()
    single, spread, bridge = bolus(SINGLE), bolus(SPREAD), bolus(BRIDGE)
    therapy.add(single)
    therapy.add(spread)
    therapy.bridge = bridge
    assert therapy.begun() == [single, spread]
    therapy.load(program(**BASE), "", "", 5)
    assert therapy.cancelled == [single, spread]
    assert therapy.overlays() == [bridge]
    assert therapy.spread is None


def test_a_bridge_of_its_own_ends_the_old_one_and_a_boot_begins_none() -> None:
    old = bolus(BRIDGE)
    for fields, volume_nl in ((((3_000, 48_000),), 3_000), (((0, 0),), 0)):
        therapy = therapy_of()
        therapy.bridge = old
        therapy.load(program(**BASE, bridge=fields), "", "", 77)
        assert therapy.cancelled == [old]
        if volume_nl:
            made = therapy.bridge
            assert (made.kind, made.steps, made.rate_nl_per_day, made.start_us) == (BRIDGE, 1_000, 48_000, 77)
        else:
            assert therapy.bridge is None
        therapy.bridge = old
        therapy.load(program(**BASE, bridge=fields), "", "", 77, 0)
        assert therapy.bridge is old
    therapy = therapy_of(**BASE, bridge=((3_000, 48_000),))
    assert therapy.cancelled == []


# --- what is refused


@pytest.mark.parametrize("name", ["drug", "concentration"])
def test_another_drug_wants_a_bridge_and_the_same_or_an_unnamed_one_before_does_not(name: str) -> None:
    therapy = therapy_of(**BASE, **{name: "one"})
    with pytest.raises(Refused) as refused:
        therapy.check(program(**BASE, **{name: "other"}), 0, 0)
    assert refused.value.args == ("bridge", (("was", "one"), ("new", "other")))
    therapy.check(program(**BASE, **{name: "one"}), 0, 0)
    therapy.check(program(**BASE, **{name: "other"}, bridge=((3_000, 48_000),)), 0, 0)
    therapy_of(**BASE).check(program(**BASE, **{name: "other"}), 0, 0)
    fresh: Any = Therapy(Dosing(3200, 1))
    fresh.max_rate_nl_per_day = 10**9
    fresh.check(program(**BASE, **{name: "other"}), 0, 0)


def test_limits_are_held_to_the_nanolitre_and_told_with_their_numbers() -> None:
    def refusal(most_nl: int = 0, override: int = 0, motor: int = 10**9, **fields: Any) -> Any:
        therapy = therapy_of()
        therapy.max_rate_nl_per_day = motor
        try:
            therapy.check({**program(**BASE), **fields}, override, most_nl)
        except Refused as refused:
            return refused.args
        return None

    rate = ("rate_nl_per_day", 240_000)
    assert refusal(hard_nl_per_day=240_000) is None
    assert refusal(hard_nl_per_day=239_999) == ("limit", (rate, ("limit_nl_per_day", 239_999)))
    assert refusal(hard_nl_per_day=239_999, override=1) == ("limit", (rate, ("limit_nl_per_day", 239_999)))
    assert refusal(motor=240_000) is None
    assert refusal(motor=239_999) == ("limit", (rate, ("limit_nl_per_day", 239_999)))
    assert refusal(cap_nl=250_000, most_nl=250_000) is None
    assert refusal(cap_nl=250_000, most_nl=250_001) == ("cap", (("daily_nl", 250_001), ("cap_nl", 250_000)))
    assert refusal(soft_nl_per_day=240_000) is None
    assert refusal(soft_nl_per_day=239_999) == ("soft_limit", (rate, ("limit_nl_per_day", 239_999)))
    assert refusal(soft_nl_per_day=239_999, override=1) is None


def test_the_boluses_that_a_new_rate_does_not_end_are_held_to_its_limits_with_it() -> None:
    therapy = therapy_of()
    slow, fast = bolus(SINGLE), bolus(SPREAD)
    slow.rate_nl_per_day, fast.rate_nl_per_day = 100_000, 500_000
    for going_on, peak in (
        ((), 240_000),
        ((slow,), 340_000),
        ((slow, fast), 740_000),
        ((fast, slow), 740_000),
    ):
        therapy.check({**program(**BASE), "hard_nl_per_day": peak}, 0, 0, going_on)
        with pytest.raises(Refused) as refused:
            therapy.check({**program(**BASE), "hard_nl_per_day": peak - 1}, 0, 0, going_on)
        assert dict(refused.value.args[1])["rate_nl_per_day"] == peak


def test_a_stall_is_tried_again_where_the_program_says_so() -> None:
    assert therapy_of(**BASE, on_stall="retry").retries_stalls() is True
    assert therapy_of(**BASE).retries_stalls() is False


def test_the_clock_is_at_fault_where_a_program_needs_it_and_it_cannot_tell() -> None:
    zone = ((1_000, 86_400), (2_000, 90_000), (3_000, 90_000))
    flex = therapy_of(basal=((0, 240_000), (43_200, 1_000)), zone=zone)
    assert flex.clock_fault(0) == "unset"
    assert flex.clock_fault(999 * S_US) == "zone"
    assert flex.clock_fault(1_000 * S_US) == ""
    assert therapy_of(**BASE).clock_fault(0) == ""


# --- modes


def test_running_ends_the_reason_for_standing_and_what_fell_due_before_is_missed_for_it() -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    therapy.stop("alarm stall")
    assert (therapy.mode, therapy.halted_by) == ("stopped", "alarm stall")
    therapy.run(3_600 * S_US)
    assert (therapy.mode, therapy.halted_by) == ("running", "stopped")
    assert told(therapy) == [("alarm stall", 1)]
    therapy.run(7_200 * S_US)
    assert told(therapy) == [], "while it runs a turn waits"
    therapy.pass_time(7_200 * S_US)
    assert told(therapy) == []
    therapy.stop()
    assert therapy.halted_by == "stopped"
    therapy.pass_time(7_200 * S_US)
    assert told(therapy) == [("stopped", 1)]


def test_a_stop_for_no_new_reason_keeps_the_one_it_has() -> None:
    therapy = therapy_of()
    therapy.add(single := bolus(SINGLE))
    therapy.stop("power")
    assert therapy.cancelled == [single]
    therapy.stop()
    assert therapy.halted_by == "power"
    therapy.take_up("running")
    assert (therapy.mode, therapy.halted_by) == ("running", "power")
    therapy.halt()
    assert (therapy.mode, therapy.halted_by) == ("stopped", "power")


def test_an_outage_moves_the_grid_and_not_a_ramp_that_is_held() -> None:
    ramp = {"ramp": ((100_000, 10_000, 600, 400_000),)}
    for held in (False, True):
        therapy = therapy_of(**ramp, periodic=HOURLY)
        now_us = 700 * S_US
        therapy.set_ramp(0, held, now_us)
        before = therapy.base(now_us, 0)[1]
        assert before == 110_000
        therapy.add_outage(7_200 * S_US, now_us)
        assert therapy.start_us == -7_200 * S_US
        assert told(therapy) == [("power", 2)]
        assert therapy.base(now_us, 0)[1] == (110_000 if held else 230_000)
        assert therapy.ramp_behind_us(now_us) == (7_200 * S_US if held else 0)
