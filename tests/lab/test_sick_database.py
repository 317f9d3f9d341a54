"""What a sick or restored database does to a lab: it is told, waited for, and filled up; no rig pays for another.

Owns: the promises of database.py and books.py where something else than a record is wrong.
Rules: a real PostgreSQL; virtual time.
Units: seconds.
Leaves: what strangers send to test_hostile.py.
"""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest
from lab.records import DEVICE, chain
from lab.servers import fresh, in_database, until
from pumprig.errors import PumpError
from pumprig.lab import books, database
from pumprig.lab.database import Lab
from pumprig.lab.outbox import ASK_S, Outbox
from pumprig.lab.servers import Postgres
from pumprig.lab.wire import Ack, Batch
from pumpwire import records


def test_a_database_without_rights_or_of_a_newer_form_is_told_of_and_tried_again(postgres: Postgres) -> None:
    address = fresh(postgres, "sick")
    raws = chain({}, {}, {})
    lab = Lab(address)
    assert lab.take("a", DEVICE, Batch(None, raws[:1])) == Ack((1, 1))
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("ALTER DATABASE sick SET default_transaction_read_only = on")
        lab.close()
        with pytest.raises(PumpError, match="read-only"):
            lab.take("a", DEVICE, Batch((1, 1), raws[1:2]))
        db.execute("ALTER DATABASE sick RESET default_transaction_read_only")
        assert lab.take("a", DEVICE, Batch((1, 1), raws[1:2])) == Ack((1, 2))
        db.execute("ALTER TABLE records RENAME TO hidden")
        with pytest.raises(PumpError, match="does not exist"):
            lab.take("a", DEVICE, Batch((1, 2), raws[2:]))
        db.execute("ALTER TABLE hidden RENAME TO records")
        assert lab.take("a", DEVICE, Batch((1, 2), raws[2:])) == Ack((1, 3))
        db.execute("UPDATE pumprig_schema SET version = 99")
        lab.close()
        for _time in range(2):
            with pytest.raises(PumpError, match="form 99"):
                lab.watermark("a", DEVICE)
    lab.close()


def test_a_record_that_fits_no_column_is_kept_apart_alone_and_what_came_before_it_is_stored(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, raws = fresh(postgres, "fits_not"), chain(*[{}] * 9)
    plain = database.row_of

    def odd(site: str, device: str, record: Any, at_us: int) -> Any:
        row = plain(site, device, record, at_us)
        return (*row[:-1], "half a \0 text") if record.number == 6 else row

    monkeypatch.setattr(database, "row_of", odd)
    lab = Lab(address)
    told = lab.take("a", DEVICE, Batch(None, raws))
    lab.close()
    assert told.last == (1, 5)
    assert "fits no column" in told.refused
    assert in_database(address) == [(1, number, raw) for number, raw in enumerate(raws[:5], 1)]
    with psycopg.connect(address) as db:
        assert [bytes(row[0]) for row in db.execute("SELECT raw FROM refused").fetchall()] == [raws[5]]


def test_books_that_cannot_be_made_are_told_and_those_of_the_others_are_made(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, said = fresh(postgres, "books"), list[str]()
    lab = Lab(address)
    for device in ("a", "b", "c"):
        lab.take("bench", device, Batch(None, chain({})))
    plain = books.make

    def sick(of: Lab, device: str) -> None:
        if device == "a":
            raise ZeroDivisionError("nothing that anybody foresaw")
        plain(of, device)

    monkeypatch.setattr(books, "make", sick)
    keeper = books.Keeper(address, said.append)
    keeper.start()
    until(lambda: books.due(lab) == ["a"], "the books of the others")
    keeper.end()
    lab.close()
    assert said == ["books of a cannot be made: ZeroDivisionError: nothing that anybody foresaw"]


def test_a_database_that_was_restored_from_a_backup_gets_what_it_lacks_though_nothing_new_comes(
    postgres: Postgres,
) -> None:
    """Its watermark is behind what the gateway knows; the gateway asks once a minute, and begins again from there."""
    raws = chain(*[{}] * 30)
    rows = [((1, number), raw) for number, raw in enumerate(raws, 1)]
    outbox = Outbox(lambda after, most: rows[after[1] if after else 0 :][:most], random.Random(1), 10)
    old, now_s = Lab(fresh(postgres, "before")), 0.0
    backup = Lab(fresh(postgres, "backup"))
    backup.take("a", DEVICE, Batch(None, raws[:13]))

    def serve(lab: Lab, until_s: float) -> None:
        nonlocal now_s
        while now_s < until_s:
            batch = outbox.next(now_s)
            if batch is not None:
                outbox.heard(lab.take("a", DEVICE, batch), now_s)
            now_s += 0.5

    serve(old, 5)
    assert old.watermark("a", DEVICE).last == (1, 30)
    serve(backup, now_s + ASK_S + 5)
    assert backup.watermark("a", DEVICE).last == (1, 30)
    old.close()
    backup.close()


def test_a_far_forgery_does_not_make_the_database_read_all_that_a_rig_has(postgres: Postgres) -> None:
    """It asks for what a message names, not for all that lies between its first and its last."""
    address, raws = fresh(postgres, "far"), chain(*[{}] * 50)
    lab = Lab(address)
    lab.take("a", DEVICE, Batch(None, raws))
    far = chain({"number": 1}, {"number": 2**32 - 1})
    told = lab.take("b", DEVICE, Batch(None, far))
    assert "other bytes" in told.refused or told.last == (1, 2**32 - 1)
    lab.close()
    held = in_database(address)
    assert held[:50] == [(1, number, raw) for number, raw in enumerate(raws, 1)]
    assert records.unseal(far[1]) == far[1]
