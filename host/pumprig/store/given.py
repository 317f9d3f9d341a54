"""Was it delivered? The account of a log at its end, beside the volume that was counted.

Owns: the contract's fields asked_nl, delivered_nl and not_given.
Rules: asked_nl is delivered_nl and all that was not given, to the nanolitre; it is not stated where a program that ran
is not known.
Units: nL, seconds.
Leaves: the account to asked.py, its spans to booked.py, sums of what was delivered to totals.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pumprig.store import ledger
from pumprig.store.asked import Account
from pumprig.store.booked import Book, Booked
from pumprig.store.database import Store
from pumprig.store.totals import Total


@dataclass(frozen=True)
class Delivery:
    """Was it delivered? asked_nl = delivered_nl + the sum of not_given, to the nanolitre.

    asked_nl is None where a program that ran is not known; unknown_s says which (half hashes) and for how long.
    """

    asked_nl: int | None
    delivered_nl: int
    not_given: list[dict[str, Any]]
    unknown_s: dict[str, float]
    unknown_requests: int
    unknown_steps: int = 0  # asked and given, besides: their volume is not known

    @staticmethod
    def of(document: dict[str, Any]) -> Delivery:
        """From a document that has the contract's fields."""
        unknown, requests = (
            document.get("asked_not_known_s", {}),
            document.get("refused_of_unknown_volume", 0),
        )
        return Delivery(
            document["asked_nl"],
            document["delivered_nl"],
            document["not_given"],
            unknown,
            requests,
            document.get("not_known_steps", 0),
        )

    def document(self) -> dict[str, Any]:
        """The contract's fields."""
        told: dict[str, Any] = {
            "asked_nl": self.asked_nl,
            "delivered_nl": self.delivered_nl,
            "not_given": self.not_given,
        }
        if self.unknown_s:
            told["asked_not_known_s"] = self.unknown_s
        if self.unknown_requests:
            told["refused_of_unknown_volume"] = self.unknown_requests
        return told


def delivery_of(store: Store, total: Total) -> Delivery:
    """Asked, given, not given between the records of a total. Raises StoreError."""
    account = account_of(store, total)
    return delivery(account, total.volume_nl, total.unknown_steps, span=1)


def account_of(store: Store, total: Total, book: Book | None = None) -> Account:
    """The account of a whole log, cut where a total begins and ends: what a record tells of may lie before it, and
    spans that tile the log have to add up. Raises StoreError.
    """
    device_id = total.device_id
    account = Account.of(store.calibrations(device_id), store.programs(device_id).values())
    account.booked = Booked((total.first, total.last))
    account.book = book
    for record in ledger.told(store, device_id):
        account.take(record)
    return account


def delivery(account: Account, delivered_nl: int, unknown_steps: int = 0, span: int = 0) -> Delivery:
    """One span of an account at its end, beside the volume that was counted, and steps whose volume is not known."""
    booked = account.end()
    rows = booked.rows(span)
    unknown = {f"{half:08x}": round(seconds, 1) for half, seconds in booked.unknown_s(span).items()}
    asked = None if unknown else delivered_nl + sum(int(row["nl"]) for row in rows)
    return Delivery(asked, delivered_nl, rows, unknown, booked.unknown_requests(span), unknown_steps)
