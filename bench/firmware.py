"""The whole firmware on the emulated Pico under load: late ticks, the worst tick, stops by the link and by the button.

Owns: the course of the load and its figures.
Rules: the real link and the real client, in emulated time; every stop is measured at the step pin; without
PUMPRIG_UF2 it says so and ends.
Callers: `make bench-timing`; `python bench/firmware.py [SECONDS]`.
Units: us; seconds of emulated time.
Leaves: the chip to tests/emulator/lockstep.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import timing

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "emulator"))
CALIBRATION = "kind=calibration id=3 nl_num=9973 nl_den=1 u_ppm=20000"
PROGRAM = "kind=program name=bench basal=0:60000000"  # 160 steps/s: what comes after a stop is seen
STOP_PIN = 10
CYCLES_PER_US = 125


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """All figures of one run."""
    from lockstep import EmulatedLine
    from pumprig.client import Client

    line = EmulatedLine(folder / "bootrom.bin", timing.prepare(folder, engine_only=False))
    try:
        client = Client(line)
        idle = _idle(client, line)
        _load(client)
        loaded = client.read("status").fields
        figures = _pull(client, line, seconds)
        figures |= {"idle_worst_us": idle, "programming_late": int(loaded["late"])}
        print(figures, file=sys.stderr, flush=True)
        return figures | {"stops": _stops(client, line)}
    finally:
        line.end()


def _idle(client: Any, line: Any) -> int:
    client.greet()
    line.pause(1)
    return int(client.read("status").fields["worst_us"])


def _load(client: Any) -> None:
    with client.session():
        client.commit(client.stage(CALIBRATION).hash, False)
        client.change("refill", {"volume_nl": 18_000_000})
        client.commit(client.stage(PROGRAM).hash, False)


def _pull(client: Any, line: Any, seconds: float) -> dict[str, Any]:
    """Pull the log as fast as it comes, and write records, for so long."""
    before = client.read("status").fields
    begin = line.now
    records = 0
    while line.now - begin < seconds * 1e6 * CYCLES_PER_US:
        client.read("log", {"start": 0, "count": 16})
        with client.session():
            client.change("discard")
        records += 1
    after = client.read("status").fields
    return {
        "seconds": round((line.now - begin) / 1e6 / CYCLES_PER_US, 1),
        "commands": records,
        "late": int(after["late"]) - int(before["late"]),
        "worst_us": int(after["worst_us"]),
        "slowest": after["slowest"],
        "slowest_us": int(after["slowest_us"]),
        "collect_us": int(after["collect_us"]),
        "erase_us": int(after["erase_us"]),
        "erases": len(line.ask(erases=True)["erases"]),
    }


def _stops(client: Any, line: Any) -> dict[str, Any]:
    """From the button, and from the link, to the last pulse."""
    figures: dict[str, Any] = {}
    for name in ("link", "button"):
        with client.session():
            client.change("resume")
        line.pause(0.5)
        line.ask(edges=True)
        begin = line.now
        if name == "link":
            client.stop()
        else:
            line.ask(drive=[STOP_PIN, 0])
        line.pause(0.3)
        edges = line.ask(edges=True)["edges"]
        line.ask(drive=[STOP_PIN, 1])
        line.pause(0.2)
        last_us = max((edge - begin for edge in edges), default=0) // CYCLES_PER_US
        figures[name] = {"pulses_after": len(edges), "last_pulse_us": last_us}
    return figures


def main() -> int:
    """Measure, print, keep."""
    reason = timing.why_not()
    if reason:
        print(f"the firmware under load: not measured: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
    print(json.dumps({"firmware": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
