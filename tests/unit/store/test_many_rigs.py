"""A store of many rigs: what is looked up of one does not grow with the others.

Owns: the work of a look, in steps of SQLite's machine.
Rules: no time is taken.
Units: steps.
Leaves: what a look finds to test_store.py.
"""

from __future__ import annotations

from pathlib import Path

from pumprig.lab.sender import Documents, documents_of
from pumprig.store import Store

BOOTS = [1, 2, 3, 4, 5]


def looked_up(folder: Path, rigs: int) -> tuple[Documents, int]:
    """What a gateway knows of the first of so many rigs, and in how many steps it was found."""
    store = Store(folder / f"{rigs}.db")
    for number in range(rigs):
        store.note_device(f"{number:016x}", "0.1.0", 2)
        for boot in BOOTS:
            store.note_pull(f"{number:016x}", boot, 1_000_000, 1, 2)
    steps: list[int] = []
    store.db.set_progress_handler(lambda: steps.append(1), 1)
    known = documents_of(store, f"{0:016x}")
    store.db.set_progress_handler(None, 0)
    store.close()
    return known, len(steps)


def test_what_a_gateway_looks_up_of_a_rig_does_not_grow_with_the_other_rigs(tmp_path: Path) -> None:
    few, least = looked_up(tmp_path, 2)
    many, most = looked_up(tmp_path, 12)
    assert [boot for boot, _tie in few.ties] == [boot for boot, _tie in many.ties] == BOOTS
    assert most == least > 0
