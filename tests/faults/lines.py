"""Damaged lines into both parsers: no crash, no wrong act, and no damaged machine line taken for a typed one.

Owns: the mutations, and what may come of a mutated line.
Rules: the firmware's own link and session take the device's lines, in a running rig; the host's own client takes
answers; only lines that differ from the original are fed, so that no change may ever be carried out, but a stop.
Units: cases.
Leaves: framing to pumpwire.codec.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pumprig.rig.answers import NoAnswer, SaidNo
from pumprig.rig.client import Client
from pumpwire import codec, documents, spec
from rigsim.chip import on

from bench import Bench, program

HARMLESS = ("stop", "silence")  # never need a number, a session or a CRC
BY_PERSON = (
    *HARMLESS,
    "discard",
)  # what is left of a damaged `discard` drops what is staged: nothing acts by it
ENDS = re.compile(rb"[\r\n\x03\x15\x1b]")  # of a line, or of what was typed so far and is dropped
KEYS = bytes(
    code for code in range(32) if code not in (10, 13)
)  # before a line's first character they are no part of it
NOISE = b"\x00\x03\x04\x08\x0a\x0d\x1b\x7f >*%=0stop\xc2\xb5\xff"


def mutated(line: bytes, chance: random.Random) -> bytes:
    """One to three faults of a line: flips, losses, doublings, swaps, cuts at either end, foreign bytes."""
    data = bytearray(line)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        at = chance.randrange(len(data))
        kind = chance.randrange(8)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.randrange(1, 4)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randrange(1, 12)]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            data = data[at:]
        elif kind == 5:
            data[at:at] = bytes(chance.choice(NOISE) for _ in range(chance.randrange(1, 5)))
        elif kind == 6:
            other = chance.randrange(len(data))
            data[at], data[other] = data[other], data[at]
        elif len(data) > 10:
            del data[-10:]  # exactly its CRC mark
    return bytes(data)


class DeviceParser:
    """A running rig's link. `acts` are the verbs it has carried out."""

    def __init__(self, by_person: bool) -> None:
        self.harmless = BY_PERSON if by_person else HARMLESS
        self.bench = Bench(2)
        self.bench.load(program(basal=480_000, demand=((500, 20_000, 60, 9),), catheter_nl=2_000))
        wire = self.bench.wire
        if by_person:
            wire.call("close")
            self.bench.type("terminal")
        self.sim = self.bench.sim
        self.sim.after_tick = None
        self.rig = self.sim.rig
        self.acts: list[str] = []
        begin = self.rig.commands.begin

        def counted(row: Any, *rest: Any) -> Any:
            self.acts.append(row[0])
            return begin(row, *rest)

        self.rig.commands.begin = counted
        self.lines = list(self._lines())

    def _lines(self) -> Iterator[bytes]:
        """The next number under every verb, as a host would send it."""
        seq = self.rig.session.last_seq + 1
        staged = documents.canonical({"kind": "program", "name": "x", "basal": ((0, 960_000),)})
        values: dict[str, dict[str, Any]] = {
            "rate": {"rate_nl_per_day": 960_000},
            "stage": {"part": 1, "parts": 1, "text": staged},
            "commit": {"hash": documents.digest(staged), "override": 1},
            "bolus": {"volume_nl": 5_000, "over_ms": 60_000, "spread": 0},
            "dispense": {"volume_nl": 2_000, "over_ms": 0, "rate_nl_per_day": 0},
            "prime": {"volume_nl": 2_000},
            "calibrate": {"rate_nl_per_day": 480_000, "volume_nl": 2_000},
            "refill": {"volume_nl": 1_000_000},
            "clock": {"utc_us": 1},
            "access": {"key": "ab" * 32, "pin": "1", "plain": 0},
            "log": {"start": 1, "count": 2},
        }
        for row in spec.commands():
            if row[0] not in ("terminal", "open", "close"):
                yield codec.request(
                    seq if row[3] else 1 << 33, row[0], values.get(row[0], {}).items()
                ).encode()

    def image(self) -> tuple[Any, ...]:
        """What only a change changes."""
        rig = self.rig
        return (
            rig.session.last_seq,
            rig.therapy.program_hash,
            rig.dosing.calibration_id,
            rig.reservoir.base_nl,
            rig.clock.offset_us,
            rig.access.has_key(),
        )

    def feed(self, cases: Iterable[bytes]) -> list[bytes]:
        """Feed lines; returns those that were acted on though they must not be."""
        wrong: list[bytes] = []
        before = self.image()
        originals = set(self.lines)
        with on(self.sim.chip):
            now_us = self.rig.clock.now_us()
            for case in cases:
                heard = case.translate(None, b"\x08\x7f")  # the link drops these from a machine line
                parts = [part.lstrip(KEYS) for part in ENDS.split(heard)]
                if originals.intersection(parts) or (heard != case and _ends(parts, self.lines)):
                    continue  # whole after all, or again, what came before it being rubbed out
                self.acts.clear()
                rest, port = case + b"\n", self.sim.port
                while rest or port.waiting_input:
                    rest = rest[port.push(rest) :]
                    self.rig.link.poll(now_us)
                    port.pull()
                    self.rig.link._answer = None
                    self.rig.link._waiting = None
                    self.rig.link._out = b""
                if any(verb not in self.harmless for verb in self.acts) or self.image() != before:
                    wrong.append(case)
                    before = self.image()
        return wrong

    def mutations(self, count: int, seed: int) -> Iterator[bytes]:
        """So many mutations of the device's lines."""
        chance = random.Random(seed)
        for _ in range(count):
            yield mutated(chance.choice(self.lines), chance)


def _ends(parts: list[bytes], lines: list[bytes]) -> bool:
    """Whether a part ends with one of the lines."""
    return any(part.endswith(line) for part in parts for line in lines)


class Scripted:
    """A Transport that plays back what a line delivered."""

    address = "scripted"

    def __init__(self) -> None:
        self.rows: list[str] = []

    def send(self, line: str) -> None:
        return

    def receive(self, timeout_s: float) -> str | None:
        return self.rows.pop(0) if self.rows else None

    def reopen(self) -> None:
        return

    def pause(self, seconds: float) -> None:
        return

    def close(self) -> None:
        return


ANSWERS = (
    ("stop", (("delivered_steps", 4711),)),
    ("stage", (("hash", "0123456789abcdef"), ("daily_nl", 480_000))),
    ("program", (("text", "kind=program name=x basal=0:480000"),)),
    ("hello", (("device_id", "00112233aabbccdd"), ("last_seq", 7), ("last_code", 0))),
)


class HostParser:
    """The host's client on answers that were damaged on the way."""

    def __init__(self) -> None:
        self.transport = Scripted()
        self.client = Client(self.transport)

    def hear(self, seq: int, rows: list[str], verb: str = "stop") -> dict[str, str] | str | None:
        """What the client makes of these lines after a verb: fields, the name of a refusal, or None: no answer."""
        self.transport.rows = rows
        try:
            return self.client._exchange(seq, verb, "", 0.0).fields
        except NoAnswer:
            return None
        except SaidNo as said:
            return said.name

    def mutations(self, count: int, seed: int) -> list[str]:
        """Feed so many mutated answers; returns those that were believed although they are not the original."""
        chance = random.Random(seed)
        wrong: list[str] = []
        for turn in range(count):
            seq = turn % 900 + 1
            verb, fields = chance.choice(ANSWERS)
            line = codec.answer(seq, "ok", fields).encode()
            rows = [part.decode("ascii", "replace") for part in mutated(line, chance).split(b"\n")]
            heard = self.hear(seq, list(rows), verb)
            want = {name: str(value) for name, value in fields}
            if heard is not None and not (heard == want and line.decode() in rows):
                wrong.append(repr(rows))
        return wrong
