"""The firmware under real MicroPython VMs: the same bytes as on CPython, and a heap that does not grow.

Owns: the comparison of the transcripts and the limits of the heap.
Rules: figures are printed whether they pass or not.
Units: bytes of heap.
Leaves: the conversation to transcript.py, the measurement to heap.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest
from pumpwire import spec
from rig import lend, numbers
from upy import vms

TALK = "import transcript\ntranscript.main('soft.flash')"
TICKS = 100_000
HEAP_KB = 200
# The unix port's words have 64 bits, the WebAssembly VM's 32 as the Pico's; bytecode and text are as large on both.
LEAST_FREE_64_BIT_BYTES = 183_500  # of a heap of as many words as 200 kB are on the Pico
LEAST_FREE_32_BIT_BYTES = 81_500  # what only a boot needs and what is on loan given back, as rig.start does
MOST_GROWTH_BYTES = 1_024  # the lists of what is queued and held differ from sample to sample
AFTER_BOOT = """
import softboard
# ---
print("import", gc.mem_alloc())
softboard.lay_out("soft.flash")
bench = softboard.Bench("soft.flash")
bench.power_on()
bench.run(1_000_000, True)
# ---
print("boot", gc.mem_alloc())
"""


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The conversation as CPython has it."""
    return vms.cpython(TALK, vms.gather(tmp_path_factory.mktemp("cpython"))).decode()


@pytest.fixture(scope="module")
def shrunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as `pumprig flash` rewrites it; each run has a copy of its own."""
    return vms.shrink(vms.gather(tmp_path_factory.mktemp("shrunk")))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, shrunk: Path) -> Path:
    """That, as .mpy files; each run has a copy of its own."""
    return vms.compile_to_mpy(vms.copied(shrunk, tmp_path_factory.mktemp("compiled") / "vm"))


def figures(printed: bytes) -> dict[str, list[int]]:
    """Lines of `name value` by name."""
    rows: dict[str, list[int]] = {}
    for line in printed.decode().split("\n"):
        name, _, value = line.partition(" ")
        if value:
            rows.setdefault(name, []).append(int(value))
    return rows


def test_the_conversation_uses_every_command_of_the_table(talk: str) -> None:
    asked = {line.split("<- ")[1].split()[1] for line in talk.splitlines() if "<- >" in line and " *" in line}
    assert {row[0] for row in spec.commands()} - asked == set()


def test_the_conversation_meets_refusals_damage_power_cuts_and_alarms(talk: str) -> None:
    for word in (
        *(
            "name=crc",
            "name=form",
            "name=sequence",
            "name=access",
            "name=locked",
            "name=lockout",
            "name=count",
            "name=busy",
        ),
        *(
            "name=document",
            "name=hash",
            "name=argument",
            "name=unknown",
            "refused (host)",
            "refused (access)",
        ),
        *("power cut", "name=occlusion", "name=stall", "name=stop_button", "repeated=1", "name=power_return"),
    ):
        assert word in talk, word


@pytest.mark.parametrize(
    "vm", [lambda code, folder: vms.unix(code, folder, "2000k"), vms.wasm], ids=["unix", "wasm"]
)
def test_a_conversation_gives_the_same_bytes_and_the_same_flash_as_on_cpython(
    vm: Callable[[str, Path], bytes], talk: str, tmp_path: Path
) -> None:
    other = vm(TALK, vms.gather(tmp_path / "vm")).decode()
    difference = difflib.unified_diff(
        talk.splitlines(), other.splitlines(), "CPython", "MicroPython", lineterm="", n=1
    )
    assert other == talk, "\n".join(line[:200] for line in list(difference)[:40])


def test_the_shrunk_firmware_has_the_same_conversation_and_leaves_the_same_flash(
    talk: str, shrunk: Path, tmp_path: Path
) -> None:
    folder = vms.copied(shrunk, tmp_path / "vm")
    assert vms.cpython(TALK, folder).decode() == talk
    assert vms.wasm(TALK, folder).decode() == talk


def test_no_heap_is_lost_over_100_000_ticks(tmp_path: Path) -> None:
    code = f"import heap\nheap.main('soft.flash', {TICKS})"
    rows = figures(vms.unix(code, vms.gather(tmp_path / "vm"), f"{HEAP_KB}wk"))
    print(f"heap of {HEAP_KB} kB in words of 64 bits: {rows}")
    in_use = rows["in_use"]
    assert rows["ticks"][0] > TICKS
    assert rows["erases"][0] > 0, "the load must wrap the journal"
    assert max(in_use[2:]) - in_use[1] <= MOST_GROWTH_BYTES
    assert rows["boot_free"][0] >= LEAST_FREE_64_BIT_BYTES


def test_the_firmware_leaves_room_on_a_200_kb_heap_of_the_pico_s_word_size(
    compiled: Path, tmp_path: Path
) -> None:
    rows = figures(vms.wasm(AFTER_BOOT, vms.copied(compiled, tmp_path / "vm")))
    free = HEAP_KB * 1024 - rows["boot"][0]
    print(
        f"heap of {HEAP_KB} kB, 32-bit words, from .mpy: {rows['import'][0]} imported, {free} free after boot"
    )
    assert free >= LEAST_FREE_32_BIT_BYTES


IN_PIECES = """
import sys
import pumpwire
import rig
from rig import lend
from rig.flow import day_cap, therapy
from rig.line import session, staging
from rig.log import journal
pieces = 0
for name in lend.DOCUMENTS:
    while lend.fetch(name):
        pieces += 1
print("pieces", pieces)
kind = lend.get("pumpwire.documents").parse("kind=program name=x basal=0:480000")["kind"]
print("read", int(kind == "program"))
lend.give_back()
print("left", sum(name in sys.modules for name in lend.LATER + lend.TYPED))
print("again", int(lend.get("pumpwire.documents").parse is not None))
"""


def test_a_module_on_loan_comes_in_pieces_and_is_gone_when_it_is_given_back(
    compiled: Path, tmp_path: Path
) -> None:
    folder = vms.copied(compiled, tmp_path / "vm")
    names = [(folder / f"{name.replace('.', '/')}.mpy").read_bytes()[4] for name in lend.DOCUMENTS]
    rows = figures(vms.wasm(IN_PIECES, folder))
    # read, looked up, imported; nobody looks up the names of rig.numbers
    assert rows["pieces"] == [2 + sum(2 + -(-count // numbers.NAMES) for count in names)]
    assert rows["read"] == rows["again"] == [1]
    assert rows["left"] == [0]
