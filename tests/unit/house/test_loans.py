"""A module on loan finds in memory what it takes: on the Pico it is read from memory itself, where nothing else is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from rig import lend
from rig.line import commands

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"
RESIDENT_FROM = ("rig.rig", "rig.start", "rig.board.board", "rig.line.link", "rig.step.stepper")
BOOT_ONLY = ("rig.boot", "rig.log.finding", "rig.log.blocks", "rig.log.kept_documents")
ALONE = (
    *("rig.line.acts", "rig.line.commits", "rig.line.titration", "rig.line.settings", "rig.line.supply"),
    *("rig.line.probe", "rig.board.tmc2209", "rig.numbers"),
)
LISTS = (lend.LATER, lend.TYPED, lend.STANDING, *((name,) for name in ALONE))


def source_of(name: str) -> Path | None:
    """The file of a module of ours; None for a package and for what is not ours."""
    folder = FIRMWARE / "lib" if name.startswith("pumpwire") else FIRMWARE
    path = folder / (name.replace(".", "/") + ".py")
    return path if path.exists() else None


def imports_of(name: str) -> set[str]:
    """Modules of ours that come in with one: what it imports outside of its functions."""
    path = source_of(name)
    found: set[str] = set()
    if path is None:
        return found
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {each for each in found if source_of(each) is not None}


def resident() -> set[str]:
    """What stays in memory: all that the rig's parts import, but for what is forgotten with the boot."""
    seen: set[str] = set()
    waiting = set(RESIDENT_FROM)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= {each for each in imports_of(name) if not each.startswith(BOOT_ONLY)} - seen
    return seen


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row[-1])
def test_a_module_on_loan_takes_what_is_resident_or_comes_in_before_it(row: tuple[str, ...]) -> None:
    there = resident()
    assert "pumpwire.codec" in there
    for place, name in enumerate(row):
        assert imports_of(name) - there <= set(row[:place]), name


def test_every_verb_that_changes_something_has_its_module_in_such_a_list() -> None:
    known = {name for row in LISTS for name in row}
    for row in commands.spec.commands():
        if row[3]:
            assert set(commands._modules(row[0])) <= known
