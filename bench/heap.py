"""The heap that the firmware leaves free on the emulated Pico, and how long its boot takes.

Owns: the table of free bytes after the boot, while somebody programs, and a minute later.
Rules: the very files that `pumprig flash` installs, but for main.py, which also tells twice a second how much is free
after a collection; the real link and client, in emulated time; without PUMPRIG_UF2 it says so and ends.
Units: bytes of heap, ms of emulated time.
Leaves: the same on a VM without a chip, with limits, to tests/upy.
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
PROGRAM = (
    "kind=program name=flex basal=0:240000,10800:288000,21600:336000,32400:384000,43200:432000,54000:480000,"
    "64800:528000,75600:576000 periodic=600:2000:60000:0 demand=5000:120000:0:100 cap_nl=20000000"
)
MAIN = """
import gc, machine, micropython, time
micropython.kbd_intr(-1)
def tell(_timer):
    gc.collect()
    print("heap", gc.mem_free())
teller = machine.Timer(period=500, mode=machine.Timer.PERIODIC, callback=tell)
from rig.start import run
run()
"""
SETTLED_S = 65.0  # beyond the minute after which loaned modules are given back
LOOKS = 4


def least_free(line: Any, pause_s: float) -> int:
    """The least of the reports of the free heap that come after pause_s."""
    line.pause(pause_s)
    while line.receive(0.001) is not None:
        pass
    line.pause(LOOKS * 0.5 + 0.1)
    rows: list[int] = []
    while (text := line.receive(0.001)) is not None:
        if text.startswith("heap "):
            rows.append(int(text.split()[1]))
    return min(rows)


def measure(folder: Path, settled: bool) -> dict[str, float]:
    """The figures; settled: also those of a rig that nobody has programmed for a minute."""
    from lockstep import EmulatedLine
    from pumprig.rig.client import Client

    files = timing.prepare(folder, engine_only=False)
    (files / "main.py").write_text(MAIN)
    (files / "manifest").unlink()  # its digest of main.py would fail the self-test
    line = EmulatedLine(folder / "bootrom.bin", files)
    try:
        found: dict[str, float] = {"boot_ms": round(line.ready_ms)}
        found["free_after_boot"] = least_free(line, 1)
        client = Client(line)
        client.greet()
        with client.session():
            client.commit(client.stage(CALIBRATION).hash, False)
            client.change("refill", {"volume_nl": 18_000_000})
            client.commit(client.stage(PROGRAM).hash, False)
            found["free_while_programming"] = least_free(line, 0)
        if settled:
            found["free_a_minute_after"] = least_free(line, SETTLED_S)
        return found
    finally:
        line.end()


def main() -> int:
    """Measure and print."""
    reason = timing.why_not()
    if reason:
        print(f"heap and boot: not measured: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), "--settled" in sys.argv[1:])
    stamp = timing.run_stamp()
    for name, value in found.items():
        print(f"{name.replace('_', ' '):28}{value:9.0f}")
    print(json.dumps({"heap": found | {"commit": stamp["commit"]}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
