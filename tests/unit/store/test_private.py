"""The log is its owner's alone."""

import os
import stat
import sys

import pytest
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
