"""Two rigs of one id, an older copy of a store, a store of two computers: told at the next pull, and nothing mixed."""

import shutil

import pytest
from hostline import Line, new_rig
from pumprig.errors import StoreError
from pumprig.rig.client import Client
from pumprig.rig.pull import pull
from pumprig.store import Store, ledger
from pumprig.store.verify import verify
from rigsim.chip import on


@pytest.fixture
def computer(tmp_path, monkeypatch):
    """Which computer this process is: each has a home of its own."""

    def be(name):
        monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / f"home of {name}"))

    be("a")
    return be


def more(rig, count):
    """Records on a rig."""
    with on(rig.chip):
        for _ in range(count):
            rig.rig.log.record("checkpoint", ())


def pulled(rig, path):
    """A pull into a store; what it says."""
    store = Store(path)
    try:
        return pull(Client(Line(rig)), store)
    finally:
        store.close()


def stored(path, device):
    store = Store(path, archive=True)
    try:
        return [record.raw for record in ledger.read(store, device)], verify(store, device).faults
    finally:
        store.close()


def test_a_rig_with_the_id_of_another_is_told_at_its_first_pull_and_not_a_record_is_mixed(computer, tmp_path):
    first, clone = new_rig(7), new_rig(7)
    assert Client(Line(first)).greet().device_id == Client(Line(clone)).greet().device_id
    first.run_us(3_000_000)  # the same board and flash image from here on apart
    more(first, 9)
    more(clone, 12)
    path = tmp_path / "log.db"
    device = pulled(first, path).device_id
    before = stored(path, device)
    with pytest.raises(StoreError, match=r"another rig has the same id|journal was cleared"):
        pulled(clone, path)
    assert stored(path, device) == before
    more(first, 3)
    assert pulled(first, path).new == 3
    assert stored(path, device)[1] == []
    assert pulled(clone, tmp_path / "clone.db").new > 0


def test_an_older_copy_that_was_put_back_is_told_and_what_the_rig_still_has_is_fetched(computer, tmp_path):
    rig, path = new_rig(7), tmp_path / "log.db"
    device = pulled(rig, path).device_id
    shutil.copyfile(path, tmp_path / "kept.db")
    more(rig, 8)
    assert pulled(rig, path).store_note == ""
    whole = stored(path, device)[0]
    shutil.copyfile(tmp_path / "kept.db", path)
    found = pulled(rig, path)
    assert "older copy" in found.store_note
    assert stored(path, device) == (whole, [])
    assert pulled(rig, path).store_note == ""


def test_a_store_that_two_computers_use_is_told_to_each_of_them(computer, tmp_path):
    rig, path = new_rig(7), tmp_path / "log.db"
    assert pulled(rig, path).store_note == ""
    more(rig, 2)
    computer("b")
    assert "another computer" in pulled(rig, path).store_note
    more(rig, 2)
    assert pulled(rig, path).store_note == ""
    more(rig, 2)
    computer("a")
    assert "used by another one" in pulled(rig, path).store_note
