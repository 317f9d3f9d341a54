"""Which boards are taken, and that firmware and journal fit each."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from pumprig.errors import PumpError
from pumprig.flash import image, install
from pumprig.flash.boards import BOARDS, Kind, named

MACHINES = {
    "Raspberry Pi Pico with RP2040": ("Raspberry Pi Pico", "RP2040"),
    "Raspberry Pi Pico W with RP2040": ("Raspberry Pi Pico W", "RP2040"),
    "Raspberry Pi Pico2 with RP2350": ("Raspberry Pi Pico 2", "RP2350"),
    "Raspberry Pi Pico 2 W with RP2350": ("Raspberry Pi Pico 2 W", "RP2350"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_supported_board_is_named_with_its_chip(machine: str) -> None:
    kind = named(machine)
    assert (kind.name, kind.chip) == MACHINES[machine]


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        ("Raspberry Pi Pico2 with RP2350-RISCV", "RISC-V"),
        ("Raspberry Pi Pico 2 W with RP2350-RISCV", "RISC-V"),
        ("Raspberry Pi Pico with RP2350", "not supported"),
        ("Pimoroni Tiny 2040 with RP2040", "not supported"),
        ("ESP32 module with ESP32", "not supported"),
        ("?", "not supported"),
        ("", "not supported"),
    ],
)
def test_any_other_is_refused_before_anything_is_written(machine: str, told: str) -> None:
    with pytest.raises(PumpError, match=told) as refused:
        named(machine)
    assert refused.value.not_done == "Nothing was written."


@pytest.mark.parametrize(
    ("version", "told"),
    [("1.26.0", False), ("1.28.0", False), ("1.28.1", False), ("1.29.0", True), ("2.0.0", True)],
)
def test_a_micropython_newer_than_any_that_was_tried_is_told_of(version: str, told: bool) -> None:
    assert (version in install.untried(version)) is told


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return image.build()


@pytest.mark.parametrize("kind", BOARDS.values(), ids=lambda kind: kind.name)
def test_firmware_and_journal_fit_every_board_with_the_reserve(kind: Kind, files: dict[str, bytes]) -> None:
    blocks = sum(math.ceil(len(content) / image.BLOCK) for content in files.values())
    blocks += len({Path(path).parent for path in files}) * 2  # a folder takes a pair
    needed = (blocks + len(image.journal_files(kind.log_blocks)) + 2) * image.BLOCK + install.RESERVE_BYTES
    assert needed <= kind.files_kib * 1024


def test_a_driver_s_wire_is_installed_only_where_it_is_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "rig/board/tmc2209" not in image.sources()
    shutil.copytree(image.firmware_folder(), tmp_path / "firmware")
    config = tmp_path / "firmware" / "rig" / "board" / "config.py"
    text = config.read_text("utf-8")
    assert "\nUART = None\n" in text
    config.write_text(text.replace("\nUART = None\n", '\nUART = (280, 50, "stealth", 0, 110)\n'), "utf-8")
    monkeypatch.setattr(image, "firmware_folder", lambda: tmp_path / "firmware")
    assert "rig/board/tmc2209" in image.sources()
