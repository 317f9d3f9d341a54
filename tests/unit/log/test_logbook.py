"""rig.log.logbook: which record comes before which, with what state and time, and what is counted instead of recorded.

Owns: rows that wait for what brought them about, repeats that are folded, a record's time.
Rules: the very firmware on NOR flash, without a rig; the state is one number, counted by the test; time is virtual.
Units: microseconds, UTC in s where a repeat tells of it, records.
Leaves: pages to test_journal.py, when a checkpoint is due to test_checkpoint.py, a command's ticks to tests/unit/line.
"""

from __future__ import annotations

from typing import Any

import pytest
from logflash import boot, laid_out, values
from parts import S_US, dosing_of
from pumpwire import records
from rig.clock import Clock
from rig.log.logbook import Logbook
from upy.device.softboard import Time

UTC_US = 1_790_000_000_000_000
UTC_S = UTC_US // S_US


class Book:
    """A log whose state is `steps`, and what it was asked to tell and told of."""

    def __init__(self) -> None:
        self.time = Time()
        self.clock: Any = Clock(self.time.ticks_us, Time.ticks_diff)
        self.clock.set_utc(UTC_US, 0, "set")
        self.journal = boot(laid_out())
        self.steps = 0
        self.asked: list[int] = []  # steps at each `tell`
        self.heard: list[tuple[str, int, int]] = []
        parts = self.clock, self.journal, dosing_of()
        self.log: Any = Logbook(*parts, self._state, self._tell, self._recorded)

    def _state(self, _now_us: int) -> tuple[int, ...]:
        return (self.steps, *values(0)[1:])

    def _tell(self, _now_us: int) -> None:
        self.asked.append(self.steps)

    def _recorded(self, event: str, _fields: Any, number: int, utc_us: int, now_us: int) -> None:
        self.heard.append((event, number, utc_us - UTC_US - now_us))

    def rows(self) -> list[tuple[str, str, int]]:
        """(event, words, steps) of every record."""
        raws = [self.journal.read(number) for number in range(1, self.journal.next_number)]
        found = [records.unpack(raw) for raw in raws]
        return [
            (records.EVENTS[header["event"]], text, state["basal_steps"]) for header, state, text in found
        ]

    def events(self) -> list[str]:
        """Events with their words."""
        return [f"{event} {words}".strip() for event, words, _steps in self.rows()]

    def times_us(self) -> list[int]:
        """When each record says it was."""
        raws = [self.journal.read(number) for number in range(1, self.journal.next_number)]
        return [records.unpack(raw)[0]["mono_us"] for raw in raws]


def test_a_new_logbook_keeps_nothing_back() -> None:
    log = Book().log
    assert (log.boot_number, log.has_rest(), log.is_holding()) == (0, False, False)
    log.log_rest()


# --- a record


def test_a_record_carries_the_state_and_the_time_of_now_and_is_heard_of() -> None:
    book = Book()
    book.log.boot_number = 9
    book.time.us, book.steps = 5_000_000, 7
    assert book.log.record("stop", (("why", "x"),)) == 1
    header, _state, _text = records.unpack(book.journal.read(1))
    assert book.rows() == [("stop", "why=x", 7)]
    assert (header["boot"], header["mono_us"], header["utc_us"]) == (9, 5_000_000, UTC_US + 5_000_000)
    assert header["calibration_id"] == 1
    assert book.heard == [("stop", 1, 0)]


def test_a_record_s_time_is_that_of_what_it_tells_of_and_never_goes_back_or_ahead() -> None:
    book = Book()
    book.time.us = 5_000_000
    for at_us, told_us in (
        (4_000_000, 4_000_000),
        (3_999_999, 4_000_000),
        (0, 5_000_000),
        (9_000_000, 5_000_000),
    ):
        book.log.record("bolus_start", (), at_us)
        assert book.times_us()[-1] == told_us
    book.time.us = 6_000_000
    book.log.record("bolus_end", (), 5_500_000)
    assert book.times_us()[-1] == 5_500_000
    assert book.heard[-1] == ("bolus_end", 5, -500_000), "UTC is that of the instant, too"


@pytest.mark.parametrize(
    ("event", "tells"),
    [("stop", True), ("alarm", True), ("bolus_start", False), ("bolus_end", False), ("checkpoint", False)],
)
def test_what_began_or_ended_is_told_before_any_record_but_those_that_tell_of_it(
    event: str, tells: bool
) -> None:
    book = Book()
    book.steps = 3
    book.log.record(event, ())
    assert book.asked == [3] * tells


# --- what a command brings about


def test_while_a_command_acts_what_it_brings_about_waits_in_order() -> None:
    book = Book()
    book.log.hold()
    assert book.log.is_holding()
    assert book.log.record("alarm", (("name", "a"),), 5) == 0
    assert book.log.record("missed", ()) == 0
    assert (book.events(), book.asked) == ([], [])
    assert book.log.held() == [("alarm", (("name", "a"),), 5), ("missed", (), 0)]
    assert not book.log.is_holding()
    assert book.log.record("moved", ()) == 1


def test_a_command_is_on_record_before_what_it_brought_about_and_that_before_all_that_comes_later() -> None:
    book = Book()
    rest = [("alarm", (("name", "a"),), 0), ("bolus_end", (), 0), ("program", (), 0), ("missed", (), 0)]
    book.steps = 1
    book.log.record_command("command", (("verb", "commit"),), rest)
    assert book.events() == ["command verb=commit"]
    assert book.asked == [], "its state is the one it left"
    assert book.log.has_rest()
    for steps, event, asked in ((2, "alarm name=a", [2]), (3, "bolus_end", [2])):
        book.steps = steps
        book.log.log_rest()
        assert (book.events()[-1], book.rows()[-1][2], book.asked) == (event, steps, asked)
    book.steps = 9
    book.log.record("stop", ())
    assert book.events()[3:] == ["program", "missed", "stop"]
    assert book.asked == [2, 9, 9, 9]
    assert not book.log.has_rest()


@pytest.mark.parametrize("verb", ["stop", "silence", "commit"])
def test_what_had_happened_before_a_stop_comes_before_it_with_its_own_time(verb: str) -> None:
    book = Book()
    book.time.us = 50
    rest = [("bolus_end", (), 20), ("stop", (), 0)]
    book.log.record_command("command", (("verb", verb),), rest)
    early = verb != "commit"
    assert book.events() == ["bolus_end"] * early + [f"command verb={verb}"]
    assert book.times_us() == [20] * early + [50]
    while book.log.has_rest():
        book.log.log_rest()
    assert book.events()[1:] == ([f"command verb={verb}", "stop"] if early else ["bolus_end", "stop"])


def test_what_is_owed_comes_behind_what_is_still_kept_and_while_a_command_acts_behind_that() -> None:
    book = Book()
    book.log.record_command("command", (("verb", "commit"),), [("program", (), 0)])
    book.log.owe(lambda: book.log.record("missed", ()))
    assert book.events() == ["command verb=commit"]
    assert not book.log.is_holding()
    book.log.log_rest()
    book.log.log_rest()
    assert book.events()[1:] == ["program", "missed"]
    book.log.owe(lambda: None)
    assert not book.log.has_rest()
    book.log.hold()
    book.log.owe(lambda: book.log.record("alarm", ()))
    assert book.log.is_holding()
    assert book.log.held() == [("alarm", (), 0)]


def test_a_bolus_that_is_cancelled_ends_at_that_instant_whenever_it_is_told() -> None:
    """All else that is owed carries the time of its record, with whose state it stands."""
    book = Book()
    book.time.us = 50

    def cancel() -> None:
        book.log.record("bolus_end", ())
        book.log.record("missed", ())

    book.log.owe(cancel)
    for us in (70, 90):
        book.time.us = us
        book.log.log_rest()
    assert book.events() == ["bolus_end", "missed"]
    assert book.times_us() == [50, 90]


def test_what_was_to_be_owed_and_failed_leaves_the_log_open() -> None:
    book = Book()

    def fail() -> None:
        book.log.record("missed", ())
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  whatever it is
        book.log.owe(fail)
    assert not book.log.is_holding()
    book.log.log_rest()
    assert book.events() == ["missed"], "what it had told of is not lost"


# --- repeats


def press(book: Book, verb: str, at_s: int) -> None:
    """What anybody may do, as the commands log it."""
    book.time.us = at_s * S_US
    if not book.log.is_repeat(verb):
        book.log.record_command("command", (("verb", verb),), [])


def test_repeats_with_nothing_between_are_counted_and_on_record_before_the_next_news() -> None:
    book = Book()
    for at_s in (10, 20, 30, 45):
        press(book, "stop", at_s)
    assert book.events() == ["command verb=stop"]
    book.log.record("checkpoint", ())
    book.log.record("access", ())
    press(book, "stop", 50)
    assert len(book.events()) == 3, "what comes whatever happens, or by a stranger, is no news"
    book.log.record("alarm", (("name", "a"),))
    repeats = f"command verb=stop n=4 first={UTC_S + 20} last={UTC_S + 50}"
    assert book.events()[3:] == [repeats, "alarm name=a"]
    assert book.times_us()[3:] == [50 * S_US] * 2, "of the last of them"
    press(book, "stop", 60)
    press(book, "stop", 70)
    assert book.events()[5:] == ["command verb=stop"], "news came between: it is recorded again"
    book.log.record("alarm", (("name", "b"),))
    assert book.events()[6:] == [
        f"command verb=stop n=1 first={UTC_S + 70} last={UTC_S + 70}",
        "alarm name=b",
    ]
    book.log.record("alarm", (("name", "c"),))
    assert book.events()[8:] == ["alarm name=c"], "each repeat is told of once"


def test_each_verb_is_counted_by_itself_and_what_needs_a_right_is_never_a_repeat() -> None:
    book = Book()
    for at_s, verb in enumerate(("stop", "silence", "stop", "silence", "silence")):
        press(book, verb, at_s)
    assert book.events() == ["command verb=stop", "command verb=silence"]
    assert [book.log.is_repeat("resume") for _ in range(3)] == [False] * 3
    book.log.record("stop", ())
    assert book.events()[2:] == [
        f"command verb=stop n=1 first={UTC_S + 2} last={UTC_S + 2}",
        f"command verb=silence n=2 first={UTC_S + 3} last={UTC_S + 4}",
        "stop",
    ]


def test_what_a_stop_brings_about_is_news_to_the_next_one() -> None:
    book = Book()
    press(book, "stop", 1)
    press(book, "stop", 2)
    book.log.record_command("command", (("verb", "silence"),), [("stop", (), 0)])
    assert book.events()[1:] == [
        f"command verb=stop n=1 first={UTC_S + 2} last={UTC_S + 2}",
        "command verb=silence",
    ]
    press(book, "stop", 3)
    assert book.events()[-1] == "command verb=stop"
