"""rig.log.checkpoint to the microsecond: when it looks again, when a record is due, what a filled tick puts off.

Owns: each instant of the duty, the volume that may flow until a record, the erase ahead.
Rules: the very firmware on the software board; the duty is called by the test; a step is 3 nL.
Units: nL, microseconds of virtual time.
Leaves: how often records come in a running rig to test_checkpoint.py, bounds of a loss to tests/unit/boot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from parts import S_US, SINGLE, STEP_NL, bolus
from pumpwire import records
from watched import NL_A_SECOND, Watched
from watched import just_booted as rig_of


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


def test_it_gives_way_in_a_tick_that_is_filled_once_and_its_record_comes_in_the_next(tmp_path: Path) -> None:
    rig, now_us = quiet(tmp_path, "basal=0:86400")
    looks(rig, now_us)
    before = rig.rig.journal.next_number
    rig.rig.checkpoint._record_us = now_us
    for _ in range(2):
        rig.rig.loop.is_filled = lambda _start_us: True
        assert rig.rig.recording.waited == 0
        assert rig.rig.checkpoint.run(now_us) == now_us + 1
        assert rig.rig.recording.waited == rig.rig.recording.waits > 0, "the next tick is kept for it"
        assert rig.rig.journal.next_number == before
        rig.rig.recording.waited = 0
        assert rig.rig.checkpoint.run(now_us) == now_us
        before += 1
        assert rig.rig.journal.next_number == before, "filled or not"
        del rig.rig.loop.is_filled
        rig.rig.checkpoint._record_us = now_us


def test_a_rise_that_a_record_has_told_of_needs_no_other(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "phases=700:86400,700:8640000")
    rise_us = rig.rig.therapy.start_us + 700 * S_US
    rig.bench.run(rise_us - 50_000 - rig.rig.clock.now_us())
    now_us = rig.rig.clock.now_us()
    rig.rig.log.record("checkpoint", rig.rig.checkpoint.told(now_us))
    before = rig.rig.journal.next_number
    looks(rig, now_us)
    assert rig.rig.journal.next_number == before


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
    assert rig.rig.checkpoint.run(now_us) == now_us + 20_000
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
