"""`python -m rigsim` as a program: a real pty or socket, signals, kept state, and one client at a time."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from pumpwire import codec, documents, spec

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "host")}


class Server:
    """A running `rigsim serve` and a client that speaks machine lines."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rigsim", "serve", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT)
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().split()
        self.tag = 0

    @property
    def port(self) -> str:
        return self.ready[1]

    def client(self) -> serial.SerialBase:
        return serial.serial_for_url(self.port, timeout=5, write_timeout=5)

    def ask(
        self, line: serial.SerialBase, verb: str, *fields: tuple[str, object], seq: int = 0
    ) -> dict[str, str]:
        """The merged rows of one answer."""
        if not seq and not spec.command(verb)[3]:
            self.tag += 1
            seq = self.tag
        line.write(codec.request(seq, verb, fields).encode() + b"\n")
        merged: dict[str, str] = {}
        while True:
            text = line.read_until(b"\n").decode().strip()
            assert text, "no answer"
            if not text.startswith("<"):
                continue
            number, word, row = codec.parse(text, "<")
            if number == seq:
                merged.update(row)
                if word != "more":
                    return {**merged, "_word": word}

    def change(self, line: serial.SerialBase, verb: str, *fields: tuple[str, object]) -> dict[str, str]:
        """A numbered command in a session."""
        last = self.ask(line, "hello", ("digest", spec.digest()))["last_seq"]
        self.ask(line, "open")
        answer = self.ask(line, verb, *fields, seq=int(last) + 1)
        self.ask(line, "close")
        return answer

    def end(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(10)


@pytest.fixture
def serve() -> Iterator[type[Server]]:
    running: list[Server] = []

    class Tracked(Server):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            running.append(self)

    yield Tracked
    for server in running:
        server.end(signal.SIGKILL)


def test_a_pty_answers_the_host_s_serial_port_through_the_real_firmware(serve, tmp_path: Path) -> None:
    link = tmp_path / "rig"
    server = serve("--link", str(link), "--seed", "3")
    assert server.ready == ["ready", str(link)]
    with server.client() as line:
        hello = server.ask(line, "hello", ("digest", spec.digest()))
        assert hello["digest"] == spec.digest()
        answer = server.change(line, "rate", ("rate_nl_per_day", 480_000))
        assert server.change(line, "commit", ("hash", answer["hash"]))["_word"] == "ok"
        assert server.ask(line, "status")["state"] == "running"
        assert server.ask(line, "stop")["_word"] == "ok"
    assert server.end() == 0
    assert not link.is_symlink()


def test_a_line_half_written_by_a_client_that_went_away_does_not_spoil_the_next_client(
    serve, tmp_path: Path
) -> None:
    server = serve("--link", str(tmp_path / "rig"))
    with server.client() as line:
        line.write(codec.request(1, "status").encode() + b"\n")
    with server.client() as line:
        assert server.ask(line, "hello", ("digest", spec.digest()))["_word"] == "ok"


def test_a_file_in_the_place_of_the_link_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "file"
    kept.write_text("mine")
    refused = subprocess.run(
        [sys.executable, "-m", "rigsim", "serve", "--link", str(kept)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert "choose another path" in refused.stderr
    assert kept.read_text() == "mine"


def test_a_second_tcp_client_gets_one_line_and_is_closed(serve) -> None:
    server = serve("--tcp", "0")
    host, port = server.port.removeprefix("socket://").split(":")
    with server.client() as line:
        assert server.ask(line, "status")["state"] == "stopped"
        with socket.create_connection((host, int(port)), timeout=5) as second:
            told = second.makefile().read()
        assert told.count("\n") == 1
        assert "busy" in told
        assert server.ask(line, "status")["state"] == "stopped"


@pytest.mark.requirement("SR-13")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_rig_with_kept_state_goes_on_after_its_process_ended(serve, tmp_path: Path, how: int) -> None:
    state = ("--state", str(tmp_path / "rig"), "--tcp", "0", "--speed", "2000")
    first = serve(*state)
    with first.client() as line:
        answer = first.change(line, "rate", ("rate_nl_per_day", 24_000_000))
        first.change(line, "commit", ("hash", answer["hash"]))
        before = first.ask(line, "status")
        while int(before["delivered_nl"]) < 100_000:  # eight turns: pulsation is small
            before = first.ask(line, "status")
    first.end(how)
    second = serve(*state)
    with second.client() as line:
        after = second.ask(line, "status")
    assert after["boot"] == "2"
    assert after["device_id"] == before["device_id"]
    assert after["therapy_hash"] == before["therapy_hash"]
    assert after["mode"] == "running"
    assert int(after["delivered_nl"]) >= int(before["delivered_nl"])


def test_a_state_directory_has_one_server(serve, tmp_path: Path) -> None:
    serve("--state", str(tmp_path / "rig"), "--tcp", "0")
    second = serve("--state", str(tmp_path / "rig"), "--tcp", "0")
    assert second.ready == []
    assert second.process.wait(10) == 1


def test_a_server_whose_state_is_removed_ends_by_itself(serve, tmp_path: Path) -> None:
    folder = tmp_path / "rig"
    server = serve("--state", str(folder), "--tcp", "0")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert server.process.wait(10) == 0
    assert not folder.exists()


def test_a_person_at_a_plain_terminal_gets_help_and_echo(serve, tmp_path: Path) -> None:
    server = serve("--link", str(tmp_path / "rig"))
    with server.client() as line:
        line.write(b"help stop\r")
        first = line.read_until(b"\n").strip()
        if first.startswith(b"pumprig "):  # the greeting of the boot, if nobody has read it
            first = line.read_until(b"\n").strip()
        assert first == b"help stop"
        assert b"stop" in line.read_until(b"\n")


def test_a_scenario_happens_while_a_host_is_connected(serve, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps([{"at_ms": 0, "do": "refill", "volume": "7 ml"}]))
    server = serve("--tcp", "0", "--scenario", str(scenario))
    with server.client() as line:
        status = server.ask(line, "status")
        while status["reservoir_nl"] != "7000000":
            status = server.ask(line, "status")
        assert server.change(line, "silence")["_word"] == "ok"


def test_an_idle_server_waits_instead_of_spinning(serve) -> None:
    server = serve("--tcp", "0")
    with server.client() as line:
        server.ask(line, "status")
        before = _cpu_s(server.process.pid)
        select.select([], [], [], 1.0)
        assert _cpu_s(server.process.pid) - before < 0.2


def _cpu_s(process: int) -> float:
    if not Path(f"/proc/{process}/stat").exists():
        pytest.skip("needs /proc to read a process's CPU time")
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_rehearsal_is_one_document_in_and_the_same_document_out_every_time(tmp_path: Path) -> None:
    text = documents.canonical({"kind": "program", "name": "x", "basal": ((0, 1_000_000),)})
    request = {"program": text, "for_ms": 3 * 3_600_000, "seed": 4, "records": str(tmp_path / "records")}
    request |= {"trace": str(tmp_path / "trace"), "trace_every_ms": 60_000}
    request["events"] = [{"at_ms": 60_000, "do": "bolus", "volume": "9 ul", "over": "2 min"}]
    reports = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "rigsim", "rehearse"],
            input=json.dumps(request), capture_output=True, text=True, env=ENVIRONMENT, check=True,
        )  # fmt: skip
        report = json.loads(done.stdout)
        assert report.pop("wall_s") > 0
        reports.append(report)
    assert reports[0] == reports[1]
    report = reports[0]
    assert report["log_verified"] is True
    assert report["log_records"] == len((tmp_path / "records").read_text().splitlines())
    assert sum(report["by_kind"].values()) == report["delivered_nl"]
    assert report["delivered_nl"] == pytest.approx(125_000 + 9_000, abs=10)
    assert report["true_nl"] == pytest.approx(report["delivered_nl"], rel=0.02)
    assert report["by_kind"]["single"] == pytest.approx(9_000, abs=5)
    rows = (tmp_path / "trace").read_text().splitlines()
    assert len(rows) == 2 + 3 * 60
    assert float(rows[-1].split(",")[1]) == pytest.approx(report["true_nl"], abs=1)


@pytest.mark.parametrize(
    ("request_text", "code"),
    [("not json", 2), ("{}", 2), ('{"program": "kind=program", "for_ms": 1000}', 2)],
)
def test_a_bad_rehearsal_request_says_what_is_wrong(request_text: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rigsim", "rehearse"],
        input=request_text,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert done.returncode == code
    assert done.stdout == ""
    assert json.loads(done.stderr)["error"]


def test_the_balance_beside_the_rig_weighs_what_has_arrived_in_the_rig_s_own_time(
    serve, tmp_path: Path
) -> None:
    link = tmp_path / "balance"
    quiet = [
        f"--balance-set={name}=0" for name in ("evaporation_g_per_h", "wander_g_per_root_h", "draught_g")
    ]
    server = serve("--link", str(tmp_path / "rig"), "--speed", "500", f"--balance={link}", *quiet)
    assert server.process.stdout.readline().split() == ["balance", str(link)]
    with server.client() as line, serial.serial_for_url(str(link), timeout=5) as balance:
        answer = server.change(line, "rate", ("rate_nl_per_day", 24_000_000))
        server.change(line, "commit", ("hash", answer["hash"]))
        while int(server.ask(line, "status")["delivered_nl"]) < 100_000:  # eight turns: pulsation is small
            balance.write(b"SI\r\n")
            assert balance.read_until(b"\n").startswith(b"S ")
        server.ask(line, "stop")
        delivered_nl = int(server.ask(line, "status")["delivered_nl"])
        for _ in range(200):
            server.ask(line, "status")  # the line's pressure needs a moment to fall
        balance.write(b"SI\r\n")
        weighed_mg = 1000 * float(balance.read_until(b"\n").split()[2])
    assert weighed_mg == pytest.approx(delivered_nl / 1000, rel=0.03)
    assert server.end() == 0
    assert not link.is_symlink()


def test_a_balance_that_nobody_asks_costs_nothing_and_a_wrong_property_is_named(serve) -> None:
    server = serve("--tcp", "0", "--balance", "0")
    where = server.process.stdout.readline().split()[1]
    with server.client() as line:
        server.ask(line, "status")
        before = _cpu_s(server.process.pid)
        select.select([], [], [], 1.0)
        assert _cpu_s(server.process.pid) - before < 0.2
    with serial.serial_for_url(where, timeout=5) as balance:
        balance.write(b"I2\r\n")
        assert b"SIM-" in balance.read_until(b"\n")
    wrong = subprocess.run(
        [
            sys.executable,
            "-m",
            "rigsim",
            "serve",
            "--tcp",
            "0",
            "--balance",
            "0",
            "--balance-set",
            "colour=3",
        ],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert wrong.returncode == 1
    assert "'colour=3' is none of readability_g=NUMBER" in wrong.stderr
