"""rig.log.checkpoint: when a record is due although nothing happened, a little at a time.

Owns: rule 4 of docs/explanation/interrupted-therapy.md in figures: half a second, then as long as the rig has been up,
ten minutes; 5 µL or 10 s of flow; of a bolus 500 nL, then as much as it has given; 100 ms before each rise.
Rules: a rig on the software board with 3 nL a step; what is due and what is assumed is worked out here by hand.
Units: nL, steps, microseconds of virtual time.
Leaves: what a boot makes of the losses to tests/unit/boot, cuts within a flash operation to test_journal.py.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from parts import S_US
from pumpwire import records
from pumpwire.spec import KINDS
from rig.log import checkpoint as module
from rig.log.checkpoint import Checkpoint
from watched import NL_A_SECOND, Watched
from watched import just_booted as rig_of

STEP_NL = 3
SINGLE = KINDS.index("single")
TICK_US = 20_000


def rows(rig: Watched) -> list[tuple[int, str, int]]:
    """(instant, event, counted steps) of every record since the boot."""
    journal = rig.rig.journal
    found = []
    for number in range(journal.oldest(), journal.next_number):
        raw = journal.read(number)
        if raw is not None:
            header, state, _text = records.unpack(raw)
            if header["boot"] == rig.rig.log.boot_number:
                steps = sum(state[f"{kind}_steps"] for kind in KINDS)
                found.append((header["mono_us"], records.EVENTS[header["event"]], steps))
    return found


def test_the_figures_are_those_of_the_page() -> None:
    assert module.INTERVAL_NL == 5_000
    assert module.FIRST_NL == 500
    assert module.FAST_INTERVAL_US == 10 * S_US
    assert module.INTERVAL_US == 600 * S_US
    assert module.SOON_US == S_US // 2
    assert module.LOOK_US == S_US
    assert module.SLACK_US == 150_000
    assert module.DAY_S == 86_400


# --- when a record is due


def test_after_a_boot_records_come_soon_and_then_ever_more_rarely_up_to_ten_minutes(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "basal=0:86400")
    rig.bench.run(2_900 * S_US)
    found = rows(rig)
    slot_ends = rig.rig.cap.slot_end_us(0) + 600 * S_US * 9
    assert 10 <= len(found) <= 26
    for (before, *_), (after, event, _steps) in pairwise(found):
        if event != "checkpoint":
            continue
        if before < S_US:  # what a boot has to say
            continue
        due_us = before + min(600 * S_US, max(S_US // 2, before))
        to_slot_us = (slot_ends - before) % (600 * S_US) or 600 * S_US
        assert min(due_us, before + to_slot_us) <= after + TICK_US
        assert after <= min(due_us, before + to_slot_us) + 3 * TICK_US


def test_a_record_tells_of_each_slot_of_the_24_hours_as_it_ends(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "basal=0:86400")
    rig.bench.run(1_500 * S_US)
    rig.host.request(1, "open")
    rig.host.change("ack")
    now_us = rig.rig.clock.now_us()
    ends_us = rig.rig.cap.slot_end_us(now_us)
    assert ends_us - now_us < 590 * S_US
    rig.bench.run(ends_us - now_us + S_US)
    late_us = rows(rig)[-1][0] - ends_us
    assert rows(rig)[-1][1] == "checkpoint"
    assert 0 <= late_us <= 3 * TICK_US


@pytest.mark.parametrize(
    ("rate", "each_nl"), [(8_640_000, 5_000), (30 * NL_A_SECOND, 5_000), (1_000 * NL_A_SECOND, 10_000)]
)
def test_a_record_comes_every_5_ul_or_ten_seconds_of_flow(tmp_path: Path, rate: int, each_nl: int) -> None:
    rig = rig_of(tmp_path, f"basal=0:{rate}")
    seconds = each_nl * 86_400 // rate
    rig.bench.run(max(200, 6 * seconds) * S_US)
    found = rows(rig)[-4:]
    each = [(after[2] - before[2]) * STEP_NL for before, after in pairwise(found)]
    assert max(each) <= each_nl + rate * 1.15 / 86_400 + STEP_NL
    assert [nl for nl in each if each_nl - STEP_NL <= nl], "the others are those of a slot's end"


def test_of_a_bolus_the_first_record_comes_after_500_nl_and_each_may_double_what_it_has_given(
    tmp_path: Path,
) -> None:
    rig = rig_of(tmp_path, "basal=0:86400")
    rig.bench.run(1_250 * S_US)
    rig.host.request(1, "open")
    rig.host.change("bolus", volume_nl=18_000, over_ms=600_000)  # 30 nL a second
    began = rows(rig)[-1][0]
    before_steps = rows(rig)[-1][2]
    rig.bench.run(580 * S_US)
    given = [
        (steps - before_steps) * STEP_NL
        for at, event, steps in rows(rig)
        if at > began and event == "checkpoint"
    ]
    due = [500]
    while due[-1] < 13_000:
        due.append(due[-1] + max(500, min(5_000, due[-1])))
    for nl in given[:4]:
        nearest = min(due, key=lambda at: abs(at - nl))
        assert abs(nl - nearest) <= 0.08 * nearest + 60, given
    steps = [after - before for before, after in zip([0, *given], given, strict=False)]
    assert max(steps) <= 5_000 + 40
    for before, step in zip([0, *given], steps, strict=False):
        assert step <= max(500, before) + 40


def test_a_rise_is_recorded_100_ms_before_and_a_fall_is_not(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "phases=700:86400,100:8640000,700:86400")
    start_us = rig.rig.therapy.start_us
    rise_us, fall_us = start_us + 700 * S_US, start_us + 800 * S_US
    rig.bench.run(fall_us + 60 * S_US - rig.rig.clock.now_us())
    at_us = [row[0] for row in rows(rig)]
    assert [at for at in at_us if rise_us - 150_000 <= at <= rise_us - 60_000]
    assert not [at for at in at_us if fall_us - 150_000 <= at <= fall_us - 20_000]


@pytest.mark.requirement("SR-13")
def test_a_rise_behind_a_fall_is_recorded_too(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "phases=720:300000,60:86400,700:8640000")
    rise_us = rig.rig.therapy.start_us + 780 * S_US
    rig.bench.run(rise_us + S_US - rig.rig.clock.now_us())
    assert [row[0] for row in rows(rig) if rise_us - 150_000 <= row[0] <= rise_us - 60_000]


@pytest.mark.requirement("SR-13")
def test_after_a_rise_the_next_record_comes_as_soon_as_the_new_flow_asks_for_it(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, f"phases=700:86400,600:{25 * NL_A_SECOND}")
    rise_us = rig.rig.therapy.start_us + 700 * S_US
    rig.bench.run(rise_us + 210 * S_US - rig.rig.clock.now_us())
    at_us = [row[0] for row in rows(rig) if row[0] > rise_us]
    assert rise_us + 198 * S_US <= at_us[0] <= rise_us + 202 * S_US, "5 µL at 25 nL a second"


def test_a_pump_that_stands_without_a_program_needs_no_records(tmp_path: Path) -> None:
    rig = Watched(tmp_path, "")
    rig.bench.run(700 * S_US)
    before = rig.rig.journal.next_number
    rig.bench.run(3_600 * S_US)
    assert rig.rig.journal.next_number == before


def test_a_new_checkpoint_has_told_of_nothing() -> None:
    made: Any = Checkpoint(None)
    assert (made.at_us, made._at_nl, made._told_until_us, made._day_us) == (0, 0, 0, 0)
    assert (made._bolus, made._done_steps, made._interval_nl) == (None, 0, 5_000)
    assert not made._waits, "it gives way in its first tick, too"


def test_a_pump_that_stands_with_a_program_goes_on_recording(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    rig.change("stop")
    rig.bench.run(1_900 * S_US)
    assert len([row for row in rows(rig) if row[1] == "checkpoint" and row[0] > 600 * S_US]) >= 2
    assert rig.rig.checkpoint.base(rig.rig.clock.now_us()) == 0
