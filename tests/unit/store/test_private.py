"""The log is its owner's alone."""

import os
import stat
import sys

import pytest
from pumprig.errors import StoreError
from pumprig.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("there", [None, 0o644])
def test_the_database_and_what_sqlite_keeps_beside_it_have_mode_0600(tmp_path, there):
    path = tmp_path / "log.db"
    before = os.umask(0o022)
    try:
        if there:
            path.touch()
            path.chmod(there)
        store = Store(path)
        store.note_device("rig", "0.1.0", 1)
        assert modes(tmp_path) == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}
        store.close()
    finally:
        os.umask(before)


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_what_is_no_file_is_told_and_keeps_its_permissions(tmp_path, what):
    """Named by mistake; as root, /dev/null would be closed to everybody else."""
    path = tmp_path / "log.db"
    (path.mkdir if what == "folder" else lambda: os.mkfifo(path))()
    path.chmod(0o777)
    with pytest.raises(StoreError, match="is no file"):
        Store(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777
