"""A rig's history onto a board without one: after its filesystem was reformatted, or on a new Pico.

Owns: the journal blocks that carry on: one record `moved` that follows the last stored one, the program, the
calibration.
Rules: nothing is made up: the record carries the totals of the last stored one, the pump stopped, no bolus; its
chain follows that record, so that the stored log goes on without a gap; what the rig delivered after that record is
not known and is said so; documents count only with the id or hash that the record names.
Units: as in pumpwire.records.STATE; blocks of 4096, pages of 256.
Leaves: the firmware's side to recovery.py, which boots from these blocks as after a power loss; writing to install.py.
"""

from __future__ import annotations

import struct
from binascii import crc32
from dataclasses import dataclass

from pumpwire import documents, records

from pumprig.flash.image import JOURNAL_FOLDER
from pumprig.quantities import now_utc_us
from pumprig.store import Store, ledger
from pumprig.store.intents import StoredIntents

PROGRAM, CALIBRATION = 0, 1  # the firmware's slots; block 2 * slot of the settings holds the text
ENDED = ("mode", "bolus_kind", "spread_steps_asked", "later")


@dataclass(frozen=True)
class History:
    """What is carried on. blocks: {path of a journal file: what follows its header page}; lost: what could not be."""

    device_id: str
    last: ledger.Record
    blocks: dict[str, bytes]
    lost: list[str]


def history_of(store: Store, device_id: str, chip_id: str) -> History | None:
    """The history of a rig as blocks for the board `chip_id`; None where the store has none. Raises StoreError."""
    number = ledger.last_number(store, device_id)
    last = ledger.record_at(store, device_id, number) if number else None
    if last is None:
        return None
    state = {**last.state, **dict.fromkeys(ENDED, 0)}
    blocks: dict[str, bytes] = {}
    lost: list[str] = []
    calibration_id = last.calibration_id
    if calibration_id:
        text = _calibration(store, device_id, calibration_id)
        if text:
            blocks[_settings_file(CALIBRATION)] = settings_block(text)
        else:
            lost.append(f"calibration {calibration_id}")
            calibration_id = 0
            _close_account(store, device_id, last, state)
    if state["program_hash"]:
        text = _program(store, device_id, state["program_hash"])
        if text:
            blocks[_settings_file(PROGRAM)] = settings_block(text)
        else:
            lost.append("the program")
            state["program_hash"] = 0
    header = {
        "event": records.EVENTS.index("moved"),
        "number": number + 1,
        "boot": last.boot + 1,
        "mono_us": 0,
        "utc_us": now_utc_us(),
        "calibration_id": calibration_id,
        "chain": records.link(last.raw),
    }
    blocks[f"{JOURNAL_FOLDER}/log000.bin"] = page(records.pack(header, state, f"to={chip_id} after={number}"))
    return History(device_id, last, blocks, lost)


def _calibration(store: Store, device_id: str, number: int) -> str:
    """The canonical text of a calibration: as it was staged from here, or as it was made here; else empty."""
    from pumprig.calibration import register

    made = [documents.canonical(record.document()) for record in register.records() if record.id == number]
    for text in [*reversed(StoredIntents(store).staged(device_id)), *made]:
        document = documents.parse(text)
        if document["kind"] == "calibration" and document["id"] == number:
            return text
    return ""


def _program(store: Store, device_id: str, number: int) -> str:
    """The canonical text of the program whose hash begins with this number; else empty."""
    for digest, text in store.programs(device_id).items():
        if int(digest[:8], 16) == number:
            return text
    return ""


def _close_account(store: Store, device_id: str, last: ledger.Record, state: dict[str, int]) -> None:
    """Without its calibration the rig cannot tell volumes from steps: what it has delivered is told in nL."""
    num, den, _u_ppm = store.calibrations(device_id).get(last.calibration_id, (0, 1, 0))
    state["delivered_base_nl"] += (last.net_steps - state["base_steps"]) * num // den
    state["base_steps"] = last.net_steps


def _settings_file(slot: int) -> str:
    return f"{JOURNAL_FOLDER}/settings{2 * slot:03d}.bin"


def page(content: bytes) -> bytes:
    """One page, the rest of it erased."""
    return content + b"\xff" * (records.PAGE - len(content))


def settings_block(text: str) -> bytes:
    """Pages 1 and on of a settings block, as the firmware's settings.py writes them: generation 1."""
    data = text.encode()
    generation = struct.pack("<I", 1)
    head = struct.pack("<2sHII", b"PS", len(data), 1, crc32(generation + data) & 0xFFFFFFFF)
    return page(head) + data
