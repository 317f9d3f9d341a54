"""The rig's log into the store: incremental, resumable, idempotent.

Owns: which records to ask for, and what a pull found.
Rules: begins at the last stored record, which has to be the rig's own to the byte: another rig under the same id is
told at once; each page is verified and stored in one transaction before the next is asked for, so that a kill or a
broken link costs nothing but the page under way; a pull ends at the number that the log had when it began, and within
a time that grows with what was promised, so that no device can keep it going.
Units: record numbers.
Leaves: the wire to client.py, seals and chain to store/ledger.py.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass

from pumpwire import documents

from pumprig.errors import LinkError, StoreError
from pumprig.rig.client import Client
from pumprig.rig.patience import Patience
from pumprig.store import Store, ledger, pulls
from pumprig.store.intents import Settled, StoredIntents

PAGE_ROWS = 64
MOST_RECORDS = 1 << 16  # forty times what the flash of a rig holds
BEGIN_S, RECORD_S = 30.0, 0.1  # how long a pull may take: some, and so much for every record


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: numbers are the rig's; `gap` are records that were overwritten before they were fetched.

    other_calibration: the number of the rig's calibration where the store holds other figures under it, else None.
    store_note: what is odd about the store: an older copy that was put back, or used by another computer.
    """

    device_id: str
    first: int
    log_next: int
    new: int
    gap: tuple[int, int] | None
    settled: list[Settled]
    other_calibration: int | None = None
    store_note: str = ""


def pull(
    client: Client,
    store: Store,
    progress: Callable[[int, int], None] | None = None,
    within_s: float | None = None,
) -> Pulled:
    """Fetch every record that is not yet stored. progress(done, of). Raises LinkError, StoreError.

    within_s: no page is asked for after so long; what is missing then comes with the next pull.
    """
    greeting = client.greet()
    device = greeting.device_id
    store.note_device(device, greeting.firmware, greeting.protocol)
    odd = pulls.strange(store, device)
    status, other = note_facts(client, store)
    start = ledger.last_number(store, device) + 1
    end = _end_of_log(status, device, start)
    _check_overlap(client, store, device, min(start, end) - 1)
    if start > end:
        raise StoreError(
            f"The store holds record {start - 1} of {device}, but the rig's log ends at {end - 1}.",
            "Nothing was stored.",
            "The rig's journal was cleared. Keep this database, and pull into a new one (PUMPRIG_DB).",
        )
    limit_s = BEGIN_S + RECORD_S * (end - start)
    patience = Patience(limit_s, limit_s)
    number, new, gap, got = start, 0, None, 0
    enough = Patience(within_s or limit_s, within_s or limit_s)
    while number < end and (number == start or enough.left_s()):
        page, oldest = _page(client, number)
        if not patience.left_s() or (oldest <= number and not page):
            raise LinkError(
                f"The rig sends its log too slowly, or not at all: {number - start} of {end - start} records came.",
                "not done",
                "What came is stored. Pull again: it goes on there.",
            )
        if oldest > number:
            gap = (gap[0] if gap else number, min(oldest, end) - 1)
            number, got = oldest, 0
            continue
        got = got or number
        new += ledger.add(store, device, page)
        number += len(page)
        if progress:
            progress(min(number, end) - start, max(1, end - start))
    store.note_pull(device, int(status["boot"]), int(status["mono_us"]), start, number, got or number)
    settled = StoredIntents(store).settle_by_log(device) if new else []
    return Pulled(device, start, number, new, gap, settled, other, odd)


def _end_of_log(status: dict[str, str], device: str, start: int) -> int:
    """The number that the rig's next record will have. Raises LinkError for one that no rig can have."""
    end = int(status["log_next"])
    if end - start > MOST_RECORDS:
        raise LinkError(
            f"{device} says that {end - start} records wait, more than the memory of a rig holds.",
            "not done",
            "Nothing was stored. Check what is on that port with `pumprig doctor`.",
        )
    return end


def _check_overlap(client: Client, store: Store, device: str, number: int) -> None:
    """Compare a record that both hold, the last one. Raises StoreError where another rig has the same id."""
    stored = ledger.raw_of(store, device, number)
    if stored is None:
        return
    page, oldest = _page(client, number)
    if oldest > number or not page or page[0] == stored:
        return
    raise StoreError(
        f"The rig's record {number} is not the one that this store holds of {device}: another rig has the same id, or "
        "its journal was cleared or edited.",
        "Nothing was stored.",
        "Keep this database for the rig that it knows, and pull this one into another (PUMPRIG_DB).",
    )


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
    for name in ("text", "later"):  # the active program, and the one that waits for its time
        text = "".join(row.get(name, "") for row in rows)
        if text:
            store.note_program(device, documents.digest(text), text)
    return status, None if same else number


def _page(client: Client, number: int) -> tuple[list[bytes], int]:
    """The records from `number` on that one request brings, consecutive, and the number of the oldest there."""
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
    return page, int(end["first"])
