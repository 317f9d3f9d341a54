"""A rig's stored history on a board without one: its totals, its therapy and its log go on under its identity."""

from pathlib import Path
from typing import Any

import pytest
from hostline import Line, new_rig
from pumprig.errors import RefusedError
from pumprig.flash.history import History, history_of
from pumprig.flash.image import journal_files
from pumprig.rig.client import Client
from pumprig.rig.pull import pull
from pumprig.store import Store, ledger
from pumprig.store.intents import StoredIntents
from pumprig.store.verify import verify
from pumpwire import documents
from rigsim.driver import SimRig
from rigsim.flash import BLOCK, PAGE, NorFlash

CALIBRATION = "kind=calibration id=77 nl_num=10007 nl_den=1 u_ppm=9000"
PROGRAM = "kind=program name=kept basal=0:480000,43200:960000"


def commit(client: Client, text: str) -> None:
    digest = client.stage(text).hash
    assert digest == documents.digest(text)
    client.commit(digest, False)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    opened = Store(tmp_path / "log.db")
    yield opened
    opened.close()


def lived(store: Store, calibration: str = CALIBRATION) -> Client:
    """A rig that has delivered for three hours under a program, pulled into the store while it runs."""
    rig = new_rig(8)
    client = Client(Line(rig), StoredIntents(store))
    with client.session():
        commit(client, calibration)
        client.change("refill", {"volume_nl": 18_000_000})
        commit(client, PROGRAM)
        client.change("bolus", {"volume_nl": 50_000, "over_ms": 3_600_000})
    rig.run_us(600_000_000)
    pull(client, store)
    return client


def board_with(history: History, seed: int, identity: bool) -> SimRig:
    """A new Pico with the journal that `pumprig flash` lays out there."""
    flash = NorFlash(seed=seed)
    flash.lay_out_journal()
    for path, head in journal_files().items():
        if path in history.blocks:
            (start,) = [at for at in range(0, len(flash), BLOCK) if bytes(flash[at : at + len(head)]) == head]
            pages = history.blocks[path]
            flash[start + PAGE : start + PAGE + len(pages)] = pages
    rig = SimRig(seed, flash=flash)
    if identity:
        rig.chip.files["identity"] = history.device_id.encode()
    rig.power_on()
    rig.port.tapped = False
    rig.port.listen(True)
    return rig


@pytest.mark.requirement("SR-13")
@pytest.mark.requirement("SR-38")
@pytest.mark.parametrize("moved", [True, False], ids=["new Pico", "reformatted"])
def test_totals_therapy_calibration_and_log_go_on_under_the_same_identity(store: Store, moved: bool) -> None:
    before = lived(store)
    device, status = before.greet().device_id, before.read("status").fields
    last = ledger.last_number(store, device)
    history = history_of(store, device, "feed" * 4)
    assert history is not None
    assert (history.last.number, history.lost) == (last, [])
    rig = board_with(history, 9 if moved else 8, identity=moved)
    client = Client(Line(rig), StoredIntents(store))
    assert client.greet().device_id == device
    assert client.greet().boot == history.last.boot + 2, "the record's own, and the first of the board"
    after = client.read("status").fields
    for name in ("calibration_id", "step_nl_num", "step_nl_den", "therapy_hash", "therapy_name", "last_seq"):
        assert after[name] == status[name], name
    assert int(after["delivered_steps"]) == history.last.net_steps
    assert (after["mode"], after["alarms"]) == ("stopped", "0"), (
        "the alarm `clock` is over: a time came along"
    )
    pull(client, store)
    verdict = verify(store, device)
    assert verdict.verified
    records = list(ledger.read(store, device))
    assert [row.event for row in records if row.number == last + 1] == ["moved"]
    with client.session():
        client.change("resume")
    rig.run_us(3_600_000_000)
    assert int(client.read("status").fields["delivered_steps"]) > history.last.net_steps
    pull(client, store)
    assert verify(store, device).verified


def test_without_the_calibrations_text_the_volume_stays_and_nothing_is_delivered(
    store: Store,
) -> None:
    before = lived(store)
    device = before.greet().device_id
    with store.transaction() as db:
        db.execute("DELETE FROM intents")
    history = history_of(store, device, "feed" * 4)
    assert history is not None
    assert history.lost == ["calibration 77"]
    client = Client(Line(board_with(history, 9, identity=True)), StoredIntents(store))
    after = client.read("status").fields
    (num, den, _u_ppm) = store.calibrations(device)[77]
    assert int(after["delivered_nl"]) == pytest.approx(history.last.net_steps * num / den, rel=0.05)
    with client.session(), pytest.raises(RefusedError):
        client.change("resume")


def test_a_rig_that_the_store_does_not_know_has_no_history(store: Store) -> None:
    assert history_of(store, "0" * 16, "f" * 16) is None
