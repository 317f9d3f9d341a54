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
from parts import S_US, bolus
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


# --- to the microsecond


def quiet(tmp_path: Path, program: str, ran_s: int = 1_300) -> tuple[Watched, int]:
    """A rig right after a checkpoint, and its time; what the log still has to look at is looked at."""
    rig = rig_of(tmp_path, program)
    rig.bench.run(ran_s * S_US)
    now_us = rig.rig.clock.now_us()
    rig.rig.delivery.book(now_us)
    rig.rig.log.record("checkpoint", rig.rig.checkpoint.told(now_us))
    return rig, now_us


def looks(rig: Watched, now_us: int) -> int:
    """When it looks again, once it has nothing to do now."""
    for _ in range(9):
        due_us: int = rig.rig.checkpoint.run(now_us)
        if due_us > now_us:
            return due_us
    raise AssertionError("it never ends")


@pytest.mark.parametrize(
    ("nl_a_second", "after_us"), [(10, 500 * S_US), (100, 50 * S_US), (1_000, 10 * S_US)]
)
def test_it_looks_again_when_the_volume_has_flowed_at_the_present_rate(
    tmp_path: Path, nl_a_second: int, after_us: int
) -> None:
    rig, now_us = quiet(tmp_path, f"basal=0:{nl_a_second * NL_A_SECOND}", 1_205)
    slot_us = rig.rig.cap.slot_end_us(now_us) - now_us
    assert looks(rig, now_us) - now_us == min(after_us, slot_us)
    before = rig.rig.journal.next_number
    interval_nl = 10_000 if nl_a_second == 1_000 else 5_000
    for left_nl, wanted_us in ((STEP_NL * nl_a_second // 10 + 30, S_US), (3 * nl_a_second, 3 * S_US)):
        if left_nl >= interval_nl:
            continue
        rig.rig.checkpoint._at_nl = rig.rig.dosing.delivered_nl() - interval_nl + left_nl
        assert looks(rig, now_us) - now_us == max(S_US, left_nl * S_US // nl_a_second)
        assert wanted_us >= S_US
    rig.rig.checkpoint._at_nl = rig.rig.dosing.delivered_nl() - interval_nl
    assert rig.rig.checkpoint.run(now_us) == now_us
    assert rig.rig.journal.next_number == before, "found to be due in this tick"
    assert rig.rig.checkpoint.run(now_us) == now_us
    assert rig.rig.journal.next_number == before + 1, "and made in the next"


def test_a_record_is_made_at_its_instant_and_not_a_microsecond_before(tmp_path: Path) -> None:
    rig, now_us = quiet(tmp_path, "basal=0:86400", 1_205)
    due_us = looks(rig, now_us)
    before = rig.rig.journal.next_number
    looks(rig, due_us - 1)
    assert rig.rig.journal.next_number == before
    rig.rig.checkpoint.run(due_us)
    assert rig.rig.journal.next_number == before + 1
    rig.rig.checkpoint._day_us = due_us + 5
    looks(rig, due_us)
    rig.rig.checkpoint._record_us = due_us + 10**9
    assert rig.rig.checkpoint.run(due_us + 5) == due_us + 5, "due in this very tick"


def test_a_checkpoint_holds_each_step_that_has_left_by_its_instant_and_its_day_does_too(
    tmp_path: Path,
) -> None:
    """What may be lost behind it is reckoned from that instant on; steps that no duty has booked yet are before it."""
    rig = rig_of(tmp_path, "basal=0:86400000")  # 333 steps a second
    rig.bench.run(10 * S_US)
    rig.rig.checkpoint._record_us = 0
    rig.bench.time.us += 500_000
    before = rig.rig.journal.next_number
    while rig.rig.journal.next_number == before:
        rig.rig.checkpoint.run(rig.rig.clock.now_us())
    _header, state, text = records.unpack(rig.rig.journal.read(before))
    slots = text.split("day=")[1].split()[0].partition(":")[2].split(",")
    assert sum(int(word or "0", 16) for word in slots) == state["basal_steps"] > 3_300
    rig.rig.delivery.settle(rig.rig.clock.now_us())
    assert state["basal_steps"] == rig.rig.dosing.kind_steps[0]


def test_a_rise_that_a_record_has_told_of_needs_no_other(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "phases=700:86400,700:8640000")
    rise_us = rig.rig.therapy.start_us + 700 * S_US
    rig.bench.run(rise_us - 50_000 - rig.rig.clock.now_us())
    now_us = rig.rig.clock.now_us()
    rig.rig.log.record("checkpoint", rig.rig.checkpoint.told(now_us))
    before = rig.rig.journal.next_number
    looks(rig, now_us)
    assert rig.rig.journal.next_number == before


def test_a_pump_that_stands_with_a_program_goes_on_recording(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    rig.change("stop")
    rig.bench.run(1_900 * S_US)
    assert len([row for row in rows(rig) if row[1] == "checkpoint" and row[0] > 600 * S_US]) >= 2
    assert rig.rig.checkpoint.base(rig.rig.clock.now_us()) == 0


def test_a_fast_bolus_s_interval_is_ten_seconds_of_it_and_the_base_flow(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    single = bolus(SINGLE, 0, 200_000)
    single.rate_nl_per_day = 2_000 * NL_A_SECOND
    now_us = rig.rig.clock.now_us()
    assert rig.rig.checkpoint.volume_nl(now_us, single, 100_000) == 20_100
    assert rig.rig.checkpoint.volume_nl(now_us, single, 500) == 1_500
    assert rig.rig.checkpoint.volume_nl(now_us, single, 0) == 500
    assert rig.rig.checkpoint.volume_nl(now_us, None, 0) == 5_000


def test_it_erases_ahead_by_itself(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    for _ in range(200):
        rig.rig.log.record("alarm_end", (("name", "tube"),))
        rig.bench.run(100_000)
        assert rig.rig.journal.has_room()


# --- the highest base flow


@pytest.mark.parametrize(("before_us", "right"), [(100_001, 864_000), (100_000, 8_640_000), (-1, 8_640_000)])
def test_a_rise_of_the_next_100_ms_counts_as_come(tmp_path: Path, before_us: int, right: int) -> None:
    rig = rig_of(tmp_path, "phases=60:864000,600:8640000")
    therapy = rig.rig.therapy
    at_us = therapy.start_us + 60 * S_US - before_us
    assert rig.rig.checkpoint.base(at_us) == right


def test_a_fall_of_the_next_100_ms_does_not_count(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "phases=60:8640000,600:864000")
    at_us = rig.rig.therapy.start_us + 60 * S_US
    assert rig.rig.checkpoint.base(at_us - 50_000) == 8_640_000
    assert rig.rig.checkpoint.base(at_us) == 864_000


# --- the erase ahead


def test_an_erase_is_begun_where_the_queue_outlasts_it_and_what_it_takes_is_kept_first(
    tmp_path: Path,
) -> None:
    rig = rig_of(tmp_path)
    journal, unread = rig.rig.journal, rig.rig.unread
    done: list[Any] = []
    wants = True
    journal.wants_erase = lambda: wants
    journal.prepare = lambda: done.append("erased")
    journal.ahead = lambda: (31, 45)
    unread.keep = lambda _record, first, last: done.append((first, last))
    for ahead_us, wanted in ((499_999, [(31, 45)]), (500_000, [(31, 45), "erased"])):
        rig.rig.delivery.ahead_us = lambda _now_us, ahead_us=ahead_us: ahead_us
        rig.rig.checkpoint._prepare(5)
        assert done == wanted
        done.clear()
    journal.ahead = lambda: (0, 0)
    rig.rig.checkpoint._prepare(5)
    assert done == ["erased"], "an empty block has nothing to keep"
    wants = False
    rig.rig.checkpoint._prepare(5)
    assert done == ["erased"]


def test_while_a_block_is_to_be_erased_it_looks_again_at_the_next_tick(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    rig.bench.run(200 * S_US)
    now_us = rig.rig.clock.now_us()
    rig.rig.therapy.halt()
    rig.rig.therapy.program = None
    while rig.rig.journal.look():
        assert rig.rig.checkpoint.run(now_us) == now_us
    rig.rig.journal.wants_erase = lambda: True
    rig.rig.journal.prepare = lambda: None
    assert rig.rig.checkpoint.run(now_us) == now_us + TICK_US
    rig.rig.journal.wants_erase = lambda: False
    assert rig.rig.checkpoint.run(now_us) > 1 << 60


@pytest.mark.parametrize(
    ("rate", "a_day"), [(0, 145), (480_000, 145), (720_000, 145), (725_000, 146), (10**6, 201)]
)
def test_the_log_holds_as_many_days_as_its_records_at_the_program_s_rate(
    tmp_path: Path, rate: int, a_day: int
) -> None:
    rig = Watched(tmp_path, f"kind=program name=x basal=0:{rate}" if rate else "")
    for days in (0, 1, 7):
        for capacity in (days * a_day, (days + 1) * a_day - 1):
            rig.rig.journal.capacity = lambda capacity=capacity: capacity
            assert rig.rig.checkpoint.days() == days
