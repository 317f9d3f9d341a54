"""rig.boot.recovery: what stands in the last record and in the settings is what a boot takes up, thing by thing.

Owns: alarms that were not read, access, faults in a row, maintenance, damaged documents, ramp, elapsed time, waiting.
Rules: a rig on the software board; its power goes right after the record that the test is about.
Units: microseconds, nL, steps.
Leaves: what may have flowed meanwhile to test_boot.py and test_loss.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from parts import S_US, bolus
from pumpwire import documents, records
from pumpwire.spec import KINDS
from rig.board import flashmap
from rig.boot import recovery
from rig.log import kept_documents
from watched import NL_A_SECOND, Watched, just_booted

RAMP = "ramp=100000:10000:600:400000"


def cut(rig: Watched, event: str = "checkpoint", fields: Any = ()) -> Any:
    """A record, and then no power; the rig that died."""
    dead = rig.rig
    if event:
        dead.log.record(event, fields)
    rig.bench.power_off()
    rig.bench.power_on()
    rig.rig = rig.host.rig = rig.bench.rig
    return dead


def self_tests(rig: Watched) -> list[str]:
    """What each of these alarms said was wrong."""
    return [text.partition(" why=")[2].replace("%20", " ") for text in rig.alarms("self_test")]


# --- alarms, access


def test_how_often_each_alarm_came_is_known_after_a_boot(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    rig.change("clock", utc_us=1_790_000_000_000_000)
    for _ in range(3):
        rig.rig.alarm("tube", ())
        rig.rig.alarms.clear("tube")
    rig.rig.log.record("kept", (("name", "battery"), ("n", 9), ("first", 5), ("for_s", 7)))
    rig.rig.log.record("kept", (("name", "supply"), ("n", 9), ("first", 1_000), ("for_s", 7)))
    was = {name: list(getattr(rig.rig.unread, name)) for name in ("_number", "_times", "_first_s", "_last_s")}
    supply, tube = 13, 24
    cut(rig)
    unread = rig.rig.unread
    assert unread._times[tube] == 3
    assert unread._number[tube] == was["_number"][tube]
    assert (unread._first_s[tube], unread._last_s[tube]) == (was["_first_s"][tube], was["_last_s"][tube])
    assert was["_first_s"][tube] >= 1_790_000_000
    assert unread._times[supply] == 9
    assert (unread._first_s[supply], unread._last_s[supply]) == (1_000, 1_007)


@pytest.mark.parametrize(("ahead", "is_made_good"), [(0, False), (1, True), (2, False)])
def test_a_key_that_was_stored_before_the_cut_and_not_recorded_is_recorded_by_the_boot(
    tmp_path: Path, ahead: int, is_made_good: bool
) -> None:
    rig = just_booted(tmp_path)
    seq = rig.rig.session.last_seq
    document = {"kind": "access", "key": "ab" * 32, "pin_hash": "", "plain": 0, "seq": seq + ahead}
    kept_documents.store(rig.rig.settings, flashmap.ACCESS, documents.canonical(document))
    cut(rig)
    assert rig.rig.access.key_text() == "ab" * 32
    assert rig.rig.access.plain == 0
    assert rig.rig.session.last_seq == seq + is_made_good
    if is_made_good:
        assert (rig.rig.session.last_code, rig.rig.session.last_crc) == (0, 0)
        assert rig.told("command")[-1] == f"verb=access seq={seq + 1}"
        cut(rig)
        assert rig.rig.session.last_seq == seq + 1, "once"


def test_without_a_stored_key_anybody_may_open_a_session(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    cut(rig)
    assert not rig.rig.access.has_key()


# --- faults, maintenance, damage


def test_the_third_fault_in_a_row_keeps_the_pump_off(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    assert rig.rig.faults == 0
    for times, fails in ((2, False), (3, True)):
        cut(rig, "fault", (("times", times), ("error", "MemoryError")))
        assert rig.rig.faults == times
        assert self_tests(rig) == ["the firmware fails each time"] * fails
    assert "self_test" in rig.active
    cut(rig)
    assert rig.rig.faults == 0, "another record came between"


def test_a_boot_is_for_maintenance_only_where_a_standing_pump_asked_for_it_last(tmp_path: Path) -> None:
    for stops, last, wanted in ((True, "maintenance", 1), (True, "checkpoint", 0), (False, "maintenance", 0)):
        folder = tmp_path / f"{stops} {last}"
        folder.mkdir()
        rig = just_booted(folder)
        if stops:
            rig.change("stop")
        cut(rig, last)
        assert rig.told("boot")[-1] == f"cause=power_on maintenance={wanted}"


def test_a_first_boot_has_number_1_and_says_so_once(tmp_path: Path) -> None:
    rig = Watched(tmp_path, "")
    assert rig.rig.log.boot_number == 1
    assert len(rig.told("first_boot")) == 1
    cut(rig)
    assert rig.rig.log.boot_number == 2
    assert len(rig.told("first_boot")) == 1


@pytest.mark.parametrize(
    ("slot", "what"), [(flashmap.CALIBRATION, "calibration"), (flashmap.PROGRAM, "program")]
)
def test_a_document_that_is_not_the_record_s_is_damage_and_the_pump_stays_off(
    tmp_path: Path, slot: int, what: str
) -> None:
    rig = just_booted(tmp_path)
    for text in ("kind=calibration id=77 nl_num=9600 nl_den=1 u_ppm=1", "kind=program name=q basal=0:5000"):
        if text.startswith(f"kind={what}"):
            for _ in range(2):
                kept_documents.store(rig.rig.settings, slot, text)
    cut(rig)
    assert self_tests(rig) == [f"the {what} is damaged"]
    assert rig.rig.alarms.blocking() == "self_test"
    if what == "program":
        assert rig.rig.therapy.program is None
        assert rig.rig.therapy.mode == "stopped"


# --- books


@pytest.mark.parametrize("fill_nl", [20_000, 7_654_321, 100_000_000])
@pytest.mark.parametrize("assumed_nl", [0, 10, 649, 19_999, 3_000_000])
def test_the_reservoir_is_as_well_known_after_boots_as_before(
    tmp_path: Path, fill_nl: int, assumed_nl: int
) -> None:
    """Half a per cent of the fill or a microlitre, and all that was assumed since, however often it was cut."""
    rig = just_booted(tmp_path)
    rig.change("stop")
    rig.change("refill", volume_nl=fill_nl)
    rig.rig.dosing.lost_steps, rig.rig.assumed_steps = 70_001, 90_001
    rig.rig.reservoir.assume(assumed_nl)
    for _ in range(3):
        before = rig.rig.reservoir.u_nl(), rig.rig.reservoir.volume_nl()
        cut(rig)
        reservoir = rig.rig.reservoir
        assert reservoir.volume_nl() == before[1]
        assert reservoir.u_nl() == before[0] or reservoir.u_nl() > before[0] > fill_nl, (
            "all of it may be gone"
        )
        assert reservoir.base_nl == max(0, fill_nl - assumed_nl)
        assert (rig.rig.dosing.lost_steps, rig.rig.assumed_steps) == (70_001, 90_001)
        if assumed_nl < fill_nl:
            assert reservoir.u_base_nl == max(1_000, fill_nl // 200) + assumed_nl


def test_the_books_of_the_modelled_implant_go_on(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    rig.change("stop")
    rig.change("clock", utc_us=1_790_000_000_000_000)
    implant = rig.rig.implant
    implant.used_j, implant.age_h, implant.eri_h, implant.tube_rev, implant.tube_day = 123, 45, 48, 6, 20_000
    cut(rig)
    after = rig.rig.implant
    assert (after.used_j, after.age_h, after.eri_h, after.tube_rev, after.tube_day) == (
        124,  # what is not whole counts as used
        46,
        48,
        6,
        20_000,
    )


def test_commanded_volume_is_told_since_the_boot(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    rig.bench.run(100 * S_US)
    cut(rig)
    rig.rig.delivery.settle(rig.rig.clock.now_us())
    assert rig.rig.dosing.commanded_base_nl == rig.rig.dosing.delivered_nl()


# --- the therapy


@pytest.mark.parametrize("ran_s", [3, 1_500, 40_000])
def test_the_program_s_time_stands_for_no_more_than_a_65536th_of_a_second(tmp_path: Path, ran_s: int) -> None:
    rig = just_booted(tmp_path, "phases=600:864000,60:0,86400:864000")
    rig.bench.run(ran_s * S_US + 333_333)
    at_us = rig.rig.clock.now_us()
    dead = cut(rig)
    elapsed_us = dead.therapy.elapsed_us(at_us)
    after_us = rig.rig.therapy.elapsed_us(0)
    assert 0 <= after_us - elapsed_us <= 16
    assert rig.rig.therapy.is_taken


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("behind_s", [0, 1, 1_234, 100 * 86_400, 219 * 86_400, 3_653 * 86_400])
def test_a_ramp_is_as_far_behind_as_before_and_held_or_not(tmp_path: Path, held: bool, behind_s: int) -> None:
    rig = just_booted(tmp_path, RAMP)
    now_us = rig.rig.clock.now_us()
    rig.rig.therapy.set_ramp(behind_s * S_US, held, now_us)
    dead = cut(rig)
    assert (rig.rig.implant.tube_rev, dead.implant.tube_rev) == (0, 0), "the field behind it is another one's"
    assert rig.rig.therapy.ramp_behind_us(0) == behind_s * S_US
    assert (rig.rig.therapy.ramp_held_us >= 0) is held
    assert rig.rig.therapy.was_held is held
    rig.rig.therapy.set_ramp(behind_s * S_US, False, rig.rig.clock.now_us())
    cut(rig)
    assert rig.rig.therapy.was_held is held, "at one of two losses of power, of which no clock has told"
    assert rig.rig.therapy.ramp_held_us == -1


@pytest.mark.parametrize("kind", ["spread", "bridge"])
@pytest.mark.parametrize("done", [0, 1, 400])
def test_a_second_bolus_goes_on_as_the_kind_that_it_was(tmp_path: Path, kind: str, done: int) -> None:
    rig = just_booted(tmp_path, "basal=0:86400")
    rig.change("stop")
    overlay = bolus(KINDS.index(kind), rig.rig.clock.now_us(), 1_000)
    overlay.done_steps = overlay.planned_steps = done
    overlay.rate_nl_per_day = 30 * NL_A_SECOND
    setattr(rig.rig.therapy, kind, overlay)
    overlay.announced = done > 0
    begun = len(rig.told("bolus_start"))
    cut(rig)
    assert len(rig.told("bolus_start")) == begun, "it has been told of, or has no step"
    other = "bridge" if kind == "spread" else "spread"
    assert getattr(rig.rig.therapy, other) is None
    found = getattr(rig.rig.therapy, kind)
    assert (found.kind, found.steps, found.rate_nl_per_day) == (overlay.kind, 1_000, 30 * NL_A_SECOND)
    assert (found.done_steps, found.planned_steps) == (done, done)
    assert (found.announced, found.begun) == (done > 0, True)


def test_the_second_bolus_of_an_older_record_is_a_spread_one(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    state = {"second_kind": 0, "spread_steps_asked": 10, "spread_done_steps": 4, "spread_rate_nl_per_day": 9}
    for kind in ("bridge", "spread"):
        recovery._take_up_second(rig.rig, state, kind, 5)
    assert rig.rig.therapy.bridge is None
    found = rig.rig.therapy.spread
    assert (found.kind, found.steps, found.done_steps) == (KINDS.index("spread"), 10, 4)


def test_nothing_under_way_is_nothing_under_way(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    rig.change("stop")
    cut(rig)
    assert rig.rig.therapy.overlays() == []
    assert rig.rig.therapy.halted_by == "stopped"
    assert rig.rig.therapy.later == (0, 0)


@pytest.mark.parametrize("kind", ["single", "demand", "spread", "prime", "calibration", "periodic"])
def test_what_may_have_flowed_of_a_requested_bolus_counts_for_the_24_hours(tmp_path: Path, kind: str) -> None:
    rig = just_booted(tmp_path)
    rig.bench.run(30 * S_US)
    overlay = bolus(KINDS.index(kind), rig.rig.clock.now_us(), 1_000)
    overlay.rate_nl_per_day = 100 * NL_A_SECOND
    if kind == "spread":
        rig.rig.therapy.add(overlay)
    elif kind in ("prime", "calibration"):
        rig.rig.therapy.add_apart(overlay, "priming")
    else:
        rig.rig.therapy.boluses.queue.append(overlay)
    asked = rig.rig.cap.asked_steps
    cut(rig)
    assumed = int(rig.told("power_return")[-1].split("assumed_nl=")[1])
    counted = rig.rig.cap.asked_steps - asked
    if kind in ("single", "demand", "spread"):
        assert counted > 100
        assert 3 * counted <= assumed
    else:
        assert counted == 0
    if kind in ("prime", "calibration"):
        assert rig.rig.therapy.mode == "stopped"
        assert rig.rig.therapy.halted_by == "power"
        assert [text.split()[0] for text in rig.told("bolus_end")] == [f"kind={kind}"]
        assert rig.rig.therapy.cancelled == []
    else:
        assert rig.rig.therapy.mode == "running"


def test_a_bolus_that_has_begun_by_what_is_assumed_is_told_of_before_all_else(tmp_path: Path) -> None:
    rig = just_booted(tmp_path)
    rig.bench.run(30 * S_US)
    overlay = bolus(KINDS.index("single"), rig.rig.clock.now_us(), 1_000)
    overlay.rate_nl_per_day = 100 * NL_A_SECOND
    rig.rig.therapy.add(overlay)
    before = rig.rig.journal.next_number
    cut(rig)
    journal = rig.rig.journal
    found = [records.EVENTS[journal.read(number)[3]] for number in range(before + 1, journal.next_number)]
    assert found[0] == "bolus_start"
    assert "power_return" in found


@pytest.mark.parametrize("on_return", ["resume", "stop"])
def test_a_program_that_waits_is_given_up_where_the_pump_stops_at_a_cut(
    tmp_path: Path, on_return: str
) -> None:
    rig = just_booted(tmp_path, f"basal=0:864000 on_return={on_return}")
    if rig.rig.therapy.mode == "stopped":
        rig.host.request(1, "open")
        rig.host.change("ack")
        rig.change("resume")
    rig.change("clock", utc_us=1_790_000_000_000_000)
    text = documents.canonical(documents.parse("kind=program name=y basal=0:480000"))
    rig.host.request(1, "open")
    rig.host.change("stage", part=1, parts=1, text=text)
    rig.host.change("commit", hash=documents.digest(text), at_utc_s=1_790_003_600)
    assert rig.rig.therapy.later[1] == 1_790_003_600
    cut(rig)
    assert (rig.rig.therapy.mode == "stopped") is (on_return == "stop")
    assert rig.rig.therapy.later[1] == (0 if on_return == "stop" else 1_790_003_600)
    mode = "stopped" if on_return == "stop" else "running"
    assert rig.told("power_return")[-1].startswith(f"mode={mode} assumed_nl=")
    first = [
        rows[0].split("assumed_nl=")[1] for rows in (rig.alarms("power_return"), rig.told("power_return"))
    ]
    assert first[0] == first[1]
