"""Lines against a whole rig: whatever arrives, it answers once, acts once, and never stops running.

Owns: the properties of the line from bytes to effects, over the software board.
Rules: the firmware is the real one; only the chip is replaced; time is virtual.
Units: microseconds of virtual time, steps, nL.
Leaves: lines as text to test_wire.py, the same over a pty to tests/sim.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pumpwire import codec, spec
from upy.softhost import CALIBRATION, PROGRAM, Host

WHOLE_RIG = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "flash")
    yield host
    host.bench.power_off()


def value_of(kind: str, low: int, high: int) -> st.SearchStrategy[Any]:
    """Values for an argument, good ones and bad ones."""
    bad = st.text(max_size=12) | st.integers(-5, 2**70)
    if kind == "hex":
        return st.text("0123456789abcdef", min_size=low, max_size=high) | bad
    if kind == "text":
        return st.sampled_from([CALIBRATION, PROGRAM, "", "kind=access key=zz", "0" * 16]) | bad
    return st.integers(low, min(high, low + 10**6)) | st.sampled_from([low, high, high + 1]) | bad


@st.composite
def any_request(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A verb of the table with arguments of the right names, most of them of the right kind."""
    row = draw(st.sampled_from([row for row in spec.commands() if row[0] != "maintenance"]))
    fields: dict[str, Any] = {}
    for name, kind, low, high, _word, _default in row[1]:
        if draw(st.integers(0, 4)):
            fields[name] = draw(value_of(kind, low, high))
    if draw(st.integers(0, 9)) == 0:
        fields["extra"] = 1
    return row[0], fields


@pytest.mark.requirement("SR-30")
@settings(max_examples=60, **WHOLE_RIG)
@given(st.lists(any_request(), min_size=1, max_size=12), st.booleans())
def test_any_request_of_the_table_gets_one_answer_and_a_repeated_one_acts_once(
    tmp_path: Path, requests: list[tuple[str, dict[str, Any]]], running: bool
) -> None:
    host = Host(tmp_path / "flash")
    host.request(1, "open")
    if running:
        host.start()
    for verb, fields in requests:
        seq = host.rig.session.last_seq + 1
        line = codec.request(seq, verb, fields.items()).encode() + b"\n"
        before = host.choices()
        answers = host.send(line, 500_000)
        said = [codec.parse(answer, "<") for answer in answers]
        assert [word for _seq, word, _fields in said][:-1] == ["more"] * (len(said) - 1)
        assert said[-1][1] in ("ok", "err")
        if said[-1][1] == "err":
            assert said[-1][2]["name"] in spec.ERRORS
        row = spec.command(verb)
        assert row is not None
        if not row[3]:
            assert host.choices() == before, "a reading command changes nothing"
            continue
        after = host.choices()
        boluses = host.rig.therapy.overlays()
        again = host.send(line, 60_000)
        if host.rig.session.last_seq == seq:  # it was accepted, done or refused
            assert again == answers[-1:]
        assert host.choices() == after, "a repeated line acts once"
        assert all(overlay in boluses for overlay in host.rig.therapy.overlays())
    host.bench.power_off()


@pytest.mark.requirement("SR-30")
@pytest.mark.requirement("SR-29")
@settings(max_examples=40, **WHOLE_RIG)
@given(st.lists(st.binary(max_size=600) | st.sampled_from([b"\n", b"status\n", b">1 stop *"]), max_size=12))
def test_any_bytes_on_the_line_change_nothing_but_for_a_stop_and_the_pump_runs_on(
    tmp_path: Path, noise: list[bytes]
) -> None:
    assume(not any(word in b"".join(noise).lower() for word in (b"stop", b"silence")))
    host = Host(tmp_path / "flash")
    host.start()
    before = host.rig.dosing.net_steps(), host.rig.clock.now_us()
    image = host.image()
    for data in noise:
        host.send(data, 40_000)
    host.send(b"\n\n", 2_000_000)
    assert host.image()[1:] == image[1:]
    host.rig.delivery.settle(host.rig.clock.now_us())
    steps, since_us = host.rig.dosing.net_steps() - before[0], host.rig.clock.now_us() - before[1]
    assert abs(steps * host.rig.dosing.quantum - since_us * 125 * 480_000 * host.rig.dosing.volume_den) <= (
        host.rig.dosing.quantum
    )
    assert host.request(5, "hello")[1] == "ok"
    host.bench.power_off()


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("row", [row for row in spec.commands() if row[3]], ids=lambda row: str(row[0]))
def test_a_request_that_lost_its_start_never_acts_as_a_typed_line(row: Any, host: Host) -> None:
    host.start()
    host.request(1, "close")
    host.send(b"terminal\nbolus 5 ul\n", 200_000)  # the most that a person may have opened
    fields = {name: low or 1 for name, kind, low, _high, _word, _default in row[1] if kind != "hex"}
    line = codec.request(host.rig.session.last_seq + 1, row[0], fields.items())
    image = host.image()
    for lost in range(1, len(line)):
        host.send(line[lost:].encode() + b"\r", 60_000)
        assert host.image() == image, line[lost:]


@pytest.mark.requirement("SR-30")
def test_every_bit_flip_and_cut_of_a_request_is_refused_and_the_right_one_then_acts_once(host: Host) -> None:
    host.start()
    seq = host.rig.session.last_seq + 1
    line = codec.request(seq, "bolus", (("volume_nl", 50_000), ("over_ms", 600_000))).encode()
    image = host.image()
    for bit in range(8 * len(line)):
        damaged = bytearray(line)
        damaged[bit // 8] ^= 1 << bit % 8
        host.send(bytes(damaged) + b"\n", 20_000)
    host.send(b"\n", 60_000)
    for cut in range(1, len(line)):
        host.send(line[:cut] + b"\n", 20_000)
    assert host.image() == image
    for _ in range(3):
        host.send(line + b"\n")
    assert host.rig.therapy.boluses.queue[0].steps == host.rig.dosing.steps_of(50_000)
    assert host.rig.session.last_seq == seq
    assert host.told() == image[0] + 2  # of the command and the start of the bolus


@pytest.mark.requirement("SR-30")
def test_numbers_that_are_not_the_next_one_are_refused_in_any_order(host: Host) -> None:
    host.start()
    last = host.rig.session.last_seq
    image = host.image()
    for seq in (0, 1, last - 1, last + 2, last + 1_000, 2**32, 10**19):
        _seq, word, fields = host.request(seq, "bolus", volume_nl=1_000)
        assert (word, fields["name"], fields["last_seq"]) == ("err", "sequence", str(last))
    assert host.image() == image


@pytest.mark.requirement("SR-29")
@pytest.mark.requirement("SR-28")
def test_a_host_that_does_not_read_cannot_keep_a_stop_from_acting(host: Host) -> None:
    host.start()
    host.bench.port.listening = False
    host.bench.port.inbox += b"".join(codec.request(900, "status").encode() + b"\n" for _ in range(200))
    host.bench.run(1_000_000)
    assert host.rig.therapy.mode == "running"
    host.bench.port.inbox += b">0 stop *DEADBEEF\n" + codec.request(0, "stop").encode() + b"\n"
    host.bench.run(100_000)
    assert host.rig.therapy.mode == "stopped"


@pytest.mark.requirement("SR-35")
def test_only_reading_stopping_and_silencing_need_no_session(host: Host) -> None:
    host.start()
    host.request(1, "close")
    for row in spec.commands():
        if not row[3]:
            continue
        fields = {name: low or 1 for name, kind, low, _high, _word, _default in row[1] if kind != "hex"}
        if any(kind == "text" for _name, kind, *_rest in row[1]):
            fields = {name: "0000" if kind == "text" else 1 for name, kind, *_rest in row[1]}
        image = host.image()
        _seq, word, answer = host.request(host.rig.session.last_seq + 1, row[0], **fields)
        if spec.may(row, "none"):
            assert word == "ok", row[0]
        else:
            assert (word, answer["name"]) == ("err", "access"), row[0]
            assert host.image() == image


@pytest.mark.requirement("SR-36")
def test_five_wrong_pins_lock_for_a_minute_and_the_next_five_for_two_each_logged(host: Host) -> None:
    host.start()
    host.change("access", pin="2468")
    host.request(1, "close")
    for lock_s in (60, 120, 240):
        records = host.rig.journal.next_number
        for _ in range(5):
            assert "wrong or missing PIN" in host.send(b"terminal 1357\r")[-1]
        assert host.rig.journal.next_number == records + 5
        for wait_us in (0, lock_s * 1_000_000 - 200_000):
            host.bench.run(wait_us)
            assert "refused (locked)" in host.send(b"terminal 2468\r")[-1]
        host.bench.run(300_000)
    assert "programming from this terminal" in host.send(b"terminal 2468\r")[-1]
