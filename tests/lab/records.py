"""Sealed records for the lab's tests: a chain as a rig makes it, and a forgery under a right CRC."""

from __future__ import annotations

from typing import Any

from pumpwire import records

DEVICE = "73696d7500112233"
JULY_US, AUGUST_US = 1_785_000_000_000_000, 1_787_000_000_000_000


def chain(*facts: dict[str, Any]) -> list[bytes]:
    """Sealed records, each after its predecessor; number and boot count up unless told."""
    made: list[bytes] = []
    for number, told in enumerate(facts, 1):
        header = {
            "event": 0,
            "number": number,
            "boot": 1,
            "mono_us": number,
            "utc_us": JULY_US,
            "calibration_id": 1,
        }
        header |= {"chain": records.link(made[-1]) if made else bytes(records.CHAIN)}
        header |= {name: value for name, value in told.items() if name in header}
        state = {"basal_steps": 100 * number, "mode": 1}
        made.append(bytes(records.pack(header, state, told.get("text", b""))))
    return made


def resealed(raw: bytes, before: bytes) -> bytes:
    """A record with another predecessor, under a right CRC: made by somebody who knows the form."""
    header, state, text = records.unpack(raw)
    header["chain"] = records.link(before)
    state["demands"] = state["demands"] ^ 1
    return bytes(records.pack(header, state, text.encode()))
