"""A lab that is not as the maker's: a broker of small messages, a database without an encoding, a clock that is set,
a full disk at the bench, a store into which others pull.

Owns: the promise that the database holds each store all the same, and that what cannot be is told once.
Rules: a real mosquitto, a real PostgreSQL, the real programs.
Units: none.
Leaves: strangers to test_hostile.py, what is killed to test_lab.py.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from lab.records import DEVICE, chain
from lab.servers import Running, broker, ended, fresh, held_by, in_database, program, until
from lab.test_hostile import hurried
from pumprig import UsageError, cli
from pumprig.errors import LinkError, PumpError, StoreError
from pumprig.lab import alerts, books, rules
from pumprig.lab.gateway import Port, close_all
from pumprig.lab.mqtt import Link, Once
from pumprig.lab.outbox import ASK_S, Outbox
from pumprig.lab.servers import Broker, Postgres
from pumprig.lab.wire import Ack, Place, birth
from pumprig.store import Store, ledger


def the_lab(address: str, server: Broker, store: Path) -> Running:
    return {
        "ingest": program("ingest", "--broker", server.address, "--database", address),
        "gateway": program("gateway", "--site", "bench", "--broker", server.address, PUMPRIG_DB=str(store)),
    }


def test_a_broker_that_takes_small_messages_gets_small_ones(
    postgres: Postgres, store: Path, tmp_path: Path
) -> None:
    """It says so when a gateway connects; each message was too large for it, for ever."""
    address = fresh(postgres, "small")
    small = broker(tmp_path, lines=["allow_anonymous true", "max_packet_size 20000"])
    device, rows = held_by(store)
    running = the_lab(address, small, store)
    try:
        until(lambda: in_database(address, device) == rows, "every record in the database", running.items())
        until(
            lambda: is_booked(address), "the books, for which the programs have to be there", running.items()
        )
    finally:
        ended(*running.values())
        small.kill()


def test_a_broker_that_does_not_say_how_little_it_takes_is_told_of_with_the_way_out(
    postgres: Postgres, store: Path, tmp_path: Path
) -> None:
    address = fresh(postgres, "silent")
    silent = broker(tmp_path, lines=["allow_anonymous true", "message_size_limit 10000"])
    device, rows = held_by(store)
    running = the_lab(address, silent, store)
    said: list[str] = []
    link = Link(silent.address, "pumprig-bench-1", None, said.append)
    link.when_connected(lambda client: client.publish("records", bytes(link.largest_bytes), qos=1))
    link.largest_bytes = 20_000
    waits = hurried(link)
    try:
        link.start()
        until(lambda: len(said) == 1, "what the user is told", running.items())
        assert "takes no message of 20000 bytes (--batch makes them smaller)" in said[0]
        ended(running.pop("gateway"))
        words = ("gateway", "--site", "bench", "--broker", silent.address, "--batch", 10)
        running["gateway"] = program(*words, PUMPRIG_DB=str(store))
        until(lambda: in_database(address, device) == rows, "every record in the database", running.items())
        assert len(waits) >= 2
    finally:
        link.end()
        ended(*running.values())
        silent.kill()


def is_booked(address: str) -> bool:
    with psycopg.connect(address) as db:
        found = db.execute("SELECT booked, asked_nl FROM totals").fetchall()
    return bool(found) and all(row[0] and row[1] is not None for row in found)


def test_a_database_without_an_encoding_is_booked_too(
    postgres: Postgres, server: Broker, store: Path
) -> None:
    """As Debian makes it where no locale is set."""
    with psycopg.connect(postgres.address, autocommit=True) as db:
        db.execute(
            "CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    address = postgres.address.rsplit("/", 1)[0] + "/plain"
    running = the_lab(address, server, store)
    until(lambda: bool(in_database(address)), "records in the database", running.items())
    until(lambda: is_booked(address), "the books", running.items())
    ended(*running.values())


def test_a_new_database_in_which_not_every_name_can_be_written_is_refused_with_the_way_out(
    postgres: Postgres,
) -> None:
    from pumprig.lab.database import Lab

    with psycopg.connect(postgres.address, autocommit=True) as db:
        db.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    lab = Lab(postgres.address.rsplit("/", 1)[0] + "/latin")
    with pytest.raises(PumpError, match=r"LATIN1.*ENCODING 'UTF8'"):
        lab.watermark("bench", DEVICE)


def test_records_that_others_bring_into_the_store_are_sent_too(
    postgres: Postgres, server: Broker, store: Path, tmp_path: Path
) -> None:
    """A rig that is none of the gateway's ports, whose log somebody pulls: it was sent after the next start alone."""
    address = fresh(postgres, "others")
    mine = tmp_path / "store.db"
    shutil.copy(store, mine)
    device, rows = held_by(mine)
    running = the_lab(address, server, mine)
    until(lambda: in_database(address, device) == rows, "the first rig", running.items())
    other = Store(mine)
    other.note_device(DEVICE, "0.1.0", 2)
    raws = chain({}, {}, {})
    ledger.add(other, DEVICE, raws)
    other.close()
    until(lambda: [row[2] for row in in_database(address, DEVICE)] == raws, "the other", running.items())
    ended(*running.values())


def test_a_gateway_of_an_empty_store_waits_for_its_first_rig(
    postgres: Postgres, server: Broker, tmp_path: Path
) -> None:
    address = fresh(postgres, "empty")
    mine = tmp_path / "store.db"
    Store(mine).close()
    running = the_lab(address, server, mine)
    other = Store(mine)
    other.note_device(DEVICE, "0.1.0", 2)
    ledger.add(other, DEVICE, chain({}, {}))
    other.close()
    until(lambda: len(in_database(address, DEVICE)) == 2, "the first rig's records", running.items())
    ended(*running.values())


def test_a_watermark_that_the_store_does_not_know_is_asked_for_again() -> None:
    """A forged answer, or one of before a restore, had ended a rig's sending until the next start."""
    rows: list[tuple[Place, bytes]] = [((1, number), b"") for number in range(1, 6)]

    def read(after: Place | None, most: int) -> list[tuple[Place, bytes]]:
        if after is not None and after not in dict(rows):
            raise UsageError("not in this store")
        return [row for row in rows if after is None or row[0] > after][:most]

    box = Outbox(read, random.Random(1))
    box.heard(Ack((1, 2)), 0.0)
    box.heard(Ack((1, 999)), 1.0)
    with pytest.raises(UsageError):
        box.next(2.0)
    asked = box.next(1.0 + ASK_S)
    assert asked is not None
    assert asked.raws == []
    box.heard(Ack((1, 2)), 1.1 + ASK_S)
    sent = box.next(1.2 + ASK_S)
    assert sent is not None
    assert len(sent.raws) == 3


def port(pull: Callable[[], None], log: list[dict[str, Any]], said: list[str]) -> Port:
    """A gateway's port with a rig that answers, and a pull as told."""
    sender = SimpleNamespace(device="x", show=log.append, alarm=lambda _alarms: None)
    made = Port(SimpleNamespace(say=said.append), "a port", Event())  # type: ignore[arg-type]
    made._sender = sender  # type: ignore[assignment]
    made.rig = SimpleNamespace(pull=pull)  # type: ignore[attr-defined]
    return made


def test_a_full_disk_at_the_bench_is_told_once_and_makes_no_rig_unreachable() -> None:
    """It was told each second, and the rig was shown as reachable and not in turn."""
    shown: list[dict[str, Any]] = []
    said: list[str] = []
    trouble: list[PumpError] = [StoreError("The store cannot be written: the disk is full.")]

    def pull() -> None:
        if trouble:
            raise trouble[0]

    of = port(pull, shown, said)

    def looks(count: int) -> None:
        for number in range(count):
            of._tell(of.rig, {"alarms": [], "log_next": len(shown) + number})  # type: ignore[attr-defined]

    looks(5)
    assert [row["reachable"] for row in shown] == [True] * 5
    assert len(said) == 1
    assert "disk is full" in said[0]
    trouble.clear()
    looks(1)
    trouble.append(StoreError("The store cannot be written: the disk is full."))
    looks(3)
    assert len(said) == 2  # it was well in between
    trouble[:] = [LinkError("The cable is out.")]
    looks(1)
    assert shown[-1]["reachable"] is False
    assert len(said) == 3


SINCE = 1_800_000_000.0


@pytest.mark.parametrize("by_s", [7200.0, -7200.0, 86_400.0 * 365, -86_400.0 * 365])
def test_a_clock_that_is_set_makes_no_rig_silent_and_no_alarm_late_or_early(
    tmp_path: Path, by_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead, and every rig was `unreachable`; an hour back, and nobody was told for an hour."""
    at = SimpleNamespace(steady=500.0, ahead=SINCE)
    monkeypatch.setattr(alerts, "steady_s", lambda: at.steady)
    monkeypatch.setattr(alerts.time, "time", lambda: at.steady + at.ahead)
    file = tmp_path / "rules.toml"
    text = (
        '[[rule]]\nalarms = ["stall"]\nafter = "2 min"\nrepeat = "5 min"\nwebhook = ["http://127.0.0.1:9/"]\n'
    )
    file.write_text(text + '[[rule]]\nalarms = ["unreachable"]\nwebhook = ["http://127.0.0.1:9/"]\n', "utf-8")
    service = alerts.Alerts("mqtt://127.0.0.1:1", rules.load(file), tmp_path / "state.json", print)
    service._settled_s = 0.0
    hear: Callable[[str, bytes], None] = lambda name, told: service._message(  # noqa: E731
        SimpleNamespace(ack=lambda *_what: None),
        None,
        SimpleNamespace(topic=f"pumprig/bench/rig/{name}", payload=told, mid=1, qos=1),
    )
    hear("birth", birth(1, True, commands=["stop"]))
    hear("alarm", b'[{"name": "stall", "priority": "high", "acknowledged": false}]')
    told: list[tuple[float, str]] = []
    for _second in range(500):
        hear("status", b'{"reachable": true}')
        if at.steady == 560.0:
            at.ahead += by_s
        for notice in service._due(alerts.time.time(), alerts.steady_s()):
            told.append((at.steady - 500.0, notice.alert.name))
            service._desk.done(notice, alerts.time.time(), True)
        at.steady += 1.0
    assert told == [(120.0, "stall"), (420.0, "stall")]


def test_a_store_whose_disk_is_full_is_a_store_error(tmp_path: Path) -> None:
    """SQLite's own limit stands for the disk's."""
    made = Store(tmp_path / "store.db")
    made.note_device(DEVICE, "0.1.0", 2)
    pages = made.db.execute("PRAGMA page_count").fetchone()[0]
    made.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        ledger.add(made, DEVICE, chain(*[{}] * 500))
    made.close()
    with sqlite3.connect(tmp_path / "store.db") as db:
        assert db.execute("SELECT count(*) FROM records").fetchone()[0] == 0


def test_a_gateway_of_a_hundred_rigs_ends_as_soon_as_one_of_one() -> None:
    """One after the other, each with its farewell, took longer than systemd waits."""
    together = Barrier(100, timeout=60)
    close_all([SimpleNamespace(close=together.wait) for _rig in range(100)])  # type: ignore[misc]
    close_all([])
    assert together.n_waiting == 0
    assert not together.broken


@pytest.mark.parametrize(
    "words",
    [
        ("gateway", "--site", "b", "--broker", "http://broker.lab"),
        ("gateway", "--site", "b", "--ca", "lab-ca.pem"),
        ("ingest", "--database", "no address"),
        ("ingest", "--database", "postgresql://lab@db.lab/x?nothing=1"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_begins(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bench without a rig waited for a broker that no address names, and an ingester for its database."""
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    monkeypatch.delenv("PUMPRIG_DB", raising=False)
    assert cli.run(list(words)) == 2


def test_books_tell_once_that_the_database_is_away_and_that_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was told every two seconds."""
    said: list[str] = []
    answers = iter([PumpError("It is away.")] * 3 + [None] * 2 + [PumpError("It is away.")] * 2)
    keeper = books.Keeper("postgresql://lab@127.0.0.1:1/x", said.append)

    def due(_lab: object) -> list[str]:
        told = next(answers, StopIteration())
        if isinstance(told, StopIteration):
            keeper._ended.set()
        elif told is not None:
            raise told
        return []

    monkeypatch.setattr(books, "due", due)
    monkeypatch.setattr(books, "PAUSE_S", 0.0)
    monkeypatch.setattr(books, "SHARE", 0)
    keeper._run()
    assert said[:3] == ["books: It is away.", "books: the database can be used again", "books: It is away."]
    assert len(said) == 4  # the last round is well again


def test_what_a_hundred_connections_say_of_one_broker_is_said_once() -> None:
    """Each of them told that the broker was away."""
    said: list[str] = []
    at = SimpleNamespace(now_s=0.0)
    once = Once(said.append, lambda: at.now_s)
    for rig in range(100):
        once("The broker is away.")
        once(f"{rig}: the database refuses.")
    assert said.count("The broker is away.") == 1
    assert len(said) == 101
    at.now_s = 61.0
    once("The broker is away.")
    assert said.count("The broker is away.") == 2
