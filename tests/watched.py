"""A rig on the software board whose sensors say what a test wants, and whose monitor is asked at any instant.

Owns: class Watched.
Rules: the very firmware over its real line; only supply, angle and pressure are the test's.
Units: mV, encoder counts (4096 a turn), steps (3200 a turn), Pa, microseconds of virtual time.
Leaves: the software board to upy/device/softboard.py, what ought to be told to tests/unit/watch.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from pumpwire import documents, records
from upy.softhost import CALIBRATION, Host

S_US = 1_000_000
STEP_NL = Fraction(9_973, 3_200)
AIR_PA = 101_325
PROGRAM = "kind=program name=x basal=0:%d"


class Watched:
    """A rig whose sensors say what they are told to; `run` is one look of its monitor."""

    def __init__(self, path: Path, program: str = PROGRAM % 480_000) -> None:
        self.host = Host(path / "flash")
        self.bench, self.rig = self.host.bench, self.host.rig
        self.supply_mv, self.ahead_counts, self.pressure_pa = 12_000, 0, AIR_PA
        self.answers = True
        self._looks = 0
        board, pump = self.rig.board, self.bench.pump
        board.supply_mv = lambda: self.supply_mv
        board.angle = lambda: (
            (pump.steps * 4096 // 3200 + self.ahead_counts) % 4096 if self._count() and self.answers else None
        )
        board.pressure_pa = self._pressure
        self.host.request(1, "open")
        self.host.change("refill", volume_nl=18_000_000)
        self.load(CALIBRATION)
        if program:
            self.load(program)
            self.bench.run(1_000_000)

    def _count(self) -> bool:
        self.rig.board.stepper.counted()
        return True

    def _pressure(self) -> int | None:
        self._looks += 1
        return self.pressure_pa and self.pressure_pa + self._looks % 2

    def load(self, text: str) -> None:
        self.host.request(1, "open")
        self.host.change("stage", part=1, parts=1, text=text)
        self.host.change("commit", hash=documents.digest(documents.canonical(documents.parse(text))))

    def change(self, verb: str, **fields: Any) -> None:
        self.host.request(1, "open")
        self.host.change(verb, **fields)
        self.bench.run(300_000)

    def run(self, after_us: int = 0) -> int:
        """Look, so much later; how long until it wants to look again."""
        self.bench.time.us += after_us
        now_us = self.rig.clock.now_us()
        due_us: int = self.rig.monitor.run(now_us)
        return due_us - now_us

    def supply(self, mv: int) -> bool:
        self.supply_mv = mv
        looks: bool = self.rig.monitor.watch_supply()
        return looks

    @property
    def active(self) -> set[str]:
        return set(self.rig.alarms.active)

    def told(self, event: str) -> list[str]:
        """The texts of an event's records, the oldest first."""
        while self.rig.log.has_rest():
            self.rig.log.log_rest()
        journal = self.rig.journal
        raws = [journal.read(number) for number in range(journal.oldest(), journal.next_number)]
        rows = [records.unpack(raw) for raw in raws if raw is not None]
        return [row[2] for row in rows if records.EVENTS[row[0]["event"]] == event]

    def alarms(self, name: str) -> list[str]:
        return [text for text in self.told("alarm") if text.split()[0] == f"name={name}"]


STEP_OF_3_NL = "kind=calibration id=9 nl_num=9600 nl_den=1 u_ppm=20000"
NL_A_SECOND = 86_400  # in nL/day


def just_booted(path: Path, program: str = "basal=0:864000") -> Watched:
    """A rig of 3 nL a step that ran for 20 s, was cut and has just booted; it runs at 10 nL a second."""
    rig = Watched(path, "")
    rig.load(STEP_OF_3_NL)
    rig.load(f"kind=program name=x {program}")
    rig.bench.run(20 * S_US)
    rig.bench.power_off()
    rig.bench.power_on()
    rig.rig = rig.host.rig = rig.bench.rig
    return rig
