"""Store -> broker -> database: in the end the database holds each store's records, byte for byte, whatever was killed.

Owns: the promises of gateway and ingest.
Rules: a real mosquitto, a real PostgreSQL, a real store made by rehearsals, the real programs; every wait has a
limit, says what was not seen, and ends at once when a program has ended.
Units: records.
Leaves: what a record says to tests/unit/store.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lab.servers import Running, broker, ended, postgres, program, until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pumprig import rehearsal
from pumprig.lab.database import Lab
from pumprig.lab.outbox import MOST_S, WINDOW, Outbox
from pumprig.lab.servers import Postgres
from pumprig.lab.wire import Ack, Batch, WireError, parts_of, topic
from pumprig.rig import simulator
from pumprig.therapy.program import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Rows = list[tuple[int, int, bytes]]


@pytest.fixture(scope="module", name="postgres")
def a_postgres() -> Generator[Postgres]:
    server = postgres()
    yield server
    server.end()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of two days of a busy program with a power cut."""
    folder = tmp_path_factory.mktemp("store")
    program = load(EXAMPLES / "night-step.toml", rehearsal.START_UTC_US)
    asked = rehearsal.request(
        program, 2 * 86_400_000, seed=5, events=[{"at_ms": 40_000_000, "do": "power_cut", "for_ms": 60_000}]
    )
    asked["records"] = str(folder / "records.txt")
    rehearsal.keep(folder / "store.db", asked, rehearsal.run(asked))
    return folder / "store.db"


def held_by(store: Path) -> tuple[str, Rows]:
    with sqlite3.connect(store) as db:
        rows = db.execute("SELECT boot, number, raw FROM records ORDER BY rowid").fetchall()
        device = db.execute("SELECT DISTINCT device_id FROM records").fetchone()[0]
    return str(device), [(boot, number, bytes(raw)) for boot, number, raw in rows]


def in_database(postgres: Postgres, site: str) -> Rows:
    with psycopg.connect(postgres.address) as db:
        try:
            rows = db.execute(
                "SELECT boot, number, raw FROM records WHERE site = %s ORDER BY place", (site,)
            ).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
    return [(boot, number, bytes(raw)) for boot, number, raw in rows]


def test_whatever_is_killed_the_database_holds_the_store_byte_for_byte(
    tmp_path: Path, postgres: Postgres, store: Path
) -> None:
    server = broker(tmp_path)
    _device, rows = held_by(store)
    assert len(rows) > 300
    source = random.Random(7)

    def gateway() -> subprocess.Popen[bytes]:
        return program("gateway", "--site", "killed", "--broker", server.address, PUMPRIG_DB=str(store))

    def ingester() -> subprocess.Popen[bytes]:
        return program("ingest", "--broker", server.address, "--database", postgres.address)

    running: Running = {"gateway": gateway(), "ingest": ingester()}
    aims = sorted(source.sample(range(1, len(rows) - 50), 4))
    victims = ["broker", "postgres", "gateway", "ingest"]
    source.shuffle(victims)
    for victim, aim in zip(victims, aims, strict=True):
        holds(postgres, aim, running)
        if victim == "broker":
            server.kill()
            server.start()
        elif victim == "postgres":
            postgres.kill()
            postgres.start()
        else:
            running[victim].kill()
            running[victim].wait()
            running[victim] = gateway() if victim == "gateway" else ingester()
    holds(postgres, len(rows), running)
    ended(*running.values())
    server.kill()
    assert in_database(postgres, "killed") == rows


def holds(postgres: Postgres, count: int, running: Running) -> None:
    """Wait until the database has so many records."""
    until(
        lambda: len(in_database(postgres, "killed")) >= count,
        f"{count} records in the database",
        running.items(),
    )


def test_the_sums_of_the_views_are_the_store_s_counted_steps(postgres: Postgres, store: Path) -> None:
    device, rows = held_by(store)
    lab = Lab(postgres.address)
    assert lab.take("sums", device, Batch(None, [raw for _boot, _number, raw in rows])) == Ack(rows[-1][:2])
    lab.close()
    with sqlite3.connect(store) as db:
        steps = db.execute("SELECT net_steps FROM records ORDER BY rowid DESC LIMIT 1").fetchone()[0]
    with psycopg.connect(postgres.address) as db:
        row = db.execute("SELECT sum(steps) FROM delivered_by_hour WHERE site = 'sums'").fetchone()
    assert row is not None
    assert row[0] == steps


def test_a_forged_a_damaged_and_a_missing_record_never_enter(postgres: Postgres, store: Path) -> None:
    device, rows = held_by(store)
    raws = [raw for _boot, _number, raw in rows]
    lab = Lab(postgres.address)
    assert lab.take("forged", device, Batch(None, raws[:5])).last == rows[4][:2]
    damaged = raws[5][:-1] + bytes([raws[5][-1] ^ 1])
    told = lab.take("forged", device, Batch(rows[4][:2], [damaged]))
    assert told.last == rows[4][:2]
    assert "seal" in told.refused
    assert lab.take("forged", device, Batch(rows[5][:2], raws[6:8])) == Ack(rows[4][:2])
    other = resealed(raws[5], raws[3])
    assert "chain" in lab.take("forged", device, Batch(rows[4][:2], [other])).refused
    assert lab.take("forged", device, Batch(None, raws[:9])) == Ack(rows[8][:2])
    changed = resealed(raws[2], raws[1])
    assert lab.take("forged", device, Batch(rows[8][:2], [changed])).refused
    lab.close()
    assert in_database(postgres, "forged") == rows[:9]
    with psycopg.connect(postgres.address) as db:
        row = db.execute("SELECT count(*) FROM refused WHERE site = 'forged'").fetchone()
    assert row is not None
    assert row[0] == 3


def resealed(raw: bytes, before: bytes) -> bytes:
    """A record with another predecessor, under a right CRC: made by somebody who knows the form."""
    from pumpwire import records

    header, state, text = records.unpack(raw)
    header["chain"] = records.link(before)
    state["demands"] = state["demands"] ^ 1
    return bytes(records.pack(header, state, text.encode()))


def test_a_command_topic_takes_stop_alone_and_a_late_will_does_not_stand(
    tmp_path: Path, postgres: Postgres
) -> None:
    server = broker(tmp_path)
    state = tmp_path / "sim"
    words = [sys.executable, "-m", "rigsim", "serve", "--link", str(tmp_path / "rig"), "--state", str(state)]
    rig = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=simulator.environment())
    assert rig.stdout is not None
    port = rig.stdout.readline().split()[1]
    database = {"PUMPRIG_DB": str(tmp_path / "store.db"), "PUMPRIG_HOME": str(tmp_path / "home")}
    set_up = program("-p", port, "rate", "2 ml/day", "--yes", "-q", **database)
    assert set_up.wait(300) == 0
    heard: dict[str, list[Any]] = {}

    def note(_client: Any, _data: Any, message: Any) -> None:
        name = message.topic.split("/", 3)[3]
        if name != "command":
            heard.setdefault(name, []).append(json.loads(message.payload))

    watcher = Client(CallbackAPIVersion.VERSION2)
    watcher.on_message = note
    watcher.connect("127.0.0.1", server.port)
    watcher.subscribe("pumprig/bench/#", qos=1)
    watcher.loop_start()
    sender = program("gateway", port, "--site", "bench", "--broker", server.address, **database)

    def hear(name: str, wanted: Any) -> None:
        until(
            lambda: any(wanted(told) for told in list(heard.get(name, []))),
            f"such a message at {name}, after {heard.get(name)}",
            [("gateway", sender)],
        )

    hear("birth", lambda told: told["online"])
    hear("status", lambda told: told.get("state") == "running")
    device = heard["status"][0]["device_id"]
    watcher.publish(topic("bench", device, "command"), "resume", qos=1)
    hear("command/answer", lambda told: told["done"] is False)
    watcher.publish(
        topic("bench", device, "birth"), json.dumps({"session": 1, "online": False}), qos=1, retain=True
    )
    hear("birth", lambda told: told["session"] == 1)
    hear("birth", lambda told: heard["birth"][-1]["online"])  # a birth stands again, perhaps already
    watcher.publish(topic("bench", device, "command"), "stop", qos=1)
    hear("command/answer", lambda told: told["done"] and told["delivered_steps"] >= 0)
    hear("status", lambda told: told.get("state") == "stopped")
    watcher.loop_stop()
    ended(sender)
    rig.terminate()
    rig.wait()
    server.kill()


def test_an_outbox_sends_everything_in_order_though_acknowledgements_and_messages_are_lost() -> None:
    rows = [((1, number), b"%d" % number) for number in range(1, 2_500)]

    def read(after: Any, most: int) -> Any:
        start = 0 if after is None else after[1]
        return rows[start : start + most]

    for seed in range(20):
        source = random.Random(seed)
        outbox = Outbox(read, source)
        database: list[bytes] = []
        now = 0.0
        for _turn in range(20_000):
            batch = outbox.next(now)
            if batch is None:
                now += 0.5
            elif source.random() < 0.8:  # else the broker loses it
                held = (1, len(database)) if database else None
                if batch.after == held:
                    database += batch.raws
                if source.random() < 0.8:  # else the acknowledgement is lost
                    outbox.heard(Ack((1, len(database)) if database else None), now)
            if source.random() < 0.01:
                outbox.lost()
            assert len(outbox.flying) <= WINDOW
            assert outbox.again_at_s - now <= MOST_S
            if len(database) == len(rows):
                break
        assert database == [raw for _place, raw in rows]


@pytest.mark.parametrize("name", ["a/b", "+", "#", "", "../x", "a" * 65, "a b"])
def test_a_name_that_would_reach_into_another_topic_is_refused(name: str) -> None:
    if name != "+":
        with pytest.raises(WireError):
            topic("site", name, "status")
    with pytest.raises(WireError):
        parts_of(f"pumprig/site/{name}/status")


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"after": 3, "records": []}', b'{"after": null, "records": ["%"]}']
)
def test_what_is_no_message_is_refused_by_name(payload: bytes) -> None:
    with pytest.raises(WireError):
        Batch.decode(payload)
