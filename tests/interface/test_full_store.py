"""A store that fails around a command: before it nothing is sent, after it what was done is done.

Owns: what a failing store means for a command.
Rules: the rig is the simulated one, the failure SQLite's own: a trigger on the table of intents.
Units: none.
Leaves: real disks that are full to tests/lab/test_unkind.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pumprig
import pytest
from hub.conftest import Place
from pumprig.errors import StoreError


@contextmanager
def failing(store: Path, what: str) -> Generator[None]:
    """Every INSERT or UPDATE of an intent fails as on a disk without space."""
    with sqlite3.connect(store) as db:
        db.execute(
            f"CREATE TRIGGER no_space BEFORE {what} ON intents "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    yield
    with sqlite3.connect(store) as db:
        db.execute("DROP TRIGGER no_space")


def begun_store() -> Path:
    """The store of a rig that has taken a command."""
    with pumprig.connect("sim") as rig:
        rig.new_tube()
        return rig.database


def last_number() -> int:
    with pumprig.connect("sim") as rig:
        return int(rig.status().last_seq)


def test_a_command_that_cannot_be_written_down_is_not_sent_and_says_so(place: Place) -> None:
    store = begun_store()
    before = last_number()
    with failing(store, "INSERT"):
        with pumprig.connect("sim") as rig, pytest.raises(StoreError) as refused:
            rig.new_tube()
        assert str(refused.value) == (
            f"The disk that holds {store} is full. `tube` was not sent to the rig. What came last was not stored; "
            "what was stored before is intact. Free some space, then run this again."
        )
        done = place.run("-p", "sim", "tube", "new", "--yes")
        assert done.returncode == 1
        assert "`tube` was not sent to the rig." in done.stderr
    assert last_number() == before


def test_a_command_whose_outcome_cannot_be_written_down_is_done_and_settled_by_the_log(place: Place) -> None:
    store = begun_store()
    before = last_number()
    with failing(store, "UPDATE"):
        done = place.run("-p", "sim", "tube", "new", "--yes")
    assert done.returncode == 0, done.stderr
    assert last_number() == before + 1
    with pumprig.connect("sim") as rig:
        assert rig.unsettled() == ["tube"]
        rig.pull()
        assert rig.unsettled() == []
    with sqlite3.connect(store) as db:
        rows = db.execute("SELECT outcome FROM intents WHERE verb = 'tube' ORDER BY id").fetchall()
    assert rows == [("done",), ("done",)]
