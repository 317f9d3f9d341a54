"""The written pages are true to the code: every file and function that they name is there, in the order they say.

Owns: the check of docs/explanation/architecture.md and deliver-50-ul.md against the firmware.
Rules: the walk-through's order is compared with a trace of the very command it describes.
Units: none.
Leaves: generated pages to docs/generate.py.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from pumpwire import codec
from upy.softhost import Host

ROOT = Path(__file__).resolve().parents[3]
EXPLANATION = ROOT / "docs" / "explanation"
WALK = (EXPLANATION / "deliver-50-ul.md").read_text(encoding="utf-8")
ARCHITECTURE = (EXPLANATION / "architecture.md").read_text(encoding="utf-8")
BOLUS = (("volume_nl", 50_000), ("over_ms", 9_000_000))


def traced(path: Path) -> tuple[list[str], Any]:
    """Firmware functions in the order of their calls, from the line's arrival to the first counted steps."""
    host = Host(path)
    host.start()
    host.bench.run(1_000_000)
    called: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and "/firmware/" in code.co_filename:
            called.append(f"{Path(code.co_filename).stem}.{code.co_qualname}")

    seq = host.rig.session.last_seq + 1
    host.bench.port.inbox += codec.request(seq, "bolus", BOLUS).encode() + b"\n"
    sys.setprofile(note)
    try:
        host.bench.run(60_000_000)
    finally:
        sys.setprofile(None)
    return called, host


def test_the_walk_through_names_functions_that_run_in_its_order_for_its_command(tmp_path: Path) -> None:
    called, host = traced(tmp_path / "flash")
    walked = re.findall(r"^\| `([a-z_]+\.[A-Za-z_.]+)` \|", WALK, re.MULTILINE)
    assert len(walked) > 30
    at = 0
    for name in walked:
        assert name in called, f"{name} is not called"
        assert name in called[at:], f"{name} is called, but not after the one before it"
        at = called.index(name, at)
    dosing, bolus = host.rig.dosing, host.rig.therapy.boluses.queue[0]
    flow = (480_000 + bolus.rate_nl_per_day) * dosing.volume_den
    for figure in (bolus.steps, flow, dosing.quantum):
        assert f"{figure:,}".replace(",", " ") in WALK
    assert divmod(dosing.quantum * 8, flow) == (35_061_328 * 8 + 1, 0)
    assert (
        abs(bolus.done_steps - dosing.kind_steps[0] + 3) <= 4
    )  # every second step, but for the second before it


def test_every_file_and_function_that_the_pages_name_is_there() -> None:
    sources = [path for folder in ("firmware", "host") for path in (ROOT / folder).rglob("*.py")]
    names = {path.name for path in sources}
    texts = [path.read_text(encoding="utf-8") for path in sources]
    for page in (WALK, ARCHITECTURE):
        for name in re.findall(r"`(?:[a-z_/]+/)?([a-z_]+\.py)`", page):
            assert name in names, name
        for name in re.findall(r"`((?:firmware|host|docs|tests)/[a-z_./]+\.(?:py|md))`", page):
            assert (ROOT / name).exists(), name
    for owner, function in re.findall(
        r"`(Client|Stepper|Stream|Feed|Therapy|Clock)\.([a-z_]+)", WALK + ARCHITECTURE
    ):
        assert any(f"class {owner}" in text and f"def {function}(" in text for text in texts), (
            owner,
            function,
        )


def test_the_architecture_names_every_module_of_the_firmware() -> None:
    for path in (ROOT / "firmware" / "rig").rglob("*.py"):
        if path.name != "__init__.py":
            assert f"`{path.name}`" in ARCHITECTURE, path.name
