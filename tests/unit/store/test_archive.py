"""A store that was put away is read by everything that reads, and nothing of it changes, whoever asks."""

import os
import stat
import sys

import pytest
from pumprig import cli, rehearsal
from pumprig.errors import StoreError
from pumprig.store import Store
from pumprig.store.verify import verify
from sim import asked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An hour at 20 uL/h in a store."""
    folder = tmp_path_factory.mktemp("run")
    request = rehearsal.request(asked.parsed(asked.CONSTANT), asked.HOUR_MS)
    request["records"] = str(folder / "records.txt")
    rehearsal.keep(folder / "log.db", request, rehearsal.run(request))
    return folder / "log.db"


@pytest.fixture(params=["file", "folder", "both"])
def put_away(request, run, tmp_path):
    """The store where file, folder or both may only be read; it is given back afterwards."""
    folder = tmp_path / "archive"
    folder.mkdir()
    path = folder / "log.db"
    path.write_bytes(run.read_bytes())
    if request.param in ("file", "both"):
        path.chmod(0o444)
    if request.param in ("folder", "both"):
        folder.chmod(0o555)
    yield path
    folder.chmod(0o755)


def state(path):
    return (
        path.read_bytes(),
        stat.S_IMODE(path.stat().st_mode),
        stat.S_IMODE(path.parent.stat().st_mode),
        sorted(os.listdir(path.parent)),
    )


@pytest.mark.parametrize(
    "words",
    [
        ["log", "show"],
        ["log", "total"],
        ["log", "verify"],
        ["log", "export", "-o", "OUT.csv"],
        ["report", "-o", "OUT.html"],
        ["calibrate", "list"],
    ],
    ids=" ".join,
)
def test_what_reads_an_archive_works_and_leaves_it_as_it_was(put_away, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PUMPRIG_DB", str(put_away))
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    before = state(put_away)
    code = cli.run([word.replace("OUT", str(tmp_path / "out")) for word in words])
    assert code == 0, capsys.readouterr().err
    assert state(put_away) == before


def test_who_would_write_is_told_so_and_what_to_do_and_nothing_is_changed(put_away):
    if put_away.parent.stat().st_mode & 0o222 == 0 and os.geteuid() == 0 and put_away.stat().st_mode & 0o222:
        pytest.skip("for root a folder's mode is no obstacle, and a file that may be written is")
    before = state(put_away)
    with pytest.raises(StoreError, match="may only be read"):
        Store(put_away)
    assert state(put_away) == before


def test_an_archive_that_was_opened_refuses_every_change(put_away):
    store = Store(put_away, archive=True)
    assert verify(store, store.devices()[0]).ok
    with pytest.raises(StoreError, match="may only be read"):
        store.note_device("rig", "0", 1)
    store.close()
