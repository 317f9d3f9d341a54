"""The whole firmware on the emulated Pico under load: its edges, late ticks, stops by the link and by the button.

Owns: the course of the load and its figures.
Rules: the real link and the real client, in emulated time; every edge and every stop is measured at the step pin; each
new block of the log has to be erased; without PUMPRIG_UF2 it says so and ends.
Units: us; seconds of emulated time; cycles of 8 ns.
Leaves: the chip to tests/emulator/lockstep.py, figures of edges to edges.py, the table to timing.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import timing
from edges import figures

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "emulator"))
NL_PER_REV = 9973
STEPS_PER_REV = 3200
DAY_S = 86_400
CLOCK_HZ = 125_000_000
CALIBRATION = f"kind=calibration id=3 nl_num={NL_PER_REV} nl_den=1 u_ppm=20000"
STOP_RATE_NL_PER_DAY = 60_000_000  # 223 steps/s: what comes after a stop is seen
STOP_PIN = 10
CYCLES_PER_US = 125
COMMANDS_A_TURN = 8  # each leaves a record, and 15 records fill a block of the log
# name, nL/day, seconds of emulated time
RATES = (
    ("2000 nL/h", 48_000, 18),
    ("20000 nL/h", 480_000, 8),
    ("1000000 nL/h", 24_000_000, 6),
    ("333.3/s", 89_747_527, 6),
    ("7777/s", 2_094_115_936, 6),
)
LOADS = (("idle", 0), ("log, records, 45 ms erases", 45), ("log, records, 400 ms erases", 400))


class Bench:
    """The emulated rig and the client that talks to it."""

    def __init__(self, folder: Path) -> None:
        from lockstep import EmulatedLine
        from pumprig.rig.client import Client

        files = timing.prepare(folder, engine_only=False)
        self.line = EmulatedLine(folder / "bootrom.bin", files, full_log=True)
        self.client = Client(self.line)
        self.client.greet()

    def since_us(self, begin: int) -> float:
        """Emulated time since then."""
        return (self.line.now - begin) / CYCLES_PER_US

    def begin(self) -> None:
        """Calibrate and fill."""
        with self.client.session():
            self.client.commit(self.client.stage(CALIBRATION).hash, False)
            self.client.change("refill", {"volume_nl": 18_000_000})

    def flow(self, rate_nl_per_day: int) -> None:
        """A new constant therapy, running; from standstill, because a commit wants a queue of a second."""
        program = f"kind=program name=bench basal=0:{rate_nl_per_day}"
        self.client.stop()
        with self.client.session():
            self.client.commit(self.client.stage(program).hash, False)
        if self.fields()["mode"] != "running":
            with self.client.session():
                self.client.change("resume")

    def fields(self) -> dict[str, str]:
        """A status."""
        return self.client.read("status").fields

    def load(self) -> int:
        """Pull from the log, and change what leaves records; returns how many commands that was."""
        self.client.read("log", {"start": 0, "count": 16})
        with self.client.session():
            for _ in range(COMMANDS_A_TURN):
                self.client.change("discard")
        return COMMANDS_A_TURN

    # --- the loop

    def idle_loop(self) -> int:
        """The worst tick of a rig that nobody talks to."""
        self.line.pause(1)
        return int(self.fields()["worst_us"])

    def loaded_loop(self, seconds: float) -> dict[str, Any]:
        """Late ticks and the worst of them, with the log pulled as fast as it comes."""
        before = self.fields()
        self.line.ask(erases=True)
        begin = self.line.now
        commands = 0
        while self.since_us(begin) < seconds * 1e6:
            commands += self.load()
        after = self.fields()
        numbers = {name: int(after[name]) for name in ("worst_us", "slowest_us", "collect_us", "erase_us")}
        return numbers | {
            "seconds": round(self.since_us(begin) / 1e6, 1),
            "commands": commands,
            "late": int(after["late"]) - int(before["late"]),
            "slowest": after["slowest"],
            "erases": len(self.line.ask(erases=True)["erases"]),
        }

    # --- edges

    def row(
        self, name: str, rate_nl_per_day: int, seconds: float, load: str, erase_ms: int
    ) -> dict[str, Any]:
        """A row of the table: the edges of so many seconds."""
        line = self.line
        if erase_ms:
            line.ask(erase_ms=erase_ms)
        self.flow(rate_nl_per_day)
        before = self.fields()
        line.ask(edges=True)
        line.ask(erases=True)
        begin = line.now
        while self.since_us(begin) < seconds * 1e6:
            if erase_ms:
                self.load()
            else:
                line.pause(1)
        edges, erases = line.ask(edges=True)["edges"], line.ask(erases=True)["erases"]
        line.ask(erase_ms=45)
        after = self.fields()
        period = (NL_PER_REV * DAY_S * CLOCK_HZ, STEPS_PER_REV * rate_nl_per_day)
        row = {"what": "whole firmware", "rate": name, "load": load} | figures(edges, *period)
        row["erases"] = len(erases)
        row["late"] = int(after["late"]) - int(before["late"])
        row["starved"] = sum(alarm.get("name") == "starved" for alarm in self.client.read("alarms").rows)
        print(row, file=sys.stderr, flush=True)
        return row

    # --- stops

    def stop_by_link(self) -> dict[str, Any]:
        """Nothing queued ahead of it."""
        return self._stopped(self.client.stop)

    def stop_by_button(self) -> dict[str, Any]:
        """Released again afterwards."""
        row = self._stopped(lambda: self.line.ask(drive=[STOP_PIN, 0]))
        self.line.ask(drive=[STOP_PIN, 1])
        self.line.pause(0.2)
        return row

    def _stopped(self, stop: Any) -> dict[str, Any]:
        self.line.pause(0.5)
        self.line.ask(edges=True)
        begin = self.line.now
        stop()
        self.line.pause(0.3)
        return self._after(begin, self.line.ask(edges=True)["edges"])

    def stop_in_erase(self, erase_ms: int) -> dict[str, Any]:
        """The line is sent when an erase has just begun."""
        from pumpwire import codec

        line = self.line
        line.ask(edges=True)
        line.ask(erases=True)
        line.ask(erase_ms=erase_ms, at_erase=codec.request(0, "stop") + "\n")
        erases: list[list[int]] = []
        with self.client.session():
            while not erases:
                self.client.change("discard")
                erases = line.ask(erases=True)["erases"]
        line.pause(0.5)
        begin, end = erases[0]
        edges = line.ask(edges=True)["edges"]
        line.ask(erase_ms=45)
        row = self._after(begin, [edge for edge in edges if edge > begin])
        return row | {
            "erase_us": (end - begin) // CYCLES_PER_US,
            "after_erase_us": row["last_pulse_us"] - (end - begin) // CYCLES_PER_US,
        }

    def _after(self, begin: int, edges: list[int]) -> dict[str, Any]:
        last_us = max((edge - begin for edge in edges), default=0) // CYCLES_PER_US
        volume_nl = round(len(edges) * NL_PER_REV / STEPS_PER_REV)
        return {"pulses_after": len(edges), "volume_nl": volume_nl, "last_pulse_us": last_us}

    def stops(self) -> dict[str, Any]:
        """Each kind of stop, at 2.5 mL/h."""
        kinds = {
            "link": self.stop_by_link,
            "button": self.stop_by_button,
            "link, erase of 45 ms": lambda: self.stop_in_erase(45),
            "link, erase of 400 ms": lambda: self.stop_in_erase(400),
        }
        rows: dict[str, Any] = {}
        for name, stop in kinds.items():
            self.flow(STOP_RATE_NL_PER_DAY)
            rows[name] = stop()
            print(name, rows[name], file=sys.stderr, flush=True)
        return rows


def measure(folder: Path, seconds: float, parts: list[str]) -> dict[str, Any]:
    """The figures of one run; rows of edges are kept with those of timing.py."""
    stamp = timing.run_stamp()
    bench = Bench(folder)
    found: dict[str, Any] = dict(stamp)
    try:
        found["idle_worst_us"] = bench.idle_loop()
        bench.begin()
        if "stops" in parts:
            found["stops"] = bench.stops()
        if "loop" in parts:
            bench.flow(STOP_RATE_NL_PER_DAY)
            found |= bench.loaded_loop(seconds)
        if "edges" in parts:
            rows = [bench.row(*rate, *load) for rate in RATES for load in LOADS]
            print(timing.table(rows))
            timing.keep(rows, stamp)
        return found
    finally:
        bench.line.end()


def main() -> int:
    """Measure, print, keep."""
    reason = timing.why_not()
    if reason:
        print(f"the firmware under load: not measured: {reason}")
        return 0
    numbers = [float(word) for word in sys.argv[1:] if word.replace(".", "").isdigit()]
    parts = [word for word in sys.argv[1:] if word.isalpha()] or ["stops", "loop", "edges"]
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), numbers[0] if numbers else 60.0, parts)
    print(json.dumps({"firmware": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
