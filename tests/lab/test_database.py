"""What enters the lab's database, what does not, and what its views say of it.

Owns: the promises of database.py, schema.py and books.py.
Rules: a real PostgreSQL; figures are compared with the store's own `log total` of the same records.
Units: steps, nL.
Leaves: the way over the broker to test_lab.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lab.records import AUGUST_US, DEVICE, JULY_US, chain, resealed
from lab.servers import fresh, held_by, in_database, until
from pumprig.lab import books, schema
from pumprig.lab.database import EPOCH, Lab, copy_in, make_month, row_of
from pumprig.lab.sender import documents_of
from pumprig.lab.servers import Postgres
from pumprig.lab.wire import Ack, Batch
from pumprig.store import Store, totals
from pumprig.store.given import delivery_of
from pumprig.store.record import Record
from pumpwire import records, spec


def asked(address: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as db:
        return db.execute(query.encode()).fetchall()


def test_the_sums_of_the_views_are_those_of_log_total(postgres: Postgres, store: Path) -> None:
    address = fresh(postgres, "sums")
    device, rows = held_by(store)
    bench = Store(store, archive=True)
    total = totals.total(bench, device, None, None)
    given = delivery_of(bench, total)
    known = documents_of(bench, device)
    bench.close()
    assert len({row["why"] for row in given.not_given}) >= 4  # else this shows little
    lab = Lab(address)
    for begin in range(0, len(rows), 70):
        after = rows[begin - 1][:2] if begin else None
        raws = [raw for _boot, _number, raw in rows[begin : begin + 70]]
        ack = lab.take("bench", device, Batch(after, raws, known))
    assert ack == Ack(rows[-1][:2], "", known.digest)
    assert books.due(lab) == [device]
    books.make(lab, device)
    assert books.due(lab) == []
    lab.close()
    steps = dict(asked(address, "SELECT kind, sum(steps)::bigint FROM delivered_by_hour GROUP BY kind"))
    assert {kind: steps.get(kind, 0) for kind in spec.KINDS} == total.by_kind_steps
    assert asked(address, "SELECT steps, delivered_nl, not_given_nl, asked_nl, booked FROM totals") == [
        (total.steps, given.delivered_nl, given.asked_nl - given.delivered_nl, given.asked_nl, True)
    ]
    reasons = asked(
        address,
        "SELECT why, name, round(sum(nl))::bigint, round(sum(for_s)::numeric, 1)::float, sum(times)::bigint"
        " FROM not_given_by_hour GROUP BY why, name HAVING round(sum(nl)) > 0",
    )
    assert sorted(reasons) == sorted(
        (row["why"], row.get("name", row.get("because", "")), row["nl"], row["for_s"], row["times"])
        for row in given.not_given
    )
    by_hour = asked(
        address, "SELECT sum(asked_nl) - sum(delivered_nl) - sum(not_given_nl) FROM asked_by_hour"
    )
    assert by_hour[0][0] == 0
    stopped = asked(
        address,
        "SELECT hour, for_s FROM not_given_by_hour WHERE why = 'stopped' AND kind = 'basal' ORDER BY hour",
    )
    assert len(stopped) == 4  # from 05:33 to 08:03
    assert [round(seconds) for _hour, seconds in stopped[1:3]] == [3600, 3600]


def test_a_forged_a_damaged_and_a_missing_record_never_enter(postgres: Postgres, store: Path) -> None:
    address = fresh(postgres, "forged")
    device, rows = held_by(store)
    raws = [raw for _boot, _number, raw in rows]
    lab = Lab(address)
    assert lab.take("forged", device, Batch(None, raws[:5])).last == rows[4][:2]
    damaged = raws[5][:-1] + bytes([raws[5][-1] ^ 1])
    for _time in range(3):
        told = lab.take("forged", device, Batch(rows[4][:2], [damaged]))
        assert told.last == rows[4][:2]
        assert "seal" in told.refused
    assert lab.take("forged", device, Batch(rows[5][:2], raws[6:8])) == Ack(rows[4][:2])
    other = resealed(raws[5], raws[3])
    assert "chain" in lab.take("forged", device, Batch(rows[4][:2], [other])).refused
    assert lab.take("forged", device, Batch(None, raws[:9])) == Ack(rows[8][:2])
    changed = resealed(raws[2], raws[1])
    assert "other bytes" in lab.take("forged", device, Batch(rows[8][:2], [changed])).refused
    assert "other bytes" in lab.take("forged", device, Batch(rows[1][:2], [changed])).refused
    half = lab.take("forged", device, Batch(rows[8][:2], [raws[9], resealed(raws[10], raws[3])]))
    assert half.last == rows[9][:2]  # what came before the forgery is in
    assert "chain" in half.refused
    lab.close()
    assert in_database(address) == rows[:10]
    assert sorted(asked(address, "SELECT times FROM refused")) == [(1,), (1,), (2,), (3,)]


@pytest.mark.parametrize(
    "fact",
    [
        {"utc_us": 2**64 - 1},
        {"mono_us": 2**64 - 1},
        {"text": b"moved_us=99999999999999999999", "event": records.EVENTS.index("clock")},
        {"text": b"num=99999999999999999999999 den=1 u_ppm=1", "event": records.EVENTS.index("calibration")},
        {"text": b"a\0b"},
        {"text": b"\xff\xfe"},
        {"calibration_id": 2**32 - 1},
    ],
    ids=lambda fact: "-".join(fact),
)
def test_a_sealed_record_that_no_rig_would_write_is_taken_or_refused_and_stops_nothing(
    postgres: Postgres, fact: dict[str, Any]
) -> None:
    address = fresh(postgres, f"odd_{abs(hash(str(fact))):x}")
    raws = chain({}, fact, {})
    lab = Lab(address)
    told = lab.take("odd", DEVICE, Batch(None, raws))
    books.make(lab, DEVICE)
    assert lab.take("odd", "another", Batch(None, chain({}))) == Ack((1, 1))
    lab.close()
    stored = [raw for _boot, _number, raw in in_database(address, DEVICE)]
    if told.refused:
        assert stored == raws[:1]
        assert len(asked(address, "SELECT * FROM refused")) == 1
    else:
        assert stored == raws


def test_records_lie_by_the_month_of_the_rig_s_clock(postgres: Postgres) -> None:
    address = fresh(postgres, "months")
    raws = chain(
        {"utc_us": JULY_US}, {"utc_us": AUGUST_US}, {"utc_us": 0}, {"utc_us": AUGUST_US}, {"utc_us": 2**63}
    )
    lab = Lab(address)
    assert lab.take("a", DEVICE, Batch(None, raws)) == Ack((1, 5))
    lab.close()
    found = asked(address, "SELECT tableoid::regclass::text, number FROM records ORDER BY number")
    places = ["records_2026_07", "records_2026_08", "records_rest", "records_2026_08", "records_rest"]
    assert found == list(zip(places, range(1, 6), strict=True))


def test_a_rig_that_moves_to_another_bench_has_each_record_once(postgres: Postgres, store: Path) -> None:
    """Its new bench pulls what the rig still has of its history, and goes on from there."""
    address = fresh(postgres, "moved")
    device, rows = held_by(store)
    raws = [raw for _boot, _number, raw in rows]
    lab = Lab(address)
    assert lab.take("one", device, Batch(None, raws[:40])) == Ack(rows[39][:2])
    assert lab.take("two", device, Batch(None, raws[20:60])) == Ack(rows[59][:2])
    assert "other bytes" in lab.take("three", device, Batch(None, [resealed(raws[30], raws[2])])).refused
    assert lab.watermark("one", device).last == rows[39][:2]
    lab.close()
    assert in_database(address) == rows[:60]


def test_a_writer_beside_the_ingesters_makes_no_record_twice_and_none_lost(postgres: Postgres) -> None:
    """It holds one record of the message, without the lock that the ingesters take, until the copy waits for it."""
    address, raws = fresh(postgres, "beside"), chain(*[{}] * 5)
    lab = Lab(address)
    lab.watermark("bench", DEVICE)
    with lab.transaction() as db:
        make_month(db, EPOCH + timedelta(microseconds=JULY_US))
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY records%'"
    )
    with psycopg.connect(address) as other, ThreadPoolExecutor() as pool:
        copy_in(other, "records", [row_of("bench", DEVICE, Record(raws[2]), JULY_US)])
        taken = pool.submit(lab.take, "bench", DEVICE, Batch(None, raws))
        until(lambda: asked(address, waiting) == [(1,)], "the copy that waits")
        other.commit()
        assert taken.result() == Ack((1, 5))
    lab.close()
    assert in_database(address) == [(1, number, raw) for number, raw in enumerate(raws, 1)]
    assert asked(address, "SELECT count(*) FROM refused") == [(0,)]


def test_a_database_of_the_first_form_becomes_the_present_one(postgres: Postgres) -> None:
    address = fresh(postgres, "older")
    raws = chain({}, {"utc_us": AUGUST_US}, {})
    with psycopg.connect(address, autocommit=True) as db:
        db.execute(schema.FIRST.encode())
        db.execute("CREATE TABLE pumprig_schema (version integer NOT NULL)")
        db.execute("INSERT INTO pumprig_schema VALUES (1)")
        kinds = ", ".join(schema.KIND_COLUMNS)
        for number, raw in enumerate(raws[:2], 1):
            at = "to_timestamp(%s)" % ((JULY_US, AUGUST_US)[number - 1] / 1e6)
            db.execute(
                f"INSERT INTO records (site, device, boot, number, raw, event, mono_us, at, calibration_id, {kinds},"
                " text)"
                f" VALUES ('a', '{DEVICE}', 1, {number}, %s, 'checkpoint', 1, {at}, 1,"
                f" {', '.join(['0'] * len(schema.KIND_COLUMNS))}, '')".encode(),
                (raw,),
            )
        link = records.link(raws[1])
        db.execute(f"INSERT INTO devices VALUES ('a', '{DEVICE}', 1, 2, %s)".encode(), (link,))
    lab = Lab(address)
    assert lab.take("a", DEVICE, Batch((1, 2), raws[2:])) == Ack((1, 3))
    lab.close()
    assert [raw for _boot, _number, raw in in_database(address)] == raws


def test_what_is_not_known_is_said_and_never_filled_in(postgres: Postgres, store: Path) -> None:
    address = fresh(postgres, "unknown")
    device, rows = held_by(store)
    lab = Lab(address)
    lab.take("bare", device, Batch(None, [raw for _boot, _number, raw in rows]))
    books.make(lab, device)
    assert asked(address, "SELECT asked_nl FROM totals") == [(None,)]
    bench = Store(store, archive=True)
    lab.take("bare", device, Batch(rows[-1][:2], [], documents_of(bench, device)))
    bench.close()
    assert books.due(lab) == [device]
    books.make(lab, device)
    lab.close()
    assert asked(address, "SELECT asked_nl > delivered_nl FROM totals") == [(True,)]
