"""What a stranger at the broker, a broken clock or a sick server does to a lab: it is told, and nothing else stops.

Owns: the promise that no message ends a program, and that each trouble is told once.
Rules: a real mosquitto, a real PostgreSQL, the real programs; after each flood an honest store still comes through.
Units: none.
Leaves: forged records to test_database.py, what is killed to test_lab.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, get_ident
from typing import Any

import pytest
from lab.records import DEVICE, chain
from lab.servers import Running, broker, ended, fresh, held_by, in_database, program, until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pumprig.lab.ingest import Came, last_of
from pumprig.lab.metrics import RigCollector
from pumprig.lab.mqtt import Link
from pumprig.lab.servers import Broker, Postgres
from pumprig.lab.wall import Wall
from pumprig.lab.wire import MOST_SESSION, Ack, Batch, WireError, session_of, topic

GARBAGE = [
    b"",
    b"\x00\xff" * 50,
    b"[" * 200_000,
    b'{"a":' * 50_000,
    b"null",
    b'{"after": [1e999, 1], "records": []}',
    b'{"after": [1, 1e999], "records": []}',
    b'{"after": [NaN, 1], "records": []}',
    b'{"after": [-1, 1], "records": []}',
    b'{"after": [1, %d], "records": []}' % 2**70,
    b'{"after": null, "records": 3}',
    b'{"after": null, "records": [3]}',
    b'{"after": null, "records": [""]}',
    b'{"after": null, "records": ["' + b"AAAA" * 100_000 + b'"]}',
    b'{"after": null, "records": [], "documents": {"programs": ["\\ud800"], "calibrations": [], "ties": []}}',
    b'{"after": null, "records": [], "documents": {"programs": ["\\u0000"], "calibrations": [], "ties": []}}',
    b'{"after": null, "records": [], "documents": {"programs": [], "calibrations": [[%d, 1, 1, 1]], "ties": []}}'
    % 2**70,
    b'{"after": null, "records": [], "documents": {"programs": [], "calibrations": [], "ties": [[1, 1e999]]}}',
    b'{"last": [1, %d], "refused": "", "documents": ""}' % 2**80,
    b'{"last": [1e999, 1], "refused": "\\ud800", "documents": ""}',
    b'{"session": 1e999, "online": false}',
    b'{"session": %d, "online": false}' % 10**300,
    b'{"reachable": true, "rate_nl_per_h": %d, "state": "\\ud800"}' % 10**400,
    b'[{"name": "stall", "priority": "\\ud800"}]',
]


def client(server: Broker) -> Client:
    made = Client(CallbackAPIVersion.VERSION2, protocol=5)
    made.connect("127.0.0.1", server.port)
    made.loop_start()
    return made


def test_whatever_strangers_send_an_honest_store_still_comes_through(
    server: Broker, postgres: Postgres, store: Path, tmp_path: Path
) -> None:
    address = fresh(postgres, "hostile")
    device, rows = held_by(store)
    stranger = client(server)
    rules = tmp_path / "alerts.toml"
    rules.write_text('[[rule]]\nwebhook = ["http://127.0.0.1:9/"]\nafter = "7 d"\n', "utf-8")
    running: Running = {
        "ingest": program("ingest", "--broker", server.address, "--database", address),
        "alerts": program("alerts", rules, "--broker", server.address, PUMPRIG_HOME=str(tmp_path / "home")),
        "gateway": program("gateway", "--site", "bench", "--broker", server.address, PUMPRIG_DB=str(store)),
    }
    until(lambda: in_database(address) == rows, "every record in the database", running.items())
    retained = [stranger.publish(topic("bench", device, "ack"), GARBAGE[2], retain=True)]
    for payload in GARBAGE:
        for name in ("records", "ack", "birth", "status", "alarm", "command"):
            for of in (device, "nobody", "a" * 64):
                retained.append(stranger.publish(topic("bench", of, name), payload, qos=1))
    for name in (
        "pumprig/a b/c/records",
        "pumprig/$x/y/records",
        "pumprig/\u00e9/y/records",
        "pumprig//y/records",
    ):
        retained.append(stranger.publish(name, GARBAGE[0], qos=1))
    for told in retained:
        told.wait_for_publish(60)
    extra = chain({}, {}, {})
    stranger.publish(topic("other", DEVICE, "records"), Batch(None, extra).encode(), qos=1)
    until(lambda: len(in_database(address, DEVICE)) == 3, "an honest record behind all that", running.items())
    assert in_database(address, device) == rows
    stranger.loop_stop()
    ended(*running.values())


def test_a_connection_is_written_to_by_the_thread_that_serves_it_alone(server: Broker) -> None:
    """Two that write at once turn messages round. Paho calls on_publish in the thread that has written."""
    link = Link(server.address, "one-writer", None, print)
    writers: list[int] = []
    up, all_out = Event(), Event()

    def written(*_what: object) -> None:
        writers.append(get_ident())
        if len(writers) == 50:
            all_out.set()

    link.client.on_publish = written
    link.when_connected(lambda _client: up.set())
    link.start()
    assert up.wait(60)
    for _each in range(50):
        link.client.publish("mine", b"", qos=0)
    assert all_out.wait(60)
    link.end()
    assert get_ident() not in writers


def test_a_birth_of_a_clock_that_was_ahead_is_outlived(server: Broker, store: Path) -> None:
    """Whoever reads births believes the highest session: the gateway takes one above it."""
    device = held_by(store)[0]
    ahead = 9_000_000_000_000  # ms: a clock in the year 2255
    heard: list[dict[str, Any]] = []
    watcher = client(server)
    watcher.on_message = lambda _client, _data, message: heard.append(json.loads(message.payload))
    told = json.dumps({"session": ahead, "online": False}).encode()
    watcher.publish(topic("bench", device, "birth"), told, qos=1, retain=True).wait_for_publish(60)
    watcher.subscribe(topic("bench", device, "birth"), qos=1)
    gateway = program("gateway", "--site", "bench", "--broker", server.address, PUMPRIG_DB=str(store))
    until(
        lambda: heard and heard[-1]["session"] > ahead and heard[-1]["online"],
        "a birth above it",
        [("gateway", gateway)],
    )
    gateway.kill()
    gateway.wait()
    until(lambda: not heard[-1]["online"], "the will")
    assert heard[-1]["session"] > ahead  # the will is of the same session, so it is believed
    watcher.loop_stop()


def test_the_answer_to_a_command_goes_where_it_was_asked_for_but_not_onto_the_lab_s_own_topics(
    server: Broker, store: Path
) -> None:
    device = held_by(store)[0]
    heard: dict[str, int] = {}
    watcher = client(server)
    watcher.on_message = lambda _client, _data, message: heard.update(
        {message.topic: heard.get(message.topic, 0) + 1}
    )
    watcher.subscribe([("pumprig/bench/#", 1), ("mine", 1)])
    gateway = program("gateway", "--site", "bench", "--broker", server.address, PUMPRIG_DB=str(store))
    birth, answer = topic("bench", device, "birth"), topic("bench", device, "command") + "/answer"
    until(lambda: birth in heard, "a birth", [("gateway", gateway)])
    alarm = topic("bench", device, "alarm")
    for where in ("mine", alarm, "pumprig/bench/+/alarm", "#", "$SYS/x"):
        asked = Properties(PacketTypes.PUBLISH)
        try:
            asked.ResponseTopic = where
        except Exception:  # paho itself sends none with a wildcard
            continue
        watcher.publish(topic("bench", device, "command"), b"reset", qos=1, properties=asked)
    until(
        lambda: heard.get("mine") and heard.get(answer, 0) >= 2,
        f"the answers: {heard}",
        [("gateway", gateway)],
    )
    assert alarm not in heard
    ended(gateway)
    watcher.loop_stop()


def hurried(link: Link) -> list[float]:
    """The test does not wait as long as the link would; how long that is."""
    waits: list[float] = []
    plain = link.client.reconnect_delay_set

    def noted(_least_s: float, most_s: float) -> None:
        waits.append(most_s)
        plain(0.02, 0.02)

    link.client.reconnect_delay_set = noted
    return waits


def right(waits: list[float]) -> bool:
    """Whether each is longer than the one before it, but for the draw, up to a minute."""
    most_s = [min(60, 2 * 2**tries) for tries in range(1, len(waits) + 1)]
    return all(most / 2 <= wait_s <= most for wait_s, most in zip(waits, most_s, strict=True))


def test_a_broker_that_refuses_is_told_of_once_and_asked_less_and_less(tmp_path: Path) -> None:
    said: list[str] = []
    closed = broker(tmp_path, lines=["allow_anonymous false"])
    link = Link(closed.address, "stranger", None, said.append)
    link.when_connected(lambda _client: said.append("connected"))
    waits = hurried(link)
    link.start()
    until(lambda: len(waits) >= 7, "seven attempts")
    link.end()
    closed.kill()
    assert len(said) == 1
    assert "refuses" in said[0]
    assert right(waits[:7])


def test_two_of_one_name_are_told_of_and_come_back_less_and_less(server: Broker) -> None:
    said: list[str] = []
    links = [Link(server.address, "pumprig-bench-1", None, said.append) for _each in range(2)]
    for link in links:
        link.when_connected(lambda _client: None)
    waits = [hurried(link) for link in links]
    for link in links:
        link.start()
    until(lambda: all(len(of) >= 5 for of in waits), "five attempts of each")
    for link in links:
        link.end()
    assert len(said) == 2
    assert all("perhaps a second one of this name runs" in text for text in said)
    assert all(right(of[:5]) for of in waits)


def test_messages_of_one_source_that_continue_one_another_are_one_and_no_others() -> None:
    raws = chain(*[{}] * 30)

    def came(begin: int, end: int, device: str = DEVICE, why: str = "") -> Came:
        after = (1, begin) if begin else None
        return Came("a", device, Batch(after, raws[begin:end]), [(1, f"{begin}")], why)

    first = came(0, 10)
    assert not first.take(came(11, 20))  # something is missing
    assert not first.take(came(0, 10))  # it came twice
    assert not first.take(came(10, 20, "other"))
    assert not first.take(came(10, 20, why="no JSON"))
    assert not first.take(came(10, 10))  # a question
    assert first.take(came(10, 20))
    assert first.take(came(20, 30))
    assert first.batch == Batch(None, raws)
    assert [name for _connection, name in first.messages] == ["0", "10", "20"]
    assert last_of(Batch((1, 4), [])) == (1, 4)
    assert last_of(Batch((1, 4), [b"short"])) is None


def test_a_status_that_no_rig_has_leaves_the_metrics_of_the_others(tmp_path: Path) -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    wall = Wall()
    for device in ("good", "odd"):
        wall.hear(f"pumprig/a/{device}/birth", b'{"session": 1, "online": true, "commands": ["stop"]}', 1e12)
    wall.hear("pumprig/a/good/status", b'{"reachable": true, "rate_nl_per_h": 7}', 1e12)
    for payload in GARBAGE:
        for name in ("status", "alarm", "birth", "ack"):
            wall.hear(f"pumprig/a/odd/{name}", payload, 1e12)
    registry = CollectorRegistry()
    registry.register(RigCollector(wall, lambda: 1e12))  # type: ignore[arg-type]
    assert wall.rigs()["a/odd"].alarms == [("stall", "unknown", False)]
    assert b'pumprig_gateway_online{device="good",site="a"} 1.0' in generate_latest(registry)


@pytest.mark.parametrize("payload", GARBAGE)
def test_no_garbage_raises_but_what_is_told(payload: bytes) -> None:
    for form in (Batch.decode, Ack.decode):
        try:
            form(payload)
        except WireError as error:
            str(error).encode()
    assert 0 <= session_of(payload) < MOST_SESSION
