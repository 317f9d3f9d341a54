"""Alarms reach people: the rule file, when who is told, a real mail server, a real web server, a real broker.

Owns: the promises of rules.py, desk.py, notify.py, wall.py, alerts.py and the dashboard's names.
Rules: time is handed to the desk; the service itself runs as its users start it.
Units: seconds.
Leaves: what an alarm is to the rig's tests.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from lab.records import chain
from lab.servers import EXAMPLES, ended, program, until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry, generate_latest
from pumprig.errors import InputFileError
from pumprig.lab.desk import Desk, Notice
from pumprig.lab.metrics import Intake, Notices, RigCollector
from pumprig.lab.rules import load
from pumprig.lab.servers import Broker, free_port
from pumprig.lab.wall import STALE_S, Wall
from pumprig.lab.wire import Ack, birth

RIG = "bench/rig1"


def rules(folder: Path, text: str) -> Path:
    file = folder / "alerts.toml"
    file.write_text(text, "utf-8")
    return file


def desk(folder: Path, text: str) -> Desk:
    mail = '[mail]\nhost = "127.0.0.1"\nfrom = "pumps@lab.example"\n'
    return Desk(load(rules(folder, mail + text)))


def told(of: list[Notice]) -> list[tuple[str, str, bool]]:
    return sorted((notice.alert.name, notice.target, notice.over) for notice in of)


def deliver(desk: Desk, now_s: float) -> list[tuple[str, str, bool]]:
    due = desk.due(now_s)
    for notice in due:
        desk.done(notice, now_s, True)
    return told(due)


def test_an_alarm_that_nobody_answers_is_told_when_the_rule_says_and_again(tmp_path: Path) -> None:
    text = '[[rule]]\nalarms = ["stall"]\nafter = "2 min"\nrepeat = "5 min"\nmail = ["a@lab.example"]\n'
    at = desk(tmp_path, text)
    heard = {now: [] for now in range(0, 1000, 10)}
    for now in heard:
        at.hear(RIG, [("stall", "high", False), ("low", "medium", False)], float(now))
        heard[now] = deliver(at, float(now))
    assert [now for now, what in heard.items() if what] == [120, 420, 720]
    assert heard[120] == [("stall", "mail:a@lab.example", False)]


def test_an_answer_at_the_rig_or_by_the_link_ends_the_telling_and_the_end_is_told_once(
    tmp_path: Path,
) -> None:
    at = desk(tmp_path, '[[rule]]\nrepeat = "1 min"\nmail = ["a@lab.example"]\n')
    at.hear(RIG, [("stall", "high", False), ("low", "medium", False)], 0.0)
    assert len(deliver(at, 0.0)) == 2
    tokens = {alert.name: alert.token for alert in at.alerts}
    assert at.answer("x") is None
    assert at.answer(tokens["stall"]) is not None
    at.hear(RIG, [("stall", "high", False), ("low", "medium", True)], 100.0)
    assert deliver(at, 100.0) == []
    at.hear(RIG, [], 200.0)
    assert deliver(at, 200.0) == [("low", "mail:a@lab.example", True), ("stall", "mail:a@lab.example", True)]
    assert deliver(at, 300.0) == []
    assert at.answer(tokens["stall"]) is None
    at.hear(RIG, [("stall", "high", False)], 400.0)  # it comes back: nobody has answered this one
    assert deliver(at, 400.0) == [("stall", "mail:a@lab.example", False)]


def test_a_target_that_fails_is_tried_again_later_each_time_and_delays_no_other(tmp_path: Path) -> None:
    at = desk(tmp_path, '[[rule]]\nmail = ["a@lab.example", "b@lab.example"]\n')
    at.hear(RIG, [("stall", "high", False)], 0.0)
    tries = []
    for now in range(0, 1000):
        for notice in at.due(float(now)):
            fails = notice.target == "mail:a@lab.example" and now < 500
            tries.append((now, notice.target[5]))
            at.done(notice, float(now), not fails)
    assert tries[:2] == [(0, "a"), (0, "b")]
    assert [now for now, who in tries if who == "b"] == [0]
    assert [now for now, who in tries if who == "a"] == [0, 10, 30, 70, 150, 310, 610]


def test_what_was_told_and_answered_outlasts_a_restart(tmp_path: Path) -> None:
    text = '[[rule]]\nrepeat = "1 min"\nmail = ["a@lab.example"]\n'
    at = desk(tmp_path, text)
    at.hear(RIG, [("stall", "high", False), ("low", "medium", False)], 0.0)
    deliver(at, 0.0)
    at.answer(next(alert.token for alert in at.alerts if alert.name == "low"))
    at.due(100.0)  # told, and killed in the middle of it
    kept = json.loads(json.dumps(at.kept()))
    at = desk(tmp_path, text)
    at.restore(kept)
    at.hear(RIG, [("stall", "high", False), ("low", "medium", False)], 101.0)
    assert deliver(at, 101.0) == [("stall", "mail:a@lab.example", False)]


def test_the_example_is_a_rule_file_and_each_fault_of_one_is_told_with_its_line(tmp_path: Path) -> None:
    read = load(EXAMPLES / "lab" / "alerts.toml")
    assert [rule.after_s for rule in read.rules] == [0.0, 300.0, 60.0]
    assert read.rules[1].fits("x/y", "empty", "high")
    assert not read.rules[2].fits("bench-1/y", "empty", "high")
    assert not read.rules[0].fits("x/y", "clock", "low")
    wrong = """page = "lab:80"
[[rule]]
alarms = ["occlusoin"]
mail = ["a@lab.example"]
after = 5
[[rule]]
webhook = ["chat.lab"]
reapeat = "5 min"
[[rule]]
priority = "high"
"""
    with pytest.raises(InputFileError) as caught:
        load(rules(tmp_path, wrong))
    lines = [int(re.search(r":(\d+): ", fault).group(1)) for fault in caught.value.faults]  # type: ignore[union-attr]
    assert lines == [1, 3, 4, 5, 7, 8, 9]


def test_a_gateway_that_has_gone_and_a_rig_that_is_silent_are_alarms() -> None:
    wall = Wall()
    wall.hear("pumprig/bench/rig1/birth", birth(5, True, commands=["stop"]), 0.0)
    wall.hear("pumprig/bench/rig1/status", b'{"reachable": true, "state": "running"}', 1.0)
    seen = wall.rigs()[RIG]
    assert seen.active(2.0) == []
    assert seen.active(2.0 + STALE_S) == [("unreachable", "medium", False)]
    wall.hear("pumprig/bench/rig1/birth", birth(4, False), 3.0)  # a late will of an older session
    assert seen.active(4.0) == []
    wall.hear("pumprig/bench/rig1/birth", birth(5, False), 5.0)
    assert seen.active(6.0) == [("offline", "high", False)]
    wall.hear("pumprig/bench/stored/birth", birth(6, True, commands=[]), 7.0)  # records alone
    assert wall.rigs()["bench/stored"].active(100.0) == []
    for payload in (b"", b"[]", b"{", b'{"reachable": 3}', b"\xff"):
        for what in ("birth", "status", "alarm", "ack"):
            wall.hear(f"pumprig/bench/odd/{what}", payload, 8.0)
    wall.hear(
        "pumprig/bench/odd/alarm", json.dumps([{"name": "a\r\nBcc: x"}, {"name": "stall"}]).encode(), 8.0
    )
    assert wall.rigs()["bench/odd"].alarms == [("stall", "unknown", False)]


def test_every_metric_that_the_dashboard_names_is_served() -> None:
    wall, registry = Wall(), CollectorRegistry()
    registry.register(RigCollector(wall, time.time))  # type: ignore[arg-type]
    status = {"reachable": True, "state": "running", "supply_mv": 5000, "rate_nl_per_h": 8.5}
    status |= {"counted_rate_nl_per_h": 8, "delivered_nl": 1, "commanded_nl": 2, "reservoir_nl": 3}
    wall.hear("pumprig/bench/rig1/birth", birth(1, True, commands=["stop"]), time.time())
    wall.hear("pumprig/bench/rig1/status", json.dumps(status).encode(), time.time())
    wall.hear("pumprig/bench/rig1/alarm", b'[{"name": "stall", "priority": "high"}]', time.time())
    Notices(registry).told.labels("mail", "told").inc()
    Intake(registry).take("bench", "rig1", [], Ack(None, "why"))
    intake = Intake(other := CollectorRegistry())
    intake.take("bench", "rig1", chain({}), Ack((1, 1)))
    served = set(
        re.findall(r"^(pumprig_\w+)", (generate_latest(registry) + generate_latest(other)).decode(), re.M)
    )
    drawn = json.loads((EXAMPLES / "lab" / "grafana.json").read_text("utf-8"))
    texts = [target["expr"] for panel in drawn["panels"] for target in panel["targets"]]
    texts += [row["definition"] for row in drawn["templating"]["list"] if row["type"] == "query"]
    named = {name for text in texts for name in re.findall(r"\bpumprig_\w+", text)}
    assert len(named) > 12
    assert named <= served


class Hook(ThreadingHTTPServer):
    """A web server that keeps what it is sent; the first call fails."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append(json.loads(body))
                self.send_response(500 if len(outer.calls) == 1 else 204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Box:
    """What a mail server has taken in."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def hook() -> Generator[Hook]:
    server = Hook()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def box() -> Generator[tuple[Box, int]]:
    mails, port = Box(), free_port()
    server = Controller(mails, hostname="127.0.0.1", port=port)
    server.start()
    yield mails, port
    server.stop()


def test_an_alarm_goes_out_by_mail_and_webhook_and_is_acknowledged_by_its_link(
    tmp_path: Path, server: Broker, hook: Hook, box: tuple[Box, int]
) -> None:
    (mails, port), page = box, free_port()
    text = f"""page = "http://127.0.0.1:{page}"
[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
from = "pumps@lab.example"
[[rule]]
alarms = ["occlusion"]
mail = ["duty@lab.example"]
webhook = ["http://127.0.0.1:{hook.server_address[1]}/pumps"]
"""
    words = ("alerts", rules(tmp_path, text), "--broker", server.address, "--page", f"127.0.0.1:{page}")
    service = program(*words, PUMPRIG_HOME=str(tmp_path / "home"))
    running = [("alerts", service)]
    rig = Client(CallbackAPIVersion.VERSION2)
    rig.connect("127.0.0.1", server.port)
    rig.loop_start()
    alarm = [{"name": "occlusion", "priority": "high", "since": None, "acknowledged": False}]
    rig.publish("pumprig/bench/rig1/birth", birth(1, True, commands=[]), qos=1, retain=True)
    rig.publish("pumprig/bench/rig1/alarm", json.dumps(alarm), qos=1, retain=True)
    until(lambda: mails.mails, "a mail", running)
    until(lambda: len(hook.calls) >= 2, "a second call, after the first had failed", running)
    mail = mails.mails[0]
    assert mail.rcpt_tos == ["duty@lab.example"]
    assert b"Subject: pumprig: occlusion of bench/rig1 (high)" in mail.content
    call = hook.calls[1]
    assert (call["alarm"], call["site"], call["device"], call["state"]) == (
        "occlusion",
        "bench",
        "rig1",
        "active",
    )
    assert call["acknowledge"].encode() in mail.content.replace(b"=\r\n", b"")
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=60) as answer:
        metrics = answer.read().decode()
    assert "pumprig_alarms_unanswered 1.0" in metrics
    assert 'alarm="occlusion",device="rig1",priority="high",site="bench"' in metrics
    with urllib.request.urlopen(call["acknowledge"], timeout=60) as answer:  # as a mail program does
        assert b"Acknowledge" in answer.read()

    def unanswered() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=60) as answer:
            found = re.search(r"^pumprig_alarms_unanswered (\S+)$", answer.read().decode(), re.M)
        assert found is not None
        return found.group(1)

    assert unanswered() == "1.0"
    with urllib.request.urlopen(urllib.request.Request(call["acknowledge"], b""), timeout=60) as answer:
        assert b"Acknowledged" in answer.read()
    until(lambda: unanswered() == "0.0", "the acknowledgement in the metrics", running)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request(call["acknowledge"] + "x", b""), timeout=60)
    rig.publish("pumprig/bench/rig1/alarm", "[]", qos=1, retain=True)
    until(lambda: len(mails.mails) >= 2 and len(hook.calls) >= 3, "that it is over", running)
    assert b"(over)" in mails.mails[1].content
    assert hook.calls[2]["state"] == "over"
    rig.loop_stop()
    ended(service)
