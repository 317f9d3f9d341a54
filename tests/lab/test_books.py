"""The hours of the lab's views add up to the whole, and an outage stands in the hour in which it was.

Owns: the promises of books.py about hours.
Rules: a real PostgreSQL; the whole is the store's own `log total`; the logs are the drawn ones of tests/sim/tiles.py.
Units: nL, steps, seconds.
Leaves: what enters the database to test_database.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lab.servers import fresh, held_by
from pumprig.lab import books
from pumprig.lab.database import Lab
from pumprig.lab.sender import documents_of
from pumprig.lab.servers import Postgres
from pumprig.lab.wire import Batch
from pumprig.store import Store
from sim import asked as asked_of
from sim import tiles


def booked(postgres: Postgres, name: str, store: Store) -> str:
    """A database with all that a store has, and its books."""
    address = fresh(postgres, name)
    device, rows = held_by(store.path)
    lab = Lab(address)
    lab.take("bench", device, Batch(None, [raw for _boot, _number, raw in rows], documents_of(store, device)))
    books.make(lab, device)
    lab.close()
    return address


def asked(address: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as db:
        return db.execute(query.encode()).fetchall()


@pytest.mark.parametrize("seed", range(200, 206))
def test_the_hours_of_every_view_add_up_to_the_whole(postgres: Postgres, tmp_path: Path, seed: int) -> None:
    store, device, _report = tiles.kept(tmp_path, seed)
    whole = tiles.told(store, device, None, None)
    address = booked(postgres, f"hours_{seed}", store)
    store.close()
    (sums,) = asked(
        address,
        "SELECT (SELECT sum(steps)::bigint FROM delivered_by_hour), (SELECT sum(delivered_nl) FROM delivered_by_hour), "
        "(SELECT sum(nl) FROM not_given_by_hour), (SELECT sum(asked_nl) FROM asked_by_hour), "
        "(SELECT sum(delivered_nl) FROM asked_by_hour), (SELECT sum(not_given_nl) FROM asked_by_hour)",
    )
    steps, delivered, missing, asked_nl, also_delivered, also_missing = (float(one or 0) for one in sums)
    assert steps == whole["steps"]
    assert delivered == also_delivered
    assert abs(delivered - whole["delivered"]) < 1
    rounded = sum(name.endswith(" nl") for name in whole)
    assert abs(missing - (whole["asked"] - whole["delivered"])) <= rounded / 2 + 0.01
    assert abs(also_missing - missing) < 0.001
    assert abs(asked_nl - delivered - missing) < 0.001
    reasons = asked(
        address,
        "SELECT why || ' ' || name, round(sum(nl)::numeric, 3), sum(times)::bigint FROM not_given_by_hour GROUP BY 1",
    )
    for why, nl, times in reasons:
        if round(nl):
            assert (round(nl), times) == (whole[f"{why} nl"], whole[f"{why} times"])


def test_an_outage_stands_in_the_hour_in_which_it_was(postgres: Postgres, tmp_path: Path) -> None:
    rows = [
        {"at_ms": 355 * 60_000, "do": "power_cut", "for_ms": 1_200_000},  # from 5:55 to 6:15
        {"at_ms": 450 * 60_000, "do": "set_clock"},
    ]
    store, _device, _report = tiles.run(tmp_path, asked_of.CONSTANT, rows, 8 * asked_of.HOUR_MS)
    address = booked(postgres, "outage", store)
    store.close()
    told = asked(
        address,
        "SELECT hour, sum(for_s), sum(nl) FROM not_given_by_hour WHERE why = 'power' GROUP BY hour ORDER BY hour",
    )
    hours = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (5, 6)]
    assert [hour.astimezone(UTC) for hour, _s, _nl in told] == hours
    (_five, before_s, before_nl), (_six, after_s, after_nl) = told
    assert abs(after_s - 15 * 60) < 1
    assert abs(after_nl - 20_000 * after_s / 3600) < 1
    assert 5 * 60 - 1 < before_s < 15 * 60 + 1  # what flowed since the last record is in none
    assert abs(before_nl - 20_000 * before_s / 3600) < 1
