"""rig.line.session at its edges: numbers that are used up, repeats, arguments at their limits, typed words.

Owns: the answer to each line, and what it has done, by number and by character.
Rules: the very firmware on the software board; lines are made by pumpwire.codec, and taken apart by hand where they are
wrong.
Units: sequence numbers, characters, error codes of the table.
Leaves: who may do what to test_capabilities.py, bit flips to test_wire_rig.py, ticks to test_pieces.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pumpwire import answers, codec, spec
from rig.line.session import NOTHING, Session, arguments, is_stop
from rig.refused import Refused
from upy.softhost import Host


@pytest.fixture
def host(tmp_path: Path) -> Any:
    made = Host(tmp_path / "flash")
    made.start()
    made.request(1, "open")
    return made


def next_seq(host: Any) -> int:
    return int(host.rig.session.last_seq) + 1


# --- arguments


def refusal(row: Any, fields: dict[str, str]) -> Any:
    try:
        arguments(row, dict(fields))
    except Refused as refused:
        name, told = refused.args
    else:
        return None
    assert name == "argument"
    return dict(told)


def test_every_argument_of_every_command_is_held_to_its_limits_and_not_one_less() -> None:
    for row in spec.commands():
        right = {
            name: "x" * low if kind in ("text", "hex") else str(low)
            for name, kind, low, _high, _word, _default in row[1]
        }
        assert refusal(row, right) is None
        for name, kind, low, high, _word, default in row[1]:
            for value, is_right in ((low - 1, False), (low, True), (high, True), (high + 1, False)):
                if value < 0:
                    continue
                text = "x" * value if kind in ("text", "hex") else str(value)
                told = refusal(row, right | {name: text})
                assert (told is None) is is_right, (row[0], name, value)
                if is_right:
                    continue
                if kind in ("text", "hex"):
                    assert told == {"argument": name, "why": f"{low} to {high} characters"}
                else:
                    assert told == {"argument": name, "low": low, "high": high}
            without = {other: text for other, text in right.items() if other != name}
            if default is None and name not in spec.OPTIONAL:
                assert refusal(row, without) == {"argument": name, "why": "missing"}
            else:
                assert arguments(row, without)[name] == default
            if kind not in ("text", "hex"):
                for text in ("", "x", "-1", "1.5", "1" * 21):
                    assert refusal(row, right | {name: text}) == {
                        "argument": name,
                        "why": "not a whole number",
                    }


def test_what_is_no_argument_is_refused_by_the_first_of_its_names_in_20_letters() -> None:
    row = spec.command("ack")
    assert refusal(row, {"zebra": "1", "b" * 25: "1", "cow": "1"}) == {"argument": "b" * 20, "why": "unknown"}
    assert refusal(row, {}) is None


# --- a machine's line


def test_each_wrong_line_is_answered_with_its_error_and_number(host: Any) -> None:
    def answer(line: str) -> tuple[int, str, dict[str, str]]:
        return codec.parse(host.send(line.encode() + b"\n", 300_000)[-1], "<")

    assert answer(codec.request(7, "x" * 25)) == (
        7,
        "err",
        {"code": str(spec.ERRORS["unknown"]), "name": "unknown", "verb": "x" * 20},
    )
    sound = codec.request(7, "ack")
    assert answer(sound[:-1] + ("0" if sound[-1] != "0" else "1"))[::2] == (0, {"code": "11", "name": "crc"})
    assert answer(">7 ack")[::2] == (0, {"code": "10", "name": "form"})
    assert answer(codec.seal(">7 ack a"))[::2] == (0, {"code": "10", "name": "form"})
    assert answer(codec.seal(">" + "1" * 21 + " ack"))[2]["name"] == "form"


@pytest.mark.parametrize("verb", ["discard", "status", "stop", "silence"])
def test_what_a_line_asks_waits_for_a_chance_to_end_the_tick_but_for_what_acts_at_once(
    host: Any, verb: str
) -> None:
    before = host.rig.session.last_seq
    line = codec.request(next_seq(host), verb)
    rows = host.rig.session.machine(line, host.rig.clock.now_us() + 1)
    assert host.rig.commands.is_acting == (verb in ("stop", "silence"))
    assert next(rows) == ""
    assert host.rig.session.last_seq == before
    host.bench.run(100_000, True)
    assert not host.rig.commands.is_acting


def test_a_reading_line_has_any_number_and_uses_none_up(host: Any) -> None:
    before = host.rig.session.last_seq
    for seq in (0, 1, before + 7):
        rows = [row for row in host.rig.session.machine(codec.request(seq, "status"), 10**9) if row]
        parsed = [codec.parse(row, "<") for row in rows]
        assert {row[0] for row in parsed} == {seq}
        assert [row[1] for row in parsed] == ["more"] * (len(rows) - 1) + ["ok"]
        assert len(rows) == sum(often != answers.MAYBE for _n, often, _f in answers.rows_of("status")) + 1
    assert host.rig.session.last_seq == before


def test_an_opened_session_tells_the_next_number_and_drops_what_was_typed(host: Any) -> None:
    host.rig.session.pending = ("1234", "rate", {})
    _seq, _word, fields = host.request(1, "open", nonce="ab")
    assert int(fields["next_seq"]) == next_seq(host)
    assert fields["nonce"] == host.rig.board.last_random
    assert fields["key"] == "0"
    host.rig.access.use({"key": "ab" * 32, "pin_hash": "", "plain": 1})
    assert host.request(1, "open", nonce="ab")[2]["key"] == "1"
    host.rig.access.use({"key": "", "pin_hash": "", "plain": 1})
    host.request(1, "open")
    assert host.rig.session.pending == NOTHING == ("", "", {})
    assert host.request(5, "prove")[1:] == ("ok", {})
    assert host.request(5, "close")[1:] == ("ok", {})
    assert host.request(5, "prove")[2]["name"] == "access"
    assert not host.rig.access.is_host(host.rig.clock.now_us())


def test_a_reading_that_cannot_be_done_ends_with_its_error(host: Any) -> None:
    line = codec.request(3, "help", (("verb", "xyz"),)).encode() + b"\n"
    _seq, word, fields = codec.parse(host.send(line, 500_000)[-1], "<")
    assert (word, fields) == (
        "err",
        {"code": "13", "name": "argument", "argument": "verb", "why": "no such command"},
    )


def test_a_stop_acts_at_once_and_is_on_record_a_tick_later(host: Any) -> None:
    steps = host.rig.session.machine(codec.request(0, "stop"), host.rig.clock.now_us())
    assert next(steps) == ""
    assert host.rig.session.is_acting
    assert next(steps) == ""
    assert not host.rig.session.is_acting
    assert codec.parse(next(steps), "<")[1] == "ok"


# --- numbers


def test_only_the_next_number_acts_and_the_last_one_is_answered_again(host: Any) -> None:
    seq = next_seq(host)
    for wrong in (0, seq - 2, seq + 1):
        _seq, word, fields = host.request(wrong, "ack")
        assert (word, fields["name"], fields["last_seq"]) == ("err", "sequence", str(seq - 1))
        assert next_seq(host) == seq
    line = codec.request(seq, "refill", (("volume_nl", 5_000_000),))
    first = host.send(line.encode() + b"\n", 500_000)
    assert next_seq(host) == seq + 1
    host.rig.reservoir.fill(7)
    assert host.send(line.encode() + b"\n", 500_000) == first
    assert host.rig.reservoir.base_nl == 7, "once"
    other = codec.request(seq, "refill", (("volume_nl", 5_000_001),))
    assert codec.parse(host.send(other.encode() + b"\n", 500_000)[-1], "<")[2]["name"] == "sequence"


def test_a_change_from_no_session_is_refused_and_uses_no_number_up(host: Any) -> None:
    host.request(1, "close")
    seq = next_seq(host)
    _seq, word, fields = host.request(seq, "refill", volume_nl=5_000_000)
    assert (word, fields["name"]) == ("err", "access")
    assert next_seq(host) == seq
    assert host.rig.reservoir.base_nl != 5_000_000


def test_a_refused_command_has_used_up_its_number_and_one_that_was_not_understood_has_not(host: Any) -> None:
    seq = next_seq(host)
    _seq, word, fields = host.request(seq, "bolus", volume_nl=20_000_000, over_ms=1_000)
    assert (word, fields["code"]) == ("err", str(spec.ERRORS[fields["name"]]))
    assert host.rig.session.last_seq == seq
    assert host.rig.session.last_code == spec.ERRORS[fields["name"]]
    assert host.request(seq + 1, "bolus", volume_nl=0)[2]["name"] == "argument"
    assert host.request(seq + 1, "nonsense")[2]["name"] == "unknown"
    assert host.rig.session.last_seq == seq


def test_a_command_that_was_not_done_for_want_of_room_may_come_again_under_its_number(host: Any) -> None:
    seq = next_seq(host) + 1
    before = codec.request(seq - 1, "ack").encode() + b"\n"
    host.send(before, 500_000)
    line = codec.request(seq, "refill", (("volume_nl", 5_000_000),)).encode() + b"\n"
    journal = host.rig.journal
    has_room, journal.has_room = journal.has_room, lambda: False
    assert codec.parse(host.send(line, 500_000)[-1], "<")[2]["name"] == "storage"
    assert host.rig.session.last_seq == seq - 1
    assert codec.parse(host.send(before, 500_000)[-1], "<")[1] == "ok", "the one before it is still known"
    journal.has_room = has_room
    assert codec.parse(host.send(line, 500_000)[-1], "<")[1] == "ok"
    assert host.rig.reservoir.base_nl == 5_000_000


@pytest.mark.parametrize("verb", ["stop", "silence"])
def test_what_acts_at_once_needs_no_number_and_one_from_no_session_uses_none_up(host: Any, verb: str) -> None:
    before = host.rig.session.last_seq
    assert host.request(0, verb)[1] == "ok"
    assert host.rig.session.last_seq == before
    assert host.request(before + 1, verb)[1] == "ok"
    assert host.rig.session.last_seq == before + 1
    host.request(1, "close")
    assert host.request(before + 2, verb)[1] == "ok"
    assert host.rig.session.last_seq == before + 1, "nobody proven stands behind it"
    assert host.request(before + 3, verb)[2]["name"] == "sequence"


def test_what_has_no_number_is_answered_with_none_and_leaves_the_last_answer_as_it_was(host: Any) -> None:
    seq = next_seq(host)
    line = codec.request(seq, "refill", (("volume_nl", 5_000_000),)).encode() + b"\n"
    first = host.send(line, 500_000)
    assert host.request(0, "stop")[:2] == (0, "ok")
    assert host.rig.session.last_seq == seq
    assert host.send(line, 500_000) == first, "the last number is still answered again"


def test_a_mark_that_a_rig_without_a_key_does_not_need_is_no_argument(host: Any) -> None:
    assert host.request(next_seq(host), "status", mark="0" * 32)[1] == "ok"
    assert host.request(next_seq(host), "ack", mark="0" * 32)[1] == "ok"


def test_a_stop_without_a_number_is_never_taken_for_a_repeat(host: Any) -> None:
    made: Any = Session(host.rig.session.readings, host.rig.commands, host.rig.access)
    assert (made.last_seq, made.last_code, made.last_crc, made.now_us, made.used_us) == (0, 0, 0, 0, 0)
    host.rig.session.use_number(0, 0, 0)
    host.rig.session._last_line = host.rig.session._last_answer = ""
    line = codec.request(0, "stop")
    host.rig.session.last_crc = codec.name_of(line)
    rows = [row for row in host.rig.session.machine(line, host.rig.clock.now_us()) if row]
    assert codec.parse(rows[-1], "<")[1] == "ok"
    assert "delivered_steps" in codec.parse(rows[-1], "<")[2]
    assert host.rig.therapy.mode == "stopped"


@pytest.mark.parametrize(("code", "word"), [(0, "ok"), (36, "err")])
def test_after_a_boot_a_repeat_is_answered_by_what_the_log_knows(host: Any, code: int, word: str) -> None:
    session = host.rig.session
    line = codec.request(9, "ack")
    session.use_number(9, code, codec.name_of(line))
    session._last_line = session._last_answer = ""
    (row,) = [row for row in session.machine(line, host.rig.clock.now_us()) if row]
    wanted = {"code": "36", "name": "busy"} if code else {}
    assert codec.parse(row, "<") == (9, word, {**wanted, answers.REPEATED: "1"})


# --- typed lines


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("stop", True),
        ("  STOP ", True),
        ("bolus 50 ulstop", True),
        ("help me stop", True),
        ("help stop", False),
        (" Help  Stop", False),
        ("stop it", False),
        ("", False),
    ],
)
def test_a_typed_line_that_ends_in_stop_is_one(text: str, is_one: bool) -> None:
    assert is_stop(text) is is_one


def test_typed_lines_answer_in_the_same_tick_where_they_act_at_once(host: Any) -> None:
    session = host.rig.session
    host.request(1, "close")
    now_us = host.rig.clock.now_us() + 1
    used = session.last_seq, session.last_crc
    assert list(session.plain("  ", now_us)) == []
    assert (session.now_us, session.used_us < now_us) == (now_us, True)
    assert list(session.plain("y" * 30 + " x", now_us)) == ["? no such command: %s. Type help." % ("y" * 20)]
    assert session.used_us == now_us
    lines = list(session.plain("bolus 50 ul, no: stop", now_us))
    assert lines
    assert "" not in lines
    assert host.rig.therapy.mode == "stopped"
    assert not session.is_acting, "it is on record"
    assert (session.last_seq, session.last_crc) == used, "what is typed has no number"
    silent_us = host.rig.alarms._silent_until_us
    assert next(line for line in session.plain("silence now", now_us) if line).startswith("refused")
    assert host.rig.alarms._silent_until_us == silent_us
    assert "" not in list(session.plain("silence", now_us))
    assert host.rig.alarms._silent_until_us > silent_us
    assert list(session.plain("help stop", now_us))[-1] != ""


def test_a_change_is_what_a_person_was_last_busy_with(host: Any) -> None:
    before_us = host.rig.session.used_us
    host.request(2, "status")
    assert host.rig.session.used_us == before_us
    host.bench.run(5_000_000)
    host.change("ack")
    assert host.rig.session.used_us > before_us + 4_000_000
    assert host.rig.session.tick_us() == host.rig.session.now_us
