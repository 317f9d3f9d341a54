"""rig.line.access to the microsecond: how long a session lasts, which wrong answer locks, for how long.

Owns: sessions, marks and locks, without a rig around them.
Rules: five wrong answers lock for a minute, doubling up to an hour ; the marks are made here
by pumpwire.auth.
Units: microseconds.
Leaves: who may send which command to test_capabilities.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from pumpwire import auth, spec
from rig.line import access as module
from rig.line.access import Access, Lock
from rig.refused import Refused

S_US = 1_000_000
KEY = "00112233445566778899aabbccddeeff" * 2
OTHER = "ffeeddccbbaa99887766554433221100" * 2


class Guarded:
    """An Access, what it logs, and a host that knows its keys."""

    def __init__(self, key: str = "") -> None:
        self.rows: list[dict[str, Any]] = []
        self._numbers = iter(range(1, 1_000))
        self.access: Any = Access("e661", self._record, lambda: f"{next(self._numbers):016x}")
        self.use(key)

    def _record(self, event: str, fields: Any) -> None:
        self.rows.append({"event": event, **dict(fields)})

    def use(self, key: str, pin_hash: str = "", plain: int = 1) -> None:
        self.key = bytes.fromhex(key)
        self.access.use({"key": key, "pin_hash": pin_hash, "plain": plain})

    def open(self, now_us: int) -> bytes:
        """The key of the session that begins."""
        nonce = self.access.open("0123", now_us)
        return auth.session_key(self.key, "0123", nonce)

    def refusal(self, verb: str, now_us: int, key: bytes = b"", body: str = ">1 x") -> Any:
        """Why a line that carries this key's mark may not be sent; None: it may."""
        mark = auth.mark(key, body) if key else ""
        try:
            self.access.check_host(spec.command(verb), body, mark, now_us)
        except Refused as refused:
            return refused.args[0], dict(refused.args[1])
        return None

    def open_refusal(self, now_us: int) -> Any:
        try:
            self.access.open("0123", now_us)
        except Refused as refused:
            return refused.args[0], dict(refused.args[1])
        return None


def test_the_figures_are_those_of_the_page() -> None:
    assert module.IDLE_US == 10 * 60 * S_US
    assert module.TRIES == 5
    assert module.LOCK_US == 60 * S_US
    assert module.LONGEST_LOCK_US == 3_600 * S_US
    assert module.OLD_SESSIONS == 3


# --- a lock


def lock() -> tuple[Any, list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    return Lock(lambda event, fields: rows.append({"event": event, **dict(fields)})), rows


def wait_s(lock: Any, now_us: int) -> int:
    """How long it is locked still."""
    try:
        lock.check(now_us)
    except Refused as refused:
        name, fields = refused.args
    else:
        return 0
    assert name == "locked"
    return int(dict(fields)["wait_s"])


def test_four_wrong_answers_are_counted_and_the_fifth_locks_for_a_minute() -> None:
    made, rows = lock()
    now_us = 5 * S_US
    assert wait_s(made, 0) == 0
    for times in range(1, 5):
        made.wrong("mark", now_us)
        assert rows[-1] == {"event": "access", "wrong": "mark", "times": times}
        assert wait_s(made, now_us) == 0
    made.wrong("pin", now_us)
    assert rows[-1] == {"event": "access", "wrong": "pin", "locked_s": 60}
    assert [wait_s(made, now_us + at) for at in (0, 1, S_US - 1, S_US, 60 * S_US - 1, 60 * S_US)] == [
        60,
        60,
        60,
        59,
        1,
        0,
    ]
    made.wrong("mark", now_us + 60 * S_US)
    assert rows[-1]["times"] == 1, "the count begins anew"


def test_each_lock_is_twice_the_last_up_to_an_hour() -> None:
    made, rows = lock()
    locked = []
    for _ in range(9):
        for _ in range(5):
            made.wrong("mark", 0)
        locked.append(rows[-1]["locked_s"])
    assert locked == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]


@pytest.mark.parametrize(("after_us", "locked_s"), [(3_600 * S_US - 1, 120), (3_600 * S_US, 60)])
def test_a_right_answer_ends_the_count_at_once_and_the_doubling_after_an_hour(
    after_us: int, locked_s: int
) -> None:
    made, rows = lock()
    began_us = 77 * S_US
    for _ in range(5):
        made.wrong("mark", began_us)
    made.right(began_us + after_us)
    for _ in range(4):
        made.wrong("mark", began_us + after_us)
    assert rows[-1]["times"] == 4
    made.right(began_us + after_us + 1)
    for _ in range(5):
        made.wrong("mark", began_us + after_us + 2)
    assert rows[-1]["locked_s"] == locked_s


# --- sessions


def test_a_session_ends_ten_minutes_after_its_last_line() -> None:
    guarded = Guarded()
    assert not guarded.access.is_host(0)
    assert guarded.refusal("refill", 0) == ("access", {"why": "open a session first"})
    guarded.open(S_US)
    assert guarded.access.is_host(601 * S_US - 1)
    assert not guarded.access.is_host(601 * S_US)
    assert guarded.refusal("refill", 601 * S_US - 1) is None
    assert guarded.refusal("refill", 1_201 * S_US - 2) is None
    assert guarded.refusal("refill", 1_801 * S_US - 2) == ("access", {"why": "open a session first"})
    guarded.open(2_000 * S_US)
    guarded.access.close()
    assert not guarded.access.is_host(2_000 * S_US)
    assert not guarded.access.is_host(0)
    assert not guarded.access.is_proven(">1 x", "", 2_000 * S_US)


def test_what_anyone_may_send_is_asked_for_nothing_and_makes_no_session_longer() -> None:
    guarded = Guarded(KEY)
    guarded.open(0)
    assert guarded.refusal("status", 599 * S_US) is None
    assert guarded.refusal("stop", 599 * S_US) is None
    assert not guarded.access.is_host(600 * S_US)
    assert guarded.refusal("terminal", 0) == ("access", {"why": "for a person at a plain terminal"})
    assert guarded.rows == []


def test_a_session_that_is_opened_ends_the_terminal_s() -> None:
    guarded = Guarded()
    assert guarded.access.terminal_until_us == 0
    guarded.access.terminal_until_us = 10**12
    guarded.open(0)
    assert guarded.access.terminal_until_us == 0


def test_without_a_key_a_session_needs_no_mark_and_with_one_each_line_does() -> None:
    guarded = Guarded()
    assert not guarded.access.has_key()
    assert guarded.access.key_text() == ""
    guarded.open(0)
    assert guarded.access.is_proven(">1 x", "", 0)
    guarded = Guarded(KEY)
    assert guarded.access.has_key()
    assert guarded.access.key_text() == KEY
    key = guarded.open(0)
    assert guarded.access.is_proven(">1 x", auth.mark(key, ">1 x"), 0)
    assert not guarded.access.is_proven(">1 x", "", 0)
    assert not guarded.access.is_proven(">1 y", auth.mark(key, ">1 x"), 0)
    assert guarded.rows == [], "nothing is counted"
    assert guarded.refusal("refill", 0, key) is None
    assert guarded.refusal("refill", 0) == ("access", {"why": "the line does not carry the key's mark"})
    assert guarded.rows == [{"event": "access", "wrong": "mark", "times": 1}]


def test_five_wrong_marks_lock_right_ones_and_new_sessions_out_for_a_minute() -> None:
    guarded = Guarded(KEY)
    key = guarded.open(0)
    for _ in range(5):
        guarded.refusal("refill", 0)
    locked = ("locked", {"wait_s": 60})
    assert guarded.refusal("refill", 0, key) == locked
    assert guarded.open_refusal(0) == locked
    assert guarded.refusal("stop", 0) is None
    assert guarded.refusal("refill", 60 * S_US, key) is None
    assert guarded.open_refusal(60 * S_US) is None


def test_a_right_mark_ends_the_count_of_wrong_ones() -> None:
    guarded = Guarded(KEY)
    key = guarded.open(0)
    for _ in range(3):
        for _ in range(4):
            guarded.refusal("refill", 0)
        assert guarded.refusal("refill", 0, key) is None
    assert [row["times"] for row in guarded.rows] == [1, 2, 3, 4] * 3


def test_wrong_guesses_at_the_pin_lock_no_host_out() -> None:
    guarded = Guarded(KEY)
    key = guarded.open(0)
    for _ in range(5):
        guarded.access.guesses.wrong("pin", 0)
    assert wait_s(guarded.access.guesses, 0) == 60
    assert guarded.refusal("refill", 0, key) is None


@pytest.mark.parametrize("since", [1, 2, 3, 4])
def test_a_host_of_one_of_the_last_three_sessions_is_told_that_another_has_come(since: int) -> None:
    guarded = Guarded(KEY)
    key = guarded.open(0)
    for _ in range(since):
        guarded.open(0)
    name, fields = guarded.refusal("refill", 0, key)
    assert name == "access"
    if since <= 3:
        assert fields == {"why": "another host has opened a session since"}
        assert guarded.rows == [], "no guess"
    else:
        assert fields == {"why": "the line does not carry the key's mark"}
        assert len(guarded.rows) == 1


def test_another_key_ends_the_session_and_the_same_one_does_not() -> None:
    guarded = Guarded(KEY)
    guarded.open(0)
    guarded.use(KEY, "a hash", 0)
    assert (guarded.access.pin_hash, guarded.access.plain) == ("a hash", 0)
    assert guarded.access.is_host(1)
    guarded.use(OTHER)
    assert not guarded.access.is_host(0)
    assert guarded.access.key_text() == OTHER
    key = guarded.open(0)
    assert guarded.refusal("refill", 0, key) is None
    guarded.use("")
    assert not guarded.access.is_host(1)
    assert not guarded.access.has_key()
    guarded.open(0)
    assert guarded.refusal("refill", 0) is None


def test_a_fresh_access_has_no_key_no_pin_and_lets_a_person_program() -> None:
    made: Any = Access("e661", None, None)
    assert (made.device_id, made.pin_hash, made.plain, made.terminal_until_us) == ("e661", "", 1, 0)
    assert not made.has_key()
    assert not made.is_host(0)
