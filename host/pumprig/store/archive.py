"""A store that may not be written: a file or a folder without write permission, a medium that is read only.

Owns: telling such a store, and opening it without a trace.
Rules: nothing is written beside it; what another process left in its write-ahead log counts: then, and where its
schema is old, a copy in the system's folder for temporary files is read instead, and goes with the command.
Units: none.
Leaves: everything else to database.py.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote


def is_archive(path: Path) -> bool:
    """Whether the store can be read and not be written, by what the system says of this user."""
    return not (_writable(path) and _writable(path.parent))


def _writable(path: Path) -> bool:
    """By trying where that costs nothing: on a read-only medium the permissions say too little.

    What nobody may write by its mode, root does not write either: it was put away.
    """
    if not os.access(path, os.W_OK) or (os.name == "posix" and not path.stat().st_mode & 0o222):
        return False
    if path.is_dir():
        return True
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError:
        return False
    return True


def opened(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """The connection, and the copy that it reads, if one had to be made. Raises sqlite3.Error."""
    from pumprig.store.database import SCHEMA_VERSION

    log = path.with_name(path.name + "-wal")
    try:
        whole = not log.exists() or not log.stat().st_size
        if whole:
            db = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None
            )
            if int(db.execute("PRAGMA user_version").fetchone()[0]) >= SCHEMA_VERSION:
                return db, None
            db.close()
        folder = Path(tempfile.mkdtemp(prefix="pumprig-"))
        copy = folder / path.name
        shutil.copyfile(path, copy)
        if not whole:
            shutil.copyfile(log, copy.with_name(log.name))
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None
    return sqlite3.connect(copy, isolation_level=None), copy
