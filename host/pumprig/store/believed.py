"""The last verdict over a store, as long as its files are the same.

Owns: the memory of verdicts, in this computer's state folder.
Rules: a verdict is taken up again only where the store's files are byte for byte as old and as long as they were then;
`log verify` never takes one up; only a verdict without fault is remembered.
Units: bytes and nanoseconds, as the file system tells them.
Leaves: the verdict itself to verify.py.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pumprig import paths
from pumprig.store.database import Store
from pumprig.store.verify import Verdict, verify

MOST_KEPT = 50


def _file() -> Path:
    return paths.state_folder() / "verdicts.json"


def _look(path: Path) -> list[int]:
    try:
        facts = path.stat()
    except OSError:
        return []
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino] if facts.st_size else []


def _look_of(store: Store) -> list[list[int]]:
    """What the store's files look like; an empty write-ahead log is none."""
    return [_look(store.path), _look(store.path.with_name(store.path.name + "-wal"))]


def _kept() -> dict[str, dict[str, Any]]:
    with suppress(OSError, ValueError):
        content: object = json.loads(_file().read_text(encoding="utf-8"))
        return cast("dict[str, dict[str, Any]]", content) if isinstance(content, dict) else {}
    return {}


def verdict_of(store: Store, device_id: str) -> Verdict:
    """The verdict over a device's log, computed only where the store has changed since the last. Raises StoreError."""
    key = f"{store.path.absolute()} {device_id}"
    look = _look_of(store)
    kept = _kept().get(key)
    if kept is not None and kept.get("look") == look:
        with suppress(KeyError, TypeError, ValueError):
            return Verdict.of(kept)
    verdict = verify(store, device_id)
    if verdict.ok and _look_of(store) == look:
        _keep(key, {"look": look, **verdict.document()})
    return verdict


def _keep(key: str, row: dict[str, object]) -> None:
    kept = {name: value for name, value in _kept().items() if name != key}
    kept[key] = row
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
    path = _file()
    with suppress(OSError):  # then the next command computes it again
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(kept), encoding="utf-8")
        os.replace(part, path)
