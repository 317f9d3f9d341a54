"""Where the tool keeps what it keeps: configuration, the delivery log, the private simulated rig.

Owns: the folders, the names of the files in them, and the configuration file's reading.
Rules: PUMPRIG_HOME, where set, holds everything; else the platform's own folders; nothing is created by asking.
Units: none.
Leaves: what a configured port means to discovery.py.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from pumprig import textfile
from pumprig.errors import UsageError
from pumprig.tomltext import parsed

LEAST_FREE = 65_536  # bytes; below it a disk is full for whoever wants to begin a file
MEANWHILE = "Meanwhile `pumprig -p PORT stop` works: it needs no configuration."


def _folder(kind: str) -> Path:
    home = os.environ.get("PUMPRIG_HOME")
    if home:
        return expanded(home) / kind
    import platformdirs

    named = {
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "state": platformdirs.user_state_path,
    }
    try:
        folder = named[kind]("pumprig", appauthor=False)
    except RuntimeError:
        folder = Path()
    return folder if folder.is_absolute() else _homeless() / kind


def _homeless() -> Path:
    """For a user without HOME and without an entry among the system's. Raises UsageError where it is another's."""
    import tempfile

    user: int | str = getattr(os, "getuid", lambda: "user")()
    folder = Path(tempfile.gettempdir()) / f"pumprig-{user}-home"
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != user and user != "user"):
        raise UsageError(
            f"This user has no home folder, and {folder} belongs to somebody else.",
            "Nothing was begun.",
            "Name a folder with PUMPRIG_HOME.",
        )
    return folder


def config_file() -> Path:
    """The configuration file, which need not exist."""
    return _folder("config") / "config.toml"


def database_file() -> Path:
    """The delivery log's database: PUMPRIG_DB, else in the data folder."""
    named = os.environ.get("PUMPRIG_DB")
    return expanded(named) if named else _folder("data") / "pumprig.db"


def chosen_database() -> Path:
    """The delivery log's database: PUMPRIG_DB, the configuration (beside whose file a bare name lies), the data folder.

    Raises UsageError for a configuration that cannot be read.
    """
    if not os.environ.get("PUMPRIG_DB"):
        configured = configuration().get("database")
        if configured:
            return config_file().parent / expanded(configured)
    return database_file()


def expanded(text: str) -> Path:
    """A path as a person writes it: ~ is the home folder. Raises UsageError where there is none."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(
            f"'{text}' begins with ~, and this user has no home folder.",
            "Nothing was begun.",
            "Write the whole path.",
        ) from None


def state_folder() -> Path:
    """What this computer remembers from one command to the next."""
    return _folder("state")


def keys_folder() -> Path:
    """Where the keys of rigs are kept."""
    return _folder("config") / "keys"


def simulator_folder(chosen: str | None) -> Path:
    """The state folder of the private simulated rig."""
    return Path(chosen).resolve() if chosen else _folder("state") / "sim"


def configuration() -> dict[str, Any]:
    """The configuration file's content, empty where there is no file. Raises UsageError.

    Keys: `port` (what `-p` takes), `database` (a path), `minimum_rate` (what a program calls "minimum").
    """
    path = config_file()
    try:
        content = parsed(textfile.read(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"The configuration {path} cannot be read: {error}.", "Nothing was sent.", f"Mend it. {MEANWHILE}"
        ) from None
    for key, value in content.items():
        if key not in ("port", "database", "minimum_rate") or not isinstance(value, str):
            raise UsageError(
                f"The configuration {path} has '{key}', which is not known or no text.",
                "Nothing was sent.",
                f"Known keys: port, database, minimum_rate (texts). {MEANWHILE}",
            )
    return content


def is_full(folder: Path) -> bool:
    """Whether the disk that holds a folder has no space left."""
    try:
        return shutil.disk_usage(folder).free < LEAST_FREE
    except OSError:
        return False
