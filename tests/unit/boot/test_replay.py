"""rig.boot.replay and snapshot: the last 24 h out of records that were written by hand, and the state that is kept.

Owns: slots, instants and steps of a log of a few records, each to the step and the second; what a record rounds.
Rules: what the ring holds afterwards is worked out beside the records; a log is a list, without a flash.
Units: slots of ten minutes, steps, microseconds.
Leaves: a whole rig's boot to test_boot.py and test_recovery.py.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from parts import NEVER_US, S_US, dosing_of, therapy_of
from pumpwire import records
from rig.boot import replay, snapshot
from rig.flow.day_cap import SLOT_US, SLOTS, DayCap

NOW_US = 7_000_000  # of the new boot
TOP = 0x92


class Log:
    """Records by number, from 1."""

    def __init__(self) -> None:
        self.rows: list[bytes | None] = []

    @property
    def next_number(self) -> int:
        return len(self.rows) + 1

    def oldest(self) -> int:
        return 1

    def read(self, number: int) -> bytes | None:
        return self.rows[number - 1]

    def add(self, event: str, text: str = "", mono_s: float = 0, boot: int = 1, **steps: int) -> None:
        """A record with so many steps of each kind."""
        values = [steps.get(name.removesuffix("_steps"), 0) for name, _width in records.STATE]
        header = {
            "event": records.EVENTS.index(event),
            "number": self.next_number,
            "boot": boot,
            "mono_us": int(mono_s * S_US),
            "utc_us": 0,
            "calibration_id": 7,
            "chain": bytes(8),
        }
        self.rows.append(records.unseal(bytes(records.page(header, values, text.encode()))))


def day(log: Log, cap: Any = None) -> tuple[Any, list[int]]:
    """(the ring, the demand boluses given) as a boot takes them out of a log."""
    rig = SimpleNamespace(cap=cap or DayCap(dosing_of()))
    given = replay.day(rig, log, NOW_US)
    return rig.cap, given


def ring(cap: Any) -> dict[int, tuple[int, int]]:
    """What each slot back holds, where it holds something."""
    return {back: cap.held(back) for back in range(SLOTS) if cap.held(back) != (0, 0)}


CHECK = f"day={TOP:x}.1f4:2b,3c.a,0 old=57:5,,6.7.2"  # 500 s into its slot


def test_a_checkpoint_alone_has_the_newest_slots_and_some_old_ones() -> None:
    log = Log()
    log.add("checkpoint", CHECK, 1_000)
    cap, given = day(log)
    assert ring(cap) == {0: (0x2B, 0), 1: (0x3C, 0xA), TOP - 0x57: (5, 0), TOP - 0x59: (6, 7)}
    assert (cap.own_steps, cap.asked_steps) == (0x2B + 0x3C + 11, 17)
    assert cap.slot_end_us(NOW_US) == NOW_US + 100 * S_US
    # two demand boluses somewhere in that slot: as late as it allows
    assert given == [NOW_US - (500 + (TOP - 0x57 - 3) * 600 + 1) * S_US] * 2


@pytest.mark.parametrize(("later_s", "slots"), [(30, 0), (99, 0), (100, 1), (150, 1), (701, 2)])
def test_what_came_after_the_newest_checkpoint_is_of_the_slot_of_the_last_record(
    later_s: int, slots: int
) -> None:
    log = Log()
    log.add("checkpoint", CHECK, 1_000, basal=100, single=10, prime=5)
    log.add("stop", "was=running", 1_000 + later_s / 2, basal=120, single=10, prime=50)
    log.add("alarm", "name=cap", 1_000 + later_s, basal=150, single=17, prime=90)
    cap, given = day(log)
    assert given[:0] == []
    assert cap._slot == TOP + slots
    into_s = (500 + later_s) % 600
    assert cap.slot_end_us(NOW_US) == NOW_US + (600 - into_s) * S_US
    found = ring(cap)
    assert found[0] == ((50, 7) if slots else (0x2B + 50, 7))
    if slots:
        assert found[slots] == (0x2B, 0)
    assert found[slots + 1] == (0x3C, 0xA)


def test_time_goes_on_boot_after_boot_and_without_power_it_stands() -> None:
    log = Log()
    log.add("checkpoint", CHECK, 1_000, boot=300)
    log.add("stop", "", 1_020, boot=300)
    log.add("boot", "", 0.5, boot=301)
    log.add("stop", "", 30, boot=301)
    log.add("boot", "", 0, boot=302)
    log.add("stop", "", 5, boot=302)
    cap, _given = day(log)
    assert cap.slot_end_us(NOW_US) == NOW_US + (100 - 20 - 30 - 5) * S_US


def test_each_kind_counts_as_the_program_s_own_or_as_requested_and_never_backwards() -> None:
    log = Log()
    log.add("checkpoint", f"day={TOP:x}.0:0 old=0:", 10, basal=100, spread=50)
    steps = {
        "periodic": 2,
        "bridge": 3,
        "demand": 10,
        "single": 20,
        "spread": 90,
        "prime": 900,
        "relief": 800,
    }
    log.add("stop", "", 20, basal=90, calibration=7, **steps)
    cap, _given = day(log)
    assert ring(cap) == {0: (5, 10 + 20 + 40)}


def test_of_two_checkpoints_the_newer_one_counts_and_the_older_one_fills_what_it_does_not_tell() -> None:
    log = Log()
    log.add("checkpoint", f"day={TOP - 1:x}.0:9,8,7 old=60:4,4", 10)
    log.add("checkpoint", f"day={TOP:x}.0:1,2,3 old=60:5", 20)
    cap, _given = day(log)
    assert ring(cap) == {0: (1, 0), 1: (2, 0), 2: (3, 0), 3: (7, 0), TOP - 0x60: (5, 0), TOP - 0x61: (4, 0)}


def test_a_slot_that_is_older_than_a_day_counts_no_more() -> None:
    log = Log()
    for back in (144, 145, 146):
        log.add("checkpoint", f"day={0x200:x}.0:,, old={0x200 - back:x}:{back - 140:x}", 10)
    cap, _given = day(log)
    assert ring(cap) == {144: (4, 0)}


def test_what_was_given_after_the_newest_checkpoint_is_known_by_its_own_records() -> None:
    log = Log()
    log.add("request", "by=button", 900)
    log.add("command", "verb=demand seq=3", 950)
    log.add("checkpoint", f"day={TOP:x}.0:0 old=0:", 1_000)
    log.add("request", "by=button", 1_010)
    log.add("command", "verb=demand seq=4", 1_020)
    log.add("command", "verb=demanding seq=5", 1_021)
    log.add("refused", "verb=demand seq=5", 1_025)
    log.add("stop", "", 1_030)
    _cap, given = day(log)
    assert given == [NOW_US - 20 * S_US, NOW_US - 10 * S_US]


def test_what_a_checkpoint_counts_is_known_to_the_second_where_its_own_record_is_found() -> None:
    log = Log()
    log.add("command", "verb=demand seq=2", 400)
    log.add("request", "by=button", 900)
    log.add("checkpoint", f"day={TOP:x}.1f4:1.1.1,2.2.2 old=0:", 1_000)
    log.add("stop", "", 1_030)
    _cap, given = day(log)
    # of three the first one's record is gone: it was given by the end of its slot
    assert given == [NOW_US - 531 * S_US, NOW_US - 630 * S_US, NOW_US - 130 * S_US]


def test_of_those_that_are_older_than_a_day_the_last_one_is_kept_for_a_long_lockout() -> None:
    log = Log()
    log.add("request", "by=button", 0)
    log.add("request", "by=button", 30)
    log.add("checkpoint", f"day={TOP:x}.0:0,,, old=0:", 200_000)
    assert day(log)[1] == [NOW_US - 199_970 * S_US]


def test_the_walk_goes_on_beyond_the_slots_to_the_records_of_what_they_count() -> None:
    log = Log()
    log.add("request", "by=button", 10)
    log.add("request", "by=button", 90)
    log.add("stop", "", 95)
    for first in range(0x200 - 144, 0x200, 8):
        words = ",".join("5.1.1" if slot == 0x1F0 else "5" for slot in range(first, first + 8))
        log.add("checkpoint", f"day={0x200:x}.0:1 old={first:x}:{words}", 100)
    _cap, given = day(log)
    assert given == [NOW_US - 10 * S_US]


def test_those_after_the_newest_checkpoint_count_beside_those_that_it_counts() -> None:
    """The walk is not over with two of three records."""
    log = Log()
    log.add("request", "by=button", 40)
    for first in range(0x200 - 144, 0x200, 8):
        words = ",".join("5.1.1" if slot == 0x1FF else "5" for slot in range(first, first + 8))
        log.add("checkpoint", f"day={0x200:x}.0:1 old={first:x}:{words}", 100)
    log.add("request", "by=button", 110)
    log.add("request", "by=button", 120)
    _cap, given = day(log)
    assert given == [NOW_US - 80 * S_US, NOW_US - 10 * S_US, NOW_US]


def test_demand_boluses_of_the_slot_that_fills_were_given_by_now() -> None:
    log = Log()
    log.add("checkpoint", f"day={TOP:x}.a:1.1.3,2.2.1 old=0:", 1_000)
    _cap, given = day(log)
    assert given == [NOW_US - 11 * S_US] + [NOW_US] * 3


def test_a_log_without_a_day_in_it_counts_as_of_now() -> None:
    log = Log()
    log.add("checkpoint", "", 10, basal=100, single=5)
    log.add("request", "", 15, basal=110, single=5)
    log.add("stop", "", 20, basal=150, single=9)
    cap: Any = DayCap(dosing_of())
    found, given = day(log, cap)
    assert (found.own_steps, found.asked_steps) == (50, 4)
    assert given == [NOW_US - 5 * S_US]
    found, given = day(Log())
    assert (found.own_steps, given) == (0, [])


def test_the_walk_goes_back_400_records_and_stops_where_all_slots_are_known() -> None:
    assert replay.MOST_RECORDS == 400
    for between, is_found in ((399, True), (400, False)):
        log = Log()
        log.add("checkpoint", f"day={TOP:x}.0:7 old=0:", 10)
        for _ in range(between):
            log.add("stop", "", 10)
        cap, _given = day(log)
        assert (ring(cap) == {0: (7, 0)}) is is_found
    log = Log()
    log.add("checkpoint", f"day={0x200 - 144:x}.0:1,1,1 old=0:", 10)
    rows = {k: f"{k + 1:x}" for k in range(SLOTS)}
    for first in range(0, 132, 6):
        words = ",".join(rows[k] for k in range(first, first + 6))
        log.add("checkpoint", f"day={0x200:x}.0:1,1,1 old={0x200 - 144 + first:x}:{words}", 10)
    reads: list[int] = []
    read = log.read
    log.read = lambda number: reads.append(number) or read(number)  # type: ignore[method-assign]
    log.add("checkpoint", f"day={0x200:x}.0:a,b,c old={0x200 - 12:x}:{','.join(['d'] * 10)}", 20)
    cap, _given = day(log)
    assert min(reads) == 2, "the first record is not needed"
    assert [cap.held(back)[0] for back in (0, 1, 2, 12, 13, 144)] == [10, 11, 12, 13, 132, 1]


def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    log = Log()
    log.add("checkpoint", CHECK, 1_000)
    log.rows.append(None)
    log.add("stop", "", 1_030)
    cap, _given = day(log)
    assert cap.slot_end_us(NOW_US) == NOW_US + 70 * S_US


# --- what a record keeps


def test_the_program_s_time_is_kept_in_65536ths_of_a_second_rounded_up() -> None:
    therapy = therapy_of(100)
    for elapsed_us, kept in (
        (0, (0, 0)),
        (1, (0, 1)),
        (15, (0, 1)),
        (16, (0, 2)),
        (500_000, (0, 32_768)),
        (999_999, (1, 0)),
        (1_000_000, (1, 0)),
        (86_400 * S_US + 250_000, (86_400, 16_384)),
    ):
        assert snapshot._elapsed(therapy, 100 + elapsed_us) == kept
    assert snapshot._elapsed(therapy, 0) == (0, 0)
    therapy.program = None
    assert snapshot._elapsed(therapy, 10**9) == (0, 0)


def test_no_bolus_is_four_zeros_and_no_program_has_number_0() -> None:
    assert snapshot._bolus(None) == (0, 0, 0, 0)
    assert snapshot.program_number("") == 0
    assert snapshot.program_number("89abcdef01234567") == 0x89ABCDEF
    assert NEVER_US > SLOT_US


def test_why_it_stands_is_kept_as_a_number_and_comes_back_as_a_word() -> None:
    from pumpwire import spec
    from rig.boot.recovery import halted_text

    assert (snapshot.halted_number("stopped"), snapshot.halted_number("power")) == (0, 1)
    assert (halted_text(0), halted_text(1)) == ("stopped", "power")
    for row in spec.alarms():
        number = snapshot.halted_number("alarm " + row[1])
        assert number == row[0] + 2
        assert halted_text(number) == "alarm " + row[1]
