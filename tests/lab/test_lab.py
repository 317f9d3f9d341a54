"""Store -> broker -> database: in the end the database holds each store's records, byte for byte, whatever was killed.

Owns: the promises of gateway and ingest.
Rules: a real mosquitto, a real PostgreSQL, a real store made by rehearsals, the real programs; every wait has a
limit, says what was not seen, and ends at once when a program has ended.
Units: records.
Leaves: what a record says to tests/unit/store, what the database takes in to test_database.py.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.servers import Running, ended, fresh, held_by, in_database, program, until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pumprig.lab.servers import Broker, Postgres
from pumprig.lab.wire import topic
from pumprig.rig import simulator


def test_whatever_is_killed_the_database_holds_the_store_byte_for_byte(
    server: Broker, postgres: Postgres, store: Path
) -> None:
    rows = held_by(store)[1]
    assert len(rows) > 300
    source = random.Random(7)
    address = fresh(postgres, "killed")

    def gateway() -> subprocess.Popen[bytes]:
        return program(
            "gateway", "--site", "killed", "--batch", 40, "--broker", server.address, PUMPRIG_DB=str(store)
        )

    def ingester() -> subprocess.Popen[bytes]:
        return program("ingest", "--broker", server.address, "--database", address)

    running: Running = {"gateway": gateway(), "ingest": ingester()}
    aims = sorted(source.sample(range(1, len(rows) - 50), 4))
    victims = ["broker", "postgres", "gateway", "ingest"]
    source.shuffle(victims)
    for victim, aim in zip(victims, aims, strict=True):
        holds(address, aim, running)
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
    holds(address, len(rows), running)
    ended(*running.values())
    assert in_database(address) == rows


def holds(address: str, count: int, running: Running) -> None:
    """Wait until the database has so many records."""
    until(lambda: len(in_database(address)) >= count, f"{count} records in the database", running.items())


def test_a_command_topic_takes_stop_alone_and_a_late_will_does_not_stand(
    tmp_path: Path, server: Broker
) -> None:
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


def test_a_hub_runs_the_gateway_of_its_rigs_and_takes_it_along(tmp_path: Path, server: Broker) -> None:
    """One service for a bench: the gateway comes again when it was killed, and goes when the hub goes."""
    port = tmp_path / "rig"
    words = [sys.executable, "-m", "rigsim", "serve", "--link", str(port), "--state", str(tmp_path / "sim")]
    rig = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=simulator.environment())
    assert rig.stdout is not None
    assert rig.stdout.readline().startswith("ready")
    home = {"PUMPRIG_DB": str(tmp_path / "store.db"), "PUMPRIG_HOME": str(tmp_path / "home")}
    births: list[dict[str, Any]] = []
    watcher = Client(CallbackAPIVersion.VERSION2)
    watcher.on_message = lambda _client, _data, message: births.append(json.loads(message.payload))
    watcher.connect("127.0.0.1", server.port)
    watcher.subscribe("pumprig/bench/+/birth", qos=1)
    watcher.loop_start()
    hub = program("hub", port, "--site", "bench", "--broker", server.address, **home)
    running = [("hub", hub)]

    def born(least: int) -> bool:
        return bool(births) and births[-1]["session"] > least and births[-1]["commands"] == ["stop"]

    until(lambda: born(0), "the rig's birth", running)
    first = births[-1]["session"]
    gateway = next(
        pid for pid in children_of(hub.pid) if b"gateway" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    assert server.address.encode() not in Path(f"/proc/{gateway}/cmdline").read_bytes()
    os.kill(gateway, signal.SIGKILL)
    until(lambda: born(first), "its next birth", running)
    ended(hub)
    until(lambda: not births[-1]["online"], "the end of the gateway")
    watcher.loop_stop()
    rig.terminate()
    rig.wait()


def children_of(pid: int) -> list[int]:
    """Of every thread of a process."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(text) for file in lists for text in file.read_text("ascii").split()]
