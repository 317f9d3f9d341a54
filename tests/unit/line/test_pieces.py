"""A command whose work fills many ticks, as on the Pico: the same answers, one act, a stop that waits for nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pumpwire import codec, documents
from rig.loop import MOST_PUT_OFF, SPENT_US, Duty, Loop
from upy.softhost import PROGRAM, Host

OTHER = "kind=program name=other basal=0:960000"
STATE = ("mode", "program_hash", "bolus", "spread")


def hash_of(text: str) -> str:
    return documents.digest(documents.canonical(documents.parse(text)))


def slow(host: Host) -> Host:
    """Each look at the clock finds that 2 ms have gone by: a tick has time for one piece."""
    times = iter(range(0, 1 << 40, 2_000))
    host.bench.rig.link._now_us = lambda: next(times)
    return host


def started(path: Path, pace: Any = lambda host: host) -> Host:
    host = pace(Host(path))
    host.start()
    host.request(1, "open")
    return host


def line(host: Host, verb: str, **fields: Any) -> bytes:
    return codec.request(host.bench.rig.session.last_seq + 1, verb, fields.items()).encode() + b"\n"


def untimed(answers: list[list[str]]) -> list[list[str]]:
    """Without what flows on while an answer takes its time, and the checksum over it."""
    return [[re.sub(r" estimated_nl=\d+ \*\w+$", "", text) for text in row] for row in answers]


CONVERSATION = (
    ("stage", {"part": 1, "parts": 1, "text": OTHER}),
    ("stage", {"part": 1, "parts": 1, "text": "kind=program name=bad"}),
    ("stage", {"part": 1, "parts": 2, "text": OTHER[:20]}),
    ("stage", {"part": 2, "parts": 2, "text": OTHER[20:]}),
    ("commit", {"hash": "0000000000000000"}),
    ("commit", {"hash": hash_of(OTHER)}),
    ("commit", {"hash": hash_of(OTHER)}),
    ("rate", {"rate_nl_per_day": 480_000}),
    ("discard", {}),
    ("bolus", {"volume_nl": 1_000}),
    ("tube", {}),
    ("ramp", {"do": "hold"}),
    ("access", {"plain": 0}),
    ("refill", {"volume_nl": 9_000_000}),
)


@pytest.mark.requirement("SR-30")
def test_a_conversation_gives_the_same_answers_when_each_piece_takes_a_tick(tmp_path: Path) -> None:
    answers = []
    for name, pace in (("fast", lambda host: host), ("slow", slow)):
        host = started(tmp_path / name, pace)
        answers.append([host.send(line(host, verb, **fields), 1_000_000) for verb, fields in CONVERSATION])
        host.bench.power_off()
    assert untimed(answers[0]) == untimed(answers[1])
    assert sum(" ok" in row[-1] for row in answers[0]) >= 9


def test_a_typed_conversation_gives_the_same_lines_when_each_piece_takes_a_tick(tmp_path: Path) -> None:
    said = []
    for name, pace in (("fast", lambda host: host), ("slow", slow)):
        host = started(tmp_path / name, pace)
        host.request(1, "close")
        for text in (
            "terminal",
            "rate 20 ul/h",
            "rate 20",
            "help bolus",
            "nonsense",
            "commit 0000",
            "discard",
        ):
            said.append((name, text, host.send(text.encode() + b"\r", 1_000_000)))
        host.bench.power_off()
    half = len(said) // 2
    assert [row[1:] for row in said[:half]] == [row[1:] for row in said[half:]]


@pytest.mark.requirement("SR-12")
def test_a_stop_while_a_command_is_prepared_acts_in_its_tick_and_the_command_goes_on(tmp_path: Path) -> None:
    for ticks in range(1, 8):
        host = slow(started(tmp_path / str(ticks)))
        rig = host.bench.rig
        host.send(
            line(host, "stage", part=1, parts=1, text=OTHER), 60_000 + ticks * 20_000
        )  # three ticks to read
        seq = rig.session.last_seq
        host.send(codec.request(0, "stop").encode() + b"\n", 40_000)
        assert rig.therapy.mode == "stopped"
        host.bench.run(1_000_000, True)
        assert rig.session.last_seq in (seq, seq + 1)
        assert rig.staging.text == documents.canonical(documents.parse(OTHER))
        host.bench.power_off()


@pytest.mark.requirement("SR-30")
def test_a_power_cut_between_two_pieces_leaves_the_command_undone_or_done(tmp_path: Path) -> None:
    outcomes = set()
    for ticks in range(1, 20):
        host = started(tmp_path / str(ticks))
        host.change("stage", part=1, parts=1, text=OTHER)
        slow(host)
        seq = host.bench.rig.session.last_seq + 1
        host.send(line(host, "commit", hash=hash_of(OTHER)), ticks * 20_000)
        host.bench.power_off()
        host.bench.power_on()
        rig = host.bench.rig
        done = rig.session.last_seq == seq
        assert rig.therapy.program_hash == hash_of(OTHER if done else PROGRAM)
        outcomes.add(done)
        host.bench.power_off()
    assert outcomes == {False, True}


class Clock:
    """Time that only duties take."""

    def __init__(self) -> None:
        self.us = 0

    def now_us(self) -> int:
        return self.us


class NoFlash:
    erase_us = 0


@pytest.mark.parametrize(("waits", "at_us"), [(1, [40_000, 100_000]), (2, [60_000])])
def test_a_duty_that_comes_when_the_tick_is_used_up_waits_and_then_runs_whatever_the_tick_holds(
    waits: int, at_us: list[int]
) -> None:
    clock, ran = Clock(), []

    def busy(now_us: int) -> int:
        clock.us += SPENT_US + 1
        return now_us + 1

    def other(now_us: int) -> int:
        ran.append(now_us)
        return now_us + 1

    loop = Loop(
        clock,
        (Duty("link", busy, True), Duty("monitor", other, False, waits)),
        lambda: None,
        lambda us: None,
        NoFlash(),
    )
    for _ in range(6):
        loop.tick()
        clock.us += 20_000 - clock.us % 20_000
    assert ran == at_us


def test_no_tick_has_two_pieces_of_work_and_each_has_its_turn() -> None:
    clock, ticks = Clock(), []

    def link(now_us: int) -> int:
        loop.heard = True
        if loop.has_room():
            clock.us += SPENT_US + 1
            ticks[-1] += "link "
        return now_us + 1

    def monitor(now_us: int) -> int:
        clock.us += SPENT_US + 1
        ticks[-1] += "monitor "
        return now_us + 1

    duties = Duty("link", link, True), Duty("monitor", monitor, False, 2)
    loop = Loop(clock, duties, lambda: None, lambda us: None, NoFlash())
    for _ in range(9):
        ticks.append("")
        loop.tick()
        clock.us += 20_000 - clock.us % 20_000
    assert ticks == 3 * ["link ", "link ", "monitor "]


def test_a_piece_that_finds_no_room_time_and_again_is_done_in_a_filled_tick() -> None:
    clock, ran = Clock(), []

    def buttons(now_us: int) -> int:
        clock.us += SPENT_US + 1
        return now_us + 1

    def link(now_us: int) -> int:
        loop.heard = True
        if loop.has_room():
            ran.append(now_us)
        return now_us + 1

    loop = Loop(
        clock, (Duty("buttons", buttons, True), Duty("link", link, True)), lambda: None, ran.append, NoFlash()
    )
    for _ in range(2 * MOST_PUT_OFF + 2):
        loop.tick()
        clock.us += 20_000 - clock.us % 20_000
    assert ran == [20_000 * MOST_PUT_OFF, 20_000 * (2 * MOST_PUT_OFF + 1)]


class SlowPort:
    """A port that takes its time to hand over what has arrived."""

    def __init__(self, port: Any, took_us: int) -> None:
        self.port, self.took_us, self.us = port, took_us, 0

    def read(self, limit: int) -> bytes:
        data: bytes = self.port.read(limit)
        self.us += self.took_us if data else 0
        return data

    def write(self, data: bytes) -> int:
        taken: int = self.port.write(data)
        return taken


@pytest.mark.parametrize("took_us", [500, 2_000, 4_000, 9_000])
def test_a_stop_that_nothing_is_before_is_answered_however_long_its_reading_took(
    tmp_path: Path, took_us: int
) -> None:
    host = started(tmp_path / "rig")
    link = host.bench.rig.link
    port = link._port = SlowPort(link._port, took_us)
    link._now_us = lambda: port.us
    for _ in range(3):
        (answer,) = host.send(codec.request(0, "stop").encode() + b"\n", 1_000_000)
        assert " ok" in answer
        assert host.bench.rig.therapy.mode == "stopped"
    host.bench.power_off()
