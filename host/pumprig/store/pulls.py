"""What each pull brought: its records, the end of the log then, the host's clock beside the rig's.

Owns: the table of pulls, and the mark of each store that this computer keeps beside it.
Rules: a pull leaves a row where it brought records, or where the two clocks have moved against each other; the mark is
outside of the store, so that a store that was put back, or that another computer has used, is noticed.
Units: record numbers; microseconds UTC and since the rig's boot.
Leaves: records to ledger.py, dates to dates.py.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pumpwire import records

from pumprig import paths
from pumprig.quantities import now_utc_us
from pumprig.store import dates, seals

if TYPE_CHECKING:
    from pumprig.store.database import Store

MOVED_US = 2_000_000  # the host's clock against the rig's since the last row: a new row


@dataclass(frozen=True)
class Brought:
    """A pull's row: asked from `first` on, brought `got` to `log_next` - 1 (nothing where got is log_next)."""

    boot: int
    first: int
    got: int
    log_next: int
    end_link: bytes | None
    host: str | None


def link_at(db: sqlite3.Connection, device_id: str, number: int) -> bytes | None:
    """The chain value that follows a stored record."""
    row = db.execute(
        "SELECT raw FROM records WHERE device_id = ? AND number = ? ORDER BY boot DESC LIMIT 1",
        (device_id, number),
    ).fetchone()
    return records.link(bytes(row[0])) if row else None


def note(store: Store, device_id: str, boot: int, mono_us: int, span: tuple[int, int, int]) -> None:
    """Remember a pull; span: asked from, got from, log_next. It also ties the rig's own time to the host's clock."""
    first, got, log_next = span
    host_us = now_utc_us()
    with store.transaction() as db:
        last = db.execute(
            "SELECT host_utc_us - mono_us FROM pulls WHERE device_id = ? AND boot = ? ORDER BY id DESC LIMIT 1",
            (device_id, boot),
        ).fetchone()
        tied = last is not None and abs(int(last[0]) - (host_us - mono_us)) < MOVED_US
        if got >= log_next and tied:
            return
        row = {
            "id": seals.next_id(db, "pulls"),
            "device_id": device_id,
            "boot": boot,
            "mono_us": mono_us,
            "host_utc_us": host_us,
            "first": first,
            "log_next": log_next,
            "got": got,
            "end_link": link_at(db, device_id, log_next - 1),
            "host": _host(),
        }
        seals.insert(db, "pulls", row)
        dates.tie_to_host(db, device_id, boot, host_us - mono_us)
    _mark(store, device_id)


def brought(store: Store, device_id: str) -> list[Brought]:
    """Every pull of a device, in order."""
    with store.guard():
        rows = store.db.execute(
            "SELECT boot, first, got, log_next, end_link, host FROM pulls WHERE device_id = ? ORDER BY id",
            (device_id,),
        ).fetchall()
    return [
        Brought(
            int(row[0]),
            int(row[1]),
            int(row[2] if row[2] is not None else row[1]),
            int(row[3]),
            bytes(row[4]) if row[4] is not None else None,
            row[5],
        )
        for row in rows
    ]


def complete_old(db: sqlite3.Connection) -> None:
    """What rows from before say of what they brought, as far as the records still show it."""
    for number, device_id, first, log_next in db.execute(
        "SELECT id, device_id, first, log_next FROM pulls"
    ).fetchall():
        got = db.execute(
            "SELECT min(number) FROM records WHERE device_id = ? AND number >= ?", (device_id, first)
        ).fetchone()[0]
        db.execute(
            "UPDATE pulls SET got = ?, end_link = ? WHERE id = ?",
            (min(got or log_next, log_next), link_at(db, device_id, log_next - 1), number),
        )


# --- the mark that this computer keeps beside the store


def _marks_file() -> Path:
    return paths.state_folder() / "stores.json"


def _marks() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content: object = json.loads(_marks_file().read_text(encoding="utf-8"))
        return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    return {}


def _keep(marks: dict[str, Any]) -> None:
    path = _marks_file()
    with suppress(OSError):  # without a mark a store put back is not noticed; nothing else is lost
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(marks), encoding="utf-8")
        os.replace(part, path)


def _host() -> str:
    """This computer, by its name and a number of its own."""
    marks = _marks()
    if "host" not in marks:
        marks["host"] = f"{platform.node() or 'computer'}-{secrets.token_hex(4)}"
        _keep(marks)
    return str(marks["host"])


def _count(store: Store, device_id: str) -> tuple[int, int]:
    with store.guard():
        row = store.db.execute(
            "SELECT count(*), coalesce(max(log_next), 0) FROM pulls WHERE device_id = ?", (device_id,)
        ).fetchone()
    return int(row[0]), int(row[1])


def _mark(store: Store, device_id: str) -> None:
    marks = _marks()
    count, log_next = _count(store, device_id)
    marks[f"{store.store_id()} {device_id}"] = {"pulls": count, "log_next": log_next}
    _keep(marks)


def strange(store: Store, device_id: str) -> str:
    """What is odd about a store before a pull: an older copy, or used by another computer. Empty: nothing."""
    known = _marks().get(f"{store.store_id()} {device_id}")
    count, log_next = _count(store, device_id)
    last = brought(store, device_id)[-1:] if count else []
    if known:
        if count < int(known["pulls"]) or log_next < int(known["log_next"]):
            return (
                f"this store is an older copy: it ends at record {log_next - 1}, and this computer had pulled up to "
                f"{int(known['log_next']) - 1}; what only the newer copy held is lost unless the rig still has it"
            )
        if count > int(known["pulls"]) and last and last[0].host != _host():
            return f"since this computer's last pull the store was used by another one ({last[0].host})"
    elif last and last[0].host not in (None, _host()):
        return f"the store was last used by another computer ({last[0].host})"
    return ""
