"""A heap that runs out, on a real MicroPython VM: the rig goes on or begins anew from its log, never acts wrongly.

Owns: which sizes of the rest are tried, and the reading of what the VM prints.
Rules: the firmware's own files on the unix port; what is left of the heap goes from nothing to more than any
command takes; skipped with the reason where the port is not installed.
Units: bytes of heap left, of words with 64 bits: half as many on the Pico.
Leaves: the commands and what must hold to tests/upy/device/exhaust.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from upy import vms

HEAP = "700k"
MOST_FREE = 30_000
VERBS = 6  # commands that exhaust.py tries at each size
# Then enough for every command: this port compiles a module on loan, which takes more in one piece than its .mpy
ROOMY = range(114_000, 150_000, 6_000)


def sizes(stride: int) -> list[int]:
    """The bytes that are left, case by case."""
    return [*range(0, MOST_FREE, stride), *ROOMY]


def exhaust(stride: int) -> tuple[dict[str, int], list[str]]:
    """({what came: how often}, what was wrong) over every `stride` bytes of room, and where there is enough."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"import exhaust\nexhaust.main('soft.flash', {sizes(stride)})"
        printed = vms.unix(code, vms.gather(Path(folder) / "vm"), HEAP).decode()
    came: dict[str, int] = {}
    wrong: list[str] = []
    for line in printed.splitlines():
        name, _, value = line.rpartition(" ")
        if line.startswith("wrong "):
            wrong.append(line)
        elif value.isdigit():
            came[name] = int(value)
    return came, wrong
