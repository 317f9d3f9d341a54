"""A lab's figures: from a record to its row, catching up after a week, rows a second, fifty rigs on one hub.

Owns: the table of the lab's goals.
Rules: a real mosquitto, a real PostgreSQL, the real programs; COPY alone writes the very same rows into a table of the
same form; a share of a core is the processor time of a process over the time of the clock.
Units: seconds, rows a second, per cent of one core.
Leaves: what is right to tests/lab.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

import growth
import psycopg
import pumprig
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pumprig.lab import database
from pumprig.lab.database import Lab
from pumprig.lab.ingest import TOGETHER
from pumprig.lab.servers import Broker, Postgres, until
from pumprig.lab.wire import BATCH, Batch, Place
from pumprig.rig import simulator
from pumprig.store.record import Record

ROWS = 200_000
TURN = TOGETHER * BATCH  # what the ingester stores at once, where so much waits
EVENTS = 60
RIGS = 50
LOOK_S = 20.0
PARTS = ("latency", "rows", "catch-up", "hub")


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A program of the tool, in a home of its own."""
    environment = {
        **simulator.environment(),
        "PUMPRIG_HOME": str(folder / "home"),
        "PUMPRIG_DB": str(folder / "store.db"),
    }
    with (folder / "said.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", *words], stdout=log, stderr=log, env=environment)


def rig(folder: Path, name: str, seed: int) -> tuple[str, subprocess.Popen[bytes]]:
    """A simulated rig in real time."""
    port = str(folder / name)
    words = ("rigsim", "serve", "--link", port, "--state", str(folder / f"{name}.state"), "--seed", str(seed))
    child = started(folder, *words)
    until(lambda: Path(port).exists(), f"the port of {name}", [(name, child)])
    return port, child


def ended(*children: subprocess.Popen[bytes]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        child.wait()


def number(address: str, query: LiteralString) -> int:
    """What a query gives, 0 before there is a table."""
    with psycopg.connect(address) as db:
        try:
            row = db.execute(query).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    return int(row[0] or 0) if row else 0


def count(address: str) -> int:
    return number(address, "SELECT count(*) FROM records")


def watermark(address: str) -> int:
    """The number of the last record; counting them all would be a load of its own."""
    return number(address, "SELECT last_number FROM sources")


def processor_s(pid: int) -> float:
    """Processor time of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def latency(folder: Path, broker: Broker, postgres: Postgres) -> dict[str, Any]:
    """From the rig's own time of a record to its row, one rig in real time."""
    port, child = rig(folder, "rig", 1)
    os.environ["PUMPRIG_HOME"] = str(folder / "home")
    where = ("--broker", broker.address)
    hub = started(folder, "pumprig", "hub", port)
    until(
        lambda: (folder / "home" / "state" / "hub" / "hub.sock").exists(), "the hub's socket", [("hub", hub)]
    )
    gateway = started(folder, "pumprig", "gateway", port, "--site", "bench", *where)
    ingest = started(folder, "pumprig", "ingest", *where, "--database", postgres.address)
    source, pause = random.Random(1), threading.Event()
    until(
        lambda: count(postgres.address),
        "the first record in the database",
        [("gateway", gateway), ("ingest", ingest)],
    )
    with pumprig.connect(port, database=folder / "store.db") as user:
        user.propose(pumprig.constant("20 ul/h")).commit()
        for _event in range(EVENTS // 2):
            pause.wait(source.uniform(0.3, 1.5))
            user.stop()
            pause.wait(source.uniform(0.3, 1.5))
            user.resume()
        wanted = user.status()
        offset_s = wanted.clock.offset_s or 0.0
        last = int(wanted.log_next or 1) - 1
    until(lambda: count(postgres.address) >= last, f"{last} records in the database", within_s=60)
    with psycopg.connect(postgres.address) as db:
        rows = db.execute(
            "SELECT extract(epoch FROM stored_at - filed_at)::float FROM records WHERE event IN ('stop', 'command')"
        ).fetchall()
        db.execute("DROP TABLE records CASCADE")
    ended(gateway, ingest, hub, child)
    taken = sorted(row[0] + offset_s for row in rows if row[0] < 3600)
    cut = statistics.quantiles(taken, n=100)
    return {
        "records": len(taken),
        "median_s": statistics.median(taken),
        "p99_s": cut[98],
        "worst_s": taken[-1],
    }


def rows_a_second(postgres: Postgres) -> dict[str, Any]:
    """Taken in, every seal and chain checked, against COPY of the rows that were made before. In turns, because the
    machine may have other work: the share is the median of the pairs."""
    raws = list(growth.chain(ROWS))
    address = postgres.address.rsplit("/", 1)[0]
    with psycopg.connect(postgres.address, autocommit=True) as db:
        db.execute("CREATE DATABASE taken")
        db.execute("CREATE DATABASE copied")
    lab, peer = Lab(f"{address}/taken"), Lab(f"{address}/copied")
    lab.watermark("bench", growth.DEVICE)
    with peer.transaction() as db:
        for day in {Record(raw).rig_utc_us // database.DAY_US for raw in raws[::100]}:
            database.make_month(db, database.EPOCH + timedelta(days=day))
    after: Place | None = None
    pairs: list[tuple[float, float]] = []
    for begin in range(0, ROWS, TURN):
        turn = raws[begin : begin + TURN]
        begun_s = time.perf_counter()
        after = lab.take("bench", growth.DEVICE, Batch(after, turn)).last
        taken_s = time.perf_counter() - begun_s
        rows = [made(raw) for raw in turn]
        begun_s = time.perf_counter()
        with peer.transaction() as db:
            database.copy_in(db, "records", rows)
        pairs.append((taken_s, time.perf_counter() - begun_s))
    lab.close()
    peer.close()
    assert count(f"{address}/taken") == count(f"{address}/copied") == ROWS
    taken_s, copied_s = (statistics.median(side) for side in zip(*pairs, strict=True))
    share = statistics.median(copied / taken for taken, copied in pairs)
    return {"rows_a_s": TURN / taken_s, "copy_rows_a_s": TURN / copied_s, "share": share}


def made(raw: bytes) -> tuple[Any, ...]:
    record = Record(raw)
    return database.row_of("bench", growth.DEVICE, record, database.filed_us(record))


def catch_up(folder: Path, broker: Broker, postgres: Postgres, rows: int) -> dict[str, Any]:
    """A store that has not been sent for a week, over the broker, until the last row."""
    address = postgres.address.rsplit("/", 1)[0] + "/caught"
    with psycopg.connect(postgres.address, autocommit=True) as db:
        db.execute("CREATE DATABASE caught")
    begun_s = time.perf_counter()
    ingest = started(folder, "pumprig", "ingest", "--broker", broker.address, "--database", address)
    gateway = started(folder, "pumprig", "gateway", "--site", "week", "--broker", broker.address)
    running = [("ingest", ingest), ("gateway", gateway)]
    until(lambda: watermark(address) >= rows, f"{rows} records in the database", running, 900)
    taken_s = time.perf_counter() - begun_s
    assert count(address) == rows
    figures = {
        "records": rows,
        "took_s": taken_s,
        "gateway_s": processor_s(gateway.pid),
        "ingest_s": processor_s(ingest.pid),
    }
    ended(gateway, ingest)
    return figures


def on_one_hub(folder: Path, broker: Broker, rigs: int) -> dict[str, Any]:
    """So many rigs, read at 1 Hz by a gateway through one hub."""
    found = [rig(folder, f"rig{number}", number + 1) for number in range(rigs)]
    ports = [port for port, _child in found]
    hub = started(folder, "pumprig", "hub", *ports)
    gateway = started(folder, "pumprig", "gateway", *ports, "--site", "many", "--broker", broker.address)
    heard: dict[str, int] = {}
    watcher = Client(CallbackAPIVersion.VERSION2)
    watcher.on_message = lambda _client, _data, told: _note(heard, told)
    watcher.connect("127.0.0.1", broker.port)
    watcher.subscribe("pumprig/many/+/status")
    watcher.loop_start()
    running = [("hub", hub), ("gateway", gateway)]
    until(lambda: len(heard) == rigs, f"a reading of each of {rigs} rigs", running)
    pause = threading.Event()
    pause.wait(LOOK_S)  # every history pulled
    heard.clear()
    at_s, hub_s, gateway_s = time.perf_counter(), processor_s(hub.pid), processor_s(gateway.pid)
    pause.wait(LOOK_S)
    took_s = time.perf_counter() - at_s
    readings = [heard.get(name, 0) / took_s for name in sorted(heard)]
    watcher.loop_stop()
    hub_share = (processor_s(hub.pid) - hub_s) / took_s
    gateway_share = (processor_s(gateway.pid) - gateway_s) / took_s
    ended(gateway, hub, *(child for _port, child in found))
    return {
        "rigs": rigs,
        "hub_share": hub_share,
        "gateway_share": gateway_share,
        "readings_a_s": sum(readings),
        "slowest_a_s": min(readings) if len(readings) == rigs else 0.0,
    }


def _note(heard: dict[str, int], told: Any) -> None:
    if json.loads(told.payload).get("reachable"):
        heard[told.topic] = heard.get(told.topic, 0) + 1


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000, help="of the week without network")
    parser.add_argument("--rigs", type=int, default=RIGS)
    parser.add_argument("--store", type=Path, help="keep the store of that week here, and use it again")
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    asked = parser.parse_args()
    asked.parts = asked.parts or PARTS
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in (*PARTS, "servers"):
            (folder / part).mkdir()
        week = asked.store or folder / "catch-up" / "store.db"
        if "catch-up" in asked.parts and not week.exists():
            growth.fill(week, asked.records)
        if "catch-up" in asked.parts and asked.store:
            (folder / "catch-up" / "store.db").symlink_to(week.resolve())
        broker, postgres = Broker(folder / "servers"), Postgres(folder / "postgres")
        try:
            if "latency" in asked.parts:
                figures["latency"] = latency(folder / "latency", broker, postgres)
            if "rows" in asked.parts:
                figures["rows"] = rows_a_second(postgres)
            if "catch-up" in asked.parts:
                figures["catch_up"] = catch_up(folder / "catch-up", broker, postgres, asked.records)
            if "hub" in asked.parts:
                figures["hub"] = on_one_hub(folder / "hub", broker, asked.rigs)
        finally:
            broker.kill()
            postgres.end()
    show(figures)
    print(json.dumps({"lab": figures}))


def show(figures: dict[str, Any]) -> None:
    if row := figures.get("latency"):
        print(
            f"record on the rig to row, median of {row['records']:3}       {row['median_s']:8.2f} s      (1 or less)"
        )
        print(f"  99 %                                    {row['p99_s']:8.2f} s      (3 or less)")
    if row := figures.get("rows"):
        print(f"rows a second, seals and chains checked   {row['rows_a_s']:8.0f}")
        share = f"({row['share']:.2f} of it; 0.5 or more)"
        print(f"  COPY alone                              {row['copy_rows_a_s']:8.0f}        {share}")
    if row := figures.get("catch_up"):
        print(f"catching up {row['records']} records            {row['took_s']:8.1f} s      (300 or less)")
        print(f"  processor: gateway {row['gateway_s']:.1f} s, ingester {row['ingest_s']:.1f} s")
    if row := figures.get("hub"):
        print(
            f"{row['rigs']} rigs at 1 Hz: the hub                {100 * row['hub_share']:8.1f} %      (30 or less)"
        )
        print(f"  the gateway beside it                   {100 * row['gateway_share']:8.1f} %")
        print(
            f"  readings a second, all and the slowest  {row['readings_a_s']:8.1f}        {row['slowest_a_s']:.2f}"
        )


if __name__ == "__main__":
    main()
