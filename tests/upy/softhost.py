"""A rig on the software board and a host that talks to it, for tests on CPython.

Owns: class Host: requests over the line, and a look at what they changed.
Rules: the firmware is the real one, over its real line; only the chip is replaced; time is virtual.
Units: microseconds of virtual time.
Leaves: the board itself to device/softboard.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pumpwire import codec, documents, records
from upy.device.softboard import Bench, lay_out

CALIBRATION = "kind=calibration id=7 nl_num=9973 nl_den=1 u_ppm=20000"
PROGRAM = "kind=program name=x basal=0:480000 demand=500:20000:60:9 catheter_nl=2000"


class Host:
    """A host without memory: sends lines, gathers what comes back."""

    def __init__(self, path: Path) -> None:
        lay_out(str(path))
        self.bench: Any = Bench(str(path))
        self.bench.power_on()
        self.bench.run(60_000)
        self.rig: Any = self.bench.rig

    def send(self, data: bytes, us: int = 60_000) -> list[str]:
        """The lines that are answered within `us`."""
        answer: bytes = self.bench.ask(data, us)
        return [line for line in answer.decode("utf-8", "replace").split("\r\n") if line]

    def request(self, seq: int, verb: str, **fields: Any) -> tuple[int, str, dict[str, str]]:
        """The last row of a request's answer."""
        line = codec.request(seq, verb, fields.items())
        return codec.parse(self.send(line.encode() + b"\n", 500_000)[-1], "<")

    def change(self, verb: str, **fields: Any) -> dict[str, str]:
        """A changing request with the next number, which must be done."""
        _seq, word, answer = self.request(self.rig.session.last_seq + 1, verb, **fields)
        assert word == "ok", answer
        return answer

    def start(self) -> None:
        """Calibrate, fill and run."""
        self.request(1, "open")
        self.change("refill", volume_nl=18_000_000)
        for text in (CALIBRATION, PROGRAM):
            self.change("stage", part=1, parts=1, text=text)
            self.change("commit", hash=documents.digest(documents.canonical(documents.parse(text))))

    def choices(self) -> tuple[Any, ...]:
        """What only a command changes."""
        rig = self.rig
        therapy = rig.therapy
        return (
            *(rig.session.last_seq, therapy.program_hash, rig.requests.asked, rig.staging.text),
            *(rig.reservoir.base_nl, rig.clock.offset_us, rig.access.has_key()),
        )

    def told(self) -> int:
        """How many records tell of something that happened: checkpoints come by themselves."""
        journal = self.rig.journal
        raws = [journal.read(number) for number in range(journal.oldest(), journal.next_number)]
        return len([raw for raw in raws if raw is not None and records.EVENTS[raw[3]] != "checkpoint"])

    def image(self) -> tuple[Any, ...]:
        """What commands change, and what time may change too: boluses end, records and alarms come."""
        therapy = self.rig.therapy
        passing = (
            self.told(),
            therapy.mode,
            [overlay.kind for overlay in therapy.overlays() if overlay.begun or overlay.row < 0],
            self.rig.alarms.masks(),
        )
        return *passing, *self.choices()
