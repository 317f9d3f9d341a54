"""How full the fullest tick is around every changing command, on the emulated Pico, on a flex program with boluses.

Owns: the list of commands and the table.
Rules: the very firmware, the real link and client, in emulated time; a tick is from when the processor wakes, or the
one before has fed the watchdog, to its own feeding, its erases apart; one in which the firmware collects its garbage is
left out, but not from the firmware's own figure of the worst tick, which stands beside it and has the collection apart;
what the stack of 8 kB held at most, interrupts included, stands in the last column; an alarm that says that the queue
ran dry or that the rotor does not follow ends the run; with `--first` each command is the
first after a start, and after quiet seconds, the firmware being built to give its modules on loan back after four of
them instead of a minute; without PUMPRIG_UF2 it says so.
Units: ms of emulated time; bytes.
Leaves: the chip to tests/emulator/lockstep.mjs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import timing

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "emulator"), str(ROOT / "tests")]
CALIBRATION = "kind=calibration id=3 nl_num=9973 nl_den=1 u_ppm=20000"
HOUR_S = 3600
STEPS = tuple((3 * HOUR_S * k, 240_000 + 48_000 * k) for k in range(8))
COLLECTION_MS = 21.5  # a tick with a collection in it takes longer, one without is then late anyhow
AFTER_S = 1.2
# Alarms for which nothing gives a reason here
FALSE = {"starved", "stall", "over_infusion", "under_infusion", "count_mismatch"}
GOAL_MS = 10.0
STOP_PIN, REQUEST_PIN = 10, 11
# name: (verb, arguments) in order; each begins where the one before left the rig. Not `maintenance`: it begins anew
COMMANDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("discard", "discard", {}),
    ("bolus", "bolus", {"volume_nl": 2_000, "over_ms": 60_000}),
    ("stop in a bolus", "stop", {}),
    ("resume", "resume", {}),
    ("spread bolus", "bolus", {"volume_nl": 20_000, "over_ms": 600_000, "spread": 1}),
    ("demand", "demand", {}),
    ("rate", "rate", {"rate_nl_per_day": 480_000}),
    ("stage", "", {}),
    ("commit", "", {}),
    ("refill", "refill", {"volume_nl": 18_000_000, "removed_nl": 17_900_000}),
    ("clock", "clock", {"utc_us": 1_767_225_600_000_000}),
    ("tube", "tube", {}),
    ("battery", "battery", {}),
    ("a program with a ramp", "", {}),
    ("ramp", "ramp", {"do": "hold"}),
    ("commit for later", "", {}),
    ("withdraw", "withdraw", {}),
    ("ack", "ack", {}),
    ("silence", "silence", {}),
    ("button, bolus", "", {}),
    ("button, stop", "", {}),
    ("prime", "prime", {"volume_nl": 400_000}),
    ("stop of priming", "stop", {}),
    ("calibrate", "calibrate", {"rate_nl_per_day": 24_000_000, "volume_nl": 50_000}),
    ("stop of a calibration", "stop", {}),
    ("dispense", "dispense", {"volume_nl": 100_000, "rate_nl_per_day": 120_000_000}),
    ("stop of a dose", "stop", {}),
    ("access", "access", {"plain": 1}),
)
NOT_FIRST = (
    "stop in a bolus",
    "resume",
    "stage",
    "commit",
    "stop of priming",
    "stop of a calibration",
    "stop of a dose",
)
STANDING = ("prime", "calibrate", "dispense")  # from a pump that stands
RAMP = "kind=program name=ramp ramp=240000:24000:3600:480000 cap_nl=20000000"
NOW_S = 1_767_225_600
BOOT_S, QUIET_S = 3, 6
QUICK = {"rig/lend": ("AFTER_US = 60_000_000", "AFTER_US = 4_000_000")}


class Meter:
    """The emulated rig, its client, and the ticks since the last look."""

    def __init__(self, folder: Path, lines: dict[str, tuple[str, str]] | None = None) -> None:
        from lockstep import EmulatedLine
        from pumprig.rig.client import Client

        from bench import program

        files = timing.prepare(folder, engine_only=False, lines=lines)
        self.line = EmulatedLine(folder / "bootrom.bin", files)
        self.client = Client(self.line)
        self.client.greet()
        fields = {"periodic": ((600, 2_000, 60_000, 0),), "demand": ((5_000, 120_000, 0, 100),)}
        self.flex = program(basal=STEPS, cap_nl=20_000_000, **fields)
        self.staged = ""
        self.late = 0
        self.resets = self.line.ask(resets=True)["resets"]
        self.stack = 0  # bytes in use at most, between the last two looks
        self.line.ask(stack=True)
        with self.client.session():
            self.client.commit(self.client.stage(CALIBRATION).hash, False)
            self.client.change("refill", {"volume_nl": 18_000_000})
            self.client.commit(self.client.stage(self.flex).hash, False)
        self.line.pause(2)

    def look(self) -> tuple[float, int, int]:
        """(fullest tick in ms, late ticks, the firmware's own worst tick so far in us) since the last look."""
        ticks = [cycles / 125_000 for _begin, cycles in self.line.ask(ticks=True)["ticks"]]
        resets = self.line.ask(resets=True)["resets"]
        if resets != self.resets:
            raise SystemExit("the rig began anew by itself")
        self.stack = self.line.ask(stack=True)["stack"]
        fields = self.client.read("status").fields
        false = {row["name"] for row in self.client.read("alarms").rows} & FALSE
        if false:
            raise SystemExit(f"a false alarm: {', '.join(sorted(false))}")
        self.line.pause(0.1)
        self.line.ask(ticks=True)
        late, self.late = int(fields["late"]) - self.late, int(fields["late"])
        print(
            f"  slowest duty so far: {fields['slowest']} {fields['slowest_us']} us",
            file=sys.stderr,
            flush=True,
        )
        return max(ms for ms in ticks if ms < COLLECTION_MS), late, int(fields["worst_us"])

    def run(self, name: str, verb: str, arguments: dict[str, Any]) -> str:
        """Do one of COMMANDS and let AFTER_S pass; returns what refused it, if anything did."""
        from pumprig.errors import RefusedError

        told = ""
        if name.startswith("button"):
            pin = STOP_PIN if "stop" in name else REQUEST_PIN
            self.line.ask(drive=[pin, 0])
            self.line.pause(0.2)
            self.line.ask(drive=[pin, 1])
        else:
            try:
                with self.client.session():
                    self._change(name, verb, arguments)
            except RefusedError as refused:
                told = refused.name
        self.line.pause(AFTER_S)
        return told

    def start_anew(self) -> None:
        """Power off and on, as it ran."""
        self.line.ask(reset=True)
        self.line.pause(BOOT_S)
        self.client.greet()
        self.resets = self.line.ask(resets=True)["resets"]
        self.late = 0
        self.line.ask(ticks=True)
        self.line.ask(stack=True)

    def _change(self, name: str, verb: str, arguments: dict[str, Any]) -> None:
        if name == "stage":
            self.staged = self.client.stage(self.flex).hash
        elif name == "commit":
            self.client.commit(self.staged or self.client.stage(self.flex).hash, False)
        elif name == "a program with a ramp":
            self.client.commit(self.client.stage(RAMP).hash, False)
        elif name == "commit for later":
            self.client.commit(self.client.stage(self.flex).hash, False, NOW_S + 86_400)
        elif verb == "stop":
            self.client.stop()
        else:
            self.client.change(verb, arguments)


def measure(folder: Path, wanted: list[str]) -> list[dict[str, Any]]:
    """A row for each command."""
    from pumpwire import spec

    meter = Meter(folder)
    rows: list[dict[str, Any]] = []
    try:
        fullest, late, worst_us = meter.look()
        print(
            f"| programming it | {fullest:.1f} | {late} | {worst_us / 1000:.1f} | | {meter.stack} |",
            flush=True,
        )
        for name, verb, arguments in COMMANDS:
            if wanted and name not in wanted:
                continue
            assert not verb or spec.command(verb) is not None
            refused = meter.run(name, verb, arguments)
            fullest, late, worst_us = meter.look()
            row = {"command": name, "fullest_ms": round(fullest, 2), "late": late, "refused": refused}
            rows.append(row | {"stack": meter.stack})
            print(
                f"| {name} | {fullest:.1f} | {late} | {worst_us / 1000:.1f} | {refused} | {meter.stack} |",
                flush=True,
            )
        fields = meter.client.read("status").fields
        print({name: fields[name] for name in ("worst_us", "late", "slowest", "slowest_us", "collect_us")})
    finally:
        meter.line.end()
    return rows


def measure_first(folder: Path, wanted: list[str]) -> list[dict[str, Any]]:
    """Each command as the first after a start, and as the first after a rest: a row for both."""
    meter = Meter(folder, QUICK)
    rows: list[dict[str, Any]] = []
    try:
        for name, verb, arguments in COMMANDS:
            if name in NOT_FIRST or (wanted and name not in wanted):
                continue
            row: dict[str, Any] = {"command": name}
            for when in ("start", "quiet"):
                if when == "start":
                    meter.start_anew()
                else:
                    meter.line.pause(QUIET_S)
                    meter.look()
                if name in STANDING:
                    meter.client.stop()
                row["refused"] = meter.run(name, verb, arguments)
                fullest, late, worst_us = meter.look()
                row |= {f"{when}_ms": round(fullest, 2), f"{when}_late": late, f"{when}_worst_us": worst_us}
                row[f"{when}_stack"] = meter.stack
                print("|", " | ".join(str(value) for value in row.values()), "|", flush=True)
                if when == "start":
                    meter.client.stop()
                    meter.run("resume", "resume", {})
            rows.append(row)
    finally:
        meter.line.end()
    return rows


def main() -> int:
    """Measure and print; 1 if a tick was beyond the goal."""
    reason = timing.why_not()
    if reason:
        print(f"ticks around commands: not measured: {reason}")
        return 0
    words = sys.argv[1:]
    if "--first" in words:
        words.remove("--first")
        print(
            "| command | refused | after a start: fullest, ms | late | worst, us | stack | after a rest | late"
            " | worst | stack |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"first": measure_first(Path(folder), words)}))
        return 0
    print(
        "| command | fullest tick, ms | late | worst so far, ms | refused | stack |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), words)
    print(json.dumps({"commands": rows}))
    return int(any(row["fullest_ms"] > GOAL_MS or row["late"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
