"""The rig's log into the store: incremental, resumable, idempotent.

Owns: which records to ask for, and what a pull found.
Rules: begins after the last stored record; each page is verified and stored in one transaction before the next is
asked for, so that a kill or a broken link costs nothing but the page under way.
Callers: the commands `log pull`, `report`, `flash` and the demo.
Units: record numbers.
Leaves: the wire to client.py, seals and chain to store/ledger.py.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass

from pumprig.errors import LinkError, StoreError
from pumprig.rig.client import Client
from pumprig.store import Store, ledger
from pumprig.store.intents import Settled, StoredIntents

PAGE_ROWS = 64


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: numbers are the rig's; `gap` are records that were overwritten before they were fetched.

    other_calibration: the number of the rig's calibration where the store holds other figures under it, else None.
    """

    device_id: str
    first: int
    log_next: int
    new: int
    gap: tuple[int, int] | None
    settled: list[Settled]
    other_calibration: int | None = None


def pull(client: Client, store: Store, progress: Callable[[int, int], None] | None = None) -> Pulled:
    """Fetch every record that is not yet stored. progress(done, of). Raises LinkError, StoreError."""
    greeting = client.greet()
    device = greeting.device_id
    store.note_device(device, greeting.firmware, greeting.protocol)
    status, other = note_facts(client, store)
    start = ledger.last_number(store, device) + 1
    if start > int(status["log_next"]):
        raise StoreError(
            f"The store holds record {start - 1} of {device}, but the rig's log ends at {int(status['log_next']) - 1}.",
            "Nothing was stored.",
            "The rig's journal was cleared. Keep this database, and pull into a new one (PUMPRIG_DB).",
        )
    number, new, gap = start, 0, None
    while True:
        page, log_next, oldest = _page(client, number)
        if oldest > number:
            gap = (number, oldest - 1)
            number = oldest
            continue
        if page:
            new += ledger.add(store, device, page)
            number = ledger.last_number(store, device) + 1
        if progress:
            progress(number - start, max(1, log_next - start))
        if number >= log_next or not page:
            break
    store.note_pull(device, int(status["boot"]), int(status["mono_us"]), start, number)
    return Pulled(device, start, number, new, gap, StoredIntents(store).settle_by_log(device), other)


def note_facts(client: Client, store: Store) -> tuple[dict[str, str], int | None]:
    """Keep the calibration and the program that the rig names now; returns the status fields, and the calibration's
    number where the store holds another under it.
    """
    device = client.greet().device_id
    status = client.read("status").fields
    number = int(status.get("calibration_id", "0"))
    figures = [int(status.get(name, "0")) for name in ("step_nl_num", "step_nl_den", "u_ppm")]
    same = not number or store.note_calibration(device, number, figures[0], figures[1], figures[2])
    rows = client.read("program").rows
    text = "".join(row.get("text", "") for row in rows)
    digest = rows[0].get("hash", "") if rows else ""
    if text and digest:
        store.note_program(device, digest, text)
    return status, None if same else number


def _page(client: Client, number: int) -> tuple[list[bytes], int, int]:
    """The records from `number` on that one request brings, consecutive; (records, log_next, oldest)."""
    answer = client.read("log", {"start": number, "count": PAGE_ROWS})
    end = answer.fields
    page: list[bytes] = []
    expected = number
    for row in answer.rows:
        if "record" not in row:
            continue
        if int(row["number"]) != expected:
            break  # a row was lost on the way: the rest is asked for again
        try:
            page.append(a2b_base64(row["record"]))
        except (Base64Error, ValueError):
            break
        expected += 1
    if "log_next" not in end or "first" not in end:
        raise LinkError("The rig's answer to `log` was not understood.", "not done", "Pull again.")
    return page, int(end["log_next"]), int(end["first"])
