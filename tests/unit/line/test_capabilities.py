"""Who may do what: every cell of the table, on the very firmware; and what nobody without a right can change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pumpwire import auth, codec, spec, units
from rig.log import kept_documents
from upy.softhost import PROGRAM, Host

KEY = "00112233445566778899aabbccddeeff" * 2
PIN = "2468"
REFUSED_FOR_THEIR_SENDER = ("access", "host", "locked")
# what a machine or a person says besides the verb; whether it can be done does not matter here
VALUES: dict[str, dict[str, Any]] = {
    "rate": {"rate_nl_per_day": 960_000},
    "stage": {"part": 1, "parts": 1, "text": PROGRAM},
    "commit": {"hash": "0123456789abcdef"},
    "bolus": {"volume_nl": 1_000},
    "dispense": {"volume_nl": 1_000},
    "prime": {"volume_nl": 1_000},
    "calibrate": {"rate_nl_per_day": 480_000, "volume_nl": 1_000},
    "refill": {"volume_nl": 1_000_000},
    "ramp": {"do": "hold"},
    "clock": {"utc_us": 1_767_225_600_000_000},
    "access": {"plain": 1},
}
TYPED = {
    "rate": "40 ul/h",
    "stage": "1 1 kind=program",
    "commit": "0000",
    "bolus": "1 ul",
    "dispense": "1 ul",
    "prime": "1 ul",
    "calibrate": "20 ul/h 1 ul",
    "refill": "1 ml",
    "ramp": "hold",
    "clock": "1767225600000000",
    "access": "plain 1",
    "terminal": PIN,
}


class Sender:
    """A rig, and somebody who sends a line to it: one of spec.WHO."""

    def __init__(self, path: Path, who: str, off: str = "key") -> None:
        self.host = Host(path)
        self.host.start()
        self.who = who
        self.mark: Any = None
        changes: dict[str, Any] = {}
        if who == "keyed" or (who == "off" and off == "key"):
            changes["key"] = KEY
        if who == "pin":
            changes |= {"pin": PIN, "key": KEY}
        if who == "off" and off == "switch":
            changes["plain"] = 0
        if changes:
            self.host.change("access", **changes)
        self.host.request(1, "close")
        if who in ("open", "keyed"):
            nonce = self.host.request(1, "open", nonce="cafe")[2]["nonce"]
            if who == "keyed":
                session = auth.session_key(bytes.fromhex(KEY), "cafe", nonce)
                self.mark = lambda body: auth.mark(session, body)
        if who in ("typed", "pin", "off"):
            self.host.send(b"terminal %s\r" % (PIN.encode() if who == "pin" else b""), 400_000)

    def send(self, verb: str) -> str:
        """The error of a verb's line, empty for an `ok`; of a typed one what it was refused for."""
        if self.who in ("typed", "pin", "off"):
            said = self.host.send(f"{verb} {TYPED.get(verb, '')}\r".encode(), 400_000)
            return next(
                (text.split("(")[1].split(")")[0] for text in said if text.startswith("refused (")), ""
            )
        row = spec.command(verb)
        assert row is not None
        seq = self.host.rig.session.last_seq + 1 if row[3] else 900
        line = codec.request(seq, verb, VALUES.get(verb, {}).items(), self.mark)
        said = [
            text for text in self.host.send(line.encode() + b"\n", 500_000) if text.startswith(f"<{seq} ")
        ]
        _seq, word, fields = codec.parse(said[-1], "<")
        return fields["name"] if word == "err" else ""


@pytest.mark.requirement("SR-35")
@pytest.mark.parametrize("who", spec.WHO)
def test_every_cell_of_the_table_holds_on_the_firmware(tmp_path: Path, who: str) -> None:
    for off in ("key", "switch") if who == "off" else ("key",):
        sender = Sender(tmp_path / off, who, off)
        for row in spec.commands():
            if row[0] in ("open", "close", "access", "maintenance"):
                continue  # they end the session or the terminal: below
            refused = sender.send(row[0]) in REFUSED_FOR_THEIR_SENDER
            assert refused != spec.may(row, who), (row[0], who, off)
        sender.host.bench.power_off()
    for verb in ("open", "close", "access", "maintenance"):
        sender = Sender(tmp_path / verb, who)
        row = spec.command(verb)
        assert row is not None
        refused = sender.send(verb) in REFUSED_FOR_THEIR_SENDER
        assert refused != spec.may(row, who), (verb, who)
        sender.host.bench.power_off()


def test_the_table_has_an_answer_for_every_sender_and_every_class_is_used() -> None:
    assert {len(cells) for cells in spec.MAY.values()} == {len(spec.WHO)}
    assert {row[2] for row in spec.commands()} == set(spec.MAY)


@pytest.mark.requirement("SR-35")
def test_with_a_key_and_no_pin_nothing_typed_changes_anything_and_stop_status_and_help_stay(
    tmp_path: Path,
) -> None:
    sender = Sender(tmp_path / "flash", "off")
    host = sender.host
    before = host.choices()
    for text in (
        "terminal",
        "rate 600 ml/day",
        "commit 0000",
        f"access key {'ab' * 32}",
        "maintenance",
        "discard",
    ):
        assert "refused (access)" in host.send(text.encode() + b"\r", 400_000)[-1], text
    assert host.choices() == before
    assert host.rig.therapy.mode == "running"
    assert not host.rig.commands.reset_us
    assert any("state: running" in text for text in host.send(b"status\r", 400_000))
    assert any("stop the pump now" in text for text in host.send(b"help stop\r", 400_000))
    assert host.rig.therapy.mode == "running"
    host.send(b"stop\r", 400_000)
    assert host.rig.therapy.mode == "stopped"
    host.bench.power_off()


@pytest.mark.requirement("SR-35")
def test_a_code_is_another_each_time_and_five_wrong_ones_lock(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "flash", "typed")
    host = sender.host
    codes = set()
    for _ in range(8):
        codes.add(host.send(b"rate 40 ul/h\r", 400_000)[-1].split("commit ")[1])
    assert len(codes) > 4, "the same text has another code each time"
    right = host.rig.session.pending[0]
    wrong = f"{(int(right) + 1) % 10_000:04d}"
    for _ in range(5):
        assert "not the code" in host.send(f"commit {wrong}\r".encode(), 400_000)[-1]
    assert "refused (locked)" in host.send(f"commit {right}\r".encode(), 400_000)[-1]
    assert "name=x" in host.rig.therapy.program_text
    host.bench.run(61_000_000)
    assert "hash: " in host.send(f"commit {right}\r".encode(), 400_000)[-1]
    assert "name=constant" in host.rig.therapy.program_text
    host.bench.power_off()


@pytest.mark.requirement("SR-36")
def test_a_lock_has_a_ceiling_and_begins_anew_with_a_right_answer_after_an_hour(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "flash", "pin")
    host = sender.host

    def lock_s() -> int:
        for _ in range(5):
            host.send(b"terminal 0000\r", 400_000)
        told = host.send(b"terminal 0000\r", 400_000)[-1]
        return units.parse(told.split("wait ")[1].split(";")[0], "time") // 1000

    seen = []
    for _ in range(9):
        seen.append(lock_s())
        host.bench.run((seen[-1] + 1) * 1_000_000)
    assert seen[-3:] == [3600, 3600, 3600]
    assert "programming" in host.send(b"terminal 2468\r", 400_000)[-1]
    assert lock_s() <= 60
    host.bench.power_off()


@pytest.mark.requirement("SR-35")
def test_a_guesser_of_pins_keeps_no_holder_of_the_key_out(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "flash", "pin")
    for _ in range(6):
        sender.host.send(b"terminal 0000\r", 400_000)
    nonce = sender.host.request(1, "open", nonce="cafe")[2]["nonce"]
    session = auth.session_key(bytes.fromhex(KEY), "cafe", nonce)
    sender.who, sender.mark = "keyed", lambda body: auth.mark(session, body)
    assert sender.send("ack") == ""
    sender.host.bench.power_off()


@pytest.mark.requirement("SR-35")
def test_a_line_of_a_session_that_another_host_has_ended_is_no_wrong_mark(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "flash", "keyed")
    host = sender.host
    for turn in range(10):
        host.request(1, "open", nonce=f"{turn:04x}" if turn < 3 else "0003")
        if turn > 2:
            break
        line = codec.request(host.rig.session.last_seq + 1, "ack", (), sender.mark)
        fields = codec.parse(host.send(line.encode() + b"\n", 500_000)[-1], "<")[2]
        assert (fields["name"], fields["why"]) == ("access", "another host has opened a session since")
    assert not host.rig.access._lock._wrong
    host.bench.power_off()


def test_another_key_ends_the_session_that_does_not_prove_it(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "flash", "open")
    host = sender.host
    host.change("access", key=KEY)
    assert sender.send("ack") == "access"
    host.bench.power_off()


# --- what changes nothing


def whole_state(host: Host) -> dict[str, Any]:
    """Everything that the rig knows, but for what time and looking change."""
    rig = host.rig
    therapy = {
        name: value
        for name, value in vars(rig.therapy).items()
        if name not in ("_dosing", "_window", "_need_fluid")
    }
    access = {
        name: value for name, value in vars(rig.access).items() if name in ("_key", "pin_hash", "plain")
    }
    staging = {name: value for name, value in vars(rig.staging).items() if name in ("text", "parts")}
    session = (rig.session.last_seq, rig.session.last_code, rig.session.last_crc)
    texts = [kept_documents.load(rig.settings, slot, lambda _text: True) for slot in range(4)]
    return {
        "therapy": repr(therapy),
        "access": access,
        "staging": staging,
        "session": session,
        "alarms": {name: state[2] for name, state in rig.alarms.active.items()},
        "reservoir": (rig.reservoir.base_nl, rig.reservoir.u_base_nl),
        "clock": (rig.clock.offset_us, rig.clock.source),
        "kinds": list(rig.dosing.kind_steps),
        "texts": texts,
        "log": rig.journal.next_number,
    }


def waiting(path: Path) -> Host:
    """A rig that stands, with something staged and a program that waits."""
    host = Host(path)
    host.start()
    host.change("clock", utc_us=1_767_225_600_000_000)
    text = "kind=program name=later basal=0:960000"
    digest = host.change("stage", part=1, parts=1, text=text)["hash"]
    host.change("commit", hash=digest, at_utc_s=1_767_225_600 + 86_400)
    host.change("stage", part=1, parts=1, text="kind=program name=staged basal=0:240000")
    host.rig.stop(host.rig.clock.now_us())
    host.bench.run(60_000)
    return host


@pytest.mark.parametrize("row", [row for row in spec.commands() if not row[3]], ids=lambda row: str(row[0]))
def test_a_reading_command_leaves_the_whole_state_as_it_was(tmp_path: Path, row: Any) -> None:
    host = waiting(tmp_path / "flash")
    before = whole_state(host)
    for line in (codec.request(900, row[0]).encode() + b"\n", f"{row[0]}\r".encode()):
        host.send(line, 500_000)
        assert whole_state(host) == before
    host.bench.power_off()


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("row", [row for row in spec.commands() if row[3]], ids=lambda row: str(row[0]))
def test_a_refused_sender_leaves_the_whole_state_as_it_was(tmp_path: Path, row: Any) -> None:
    host = waiting(tmp_path / "flash")
    host.request(1, "close")
    before = whole_state(host)
    if row[0] not in spec.AT_ONCE:
        line = codec.request(host.rig.session.last_seq + 1, row[0], VALUES.get(row[0], {}).items())
        assert "name=access" in host.send(line.encode() + b"\n", 500_000)[-1]
        assert whole_state(host) == before
        typed = f"{row[0]} {TYPED.get(row[0], '')}\r".encode()
        assert "refused (" in host.send(typed, 500_000)[-1]
        assert whole_state(host) == before
    host.bench.power_off()


def test_discard_drops_what_is_staged_alone_and_withdraw_what_waits_alone(tmp_path: Path) -> None:
    host = Host(tmp_path / "flash")
    host.start()
    host.change("clock", utc_us=1_767_225_600_000_000)
    digest = host.change("stage", part=1, parts=1, text="kind=program name=later basal=0:960000")["hash"]
    host.change("commit", hash=digest, at_utc_s=1_767_225_600 + 86_400)
    host.change("stage", part=1, parts=1, text="kind=program name=staged basal=0:240000")
    host.change("discard")
    assert host.rig.staging.text == ""
    assert host.rig.therapy.later[0]
    host.change("stage", part=1, parts=1, text="kind=program name=staged basal=0:240000")
    host.change("withdraw")
    assert not host.rig.therapy.later[0]
    assert "name=staged" in host.rig.staging.text
    assert host.request(host.rig.session.last_seq + 1, "withdraw")[2]["name"] == "nothing"
    host.bench.power_off()
