"""`make lab` and `make lab-stop`: a whole lab on this computer, as a new user starts it.

Owns: the promises of local.py, and that what it says can be done.
Rules: the real servers and programs in a folder of the test's own; Prometheus is asked where it is installed.
Units: none.
Leaves: what the programs do to the other tests of this folder.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from lab.servers import EXAMPLES, until
from pumprig.lab import local
from pumprig.lab.servers import free_port
from pumprig.rig import simulator

WORDS = (sys.executable, "-m", "pumprig.lab.local")


def told(what: str, folder: Path) -> str:
    """What a person sees. Skips where a server is missing."""
    made = subprocess.run(
        [*WORDS, what, str(folder)],
        env=simulator.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "is not installed" in made.stderr:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.fixture(name="lab", scope="module")
def a_lab() -> Generator[tuple[Path, str]]:
    """(its folder, what its start said); ended, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="pumprig-lab-"))  # pytest's own is closed to PostgreSQL's user
    folder.chmod(0o755)
    try:
        yield folder, told("start", folder)
    finally:
        local.Place(folder).stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_what_the_start_says_can_be_done(lab: tuple[Path, str]) -> None:
    """The command for a rig, the database, both pages; a second start is refused with what runs."""
    folder, said = lab
    command = re.search(r"`(PUMPRIG_HOME=.*? pumprig .*? status)`", said)
    assert command is not None
    words = shlex.split(command[1])
    environment = dict(word.split("=", 1) for word in words if "=" in word)
    program = [sys.executable, "-m", "pumprig", *words[len(environment) + 1 :], "--json"]
    done = subprocess.run(
        program,
        env={**simulator.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "running"
    address = re.search(r"postgresql://\S+?(?=:? )", said)
    assert address is not None
    with psycopg.connect(address[0].rstrip(":")) as db:
        assert db.execute("SELECT count(*) FROM totals").fetchone() == (len(local.RIGS),)
    pages = re.findall(r"http://\S+/metrics", said)
    assert len(pages) == 2
    for page in pages:
        until(lambda page=page: b"pumprig_" in urllib.request.urlopen(page).read(), f"readings at {page}")
    again = subprocess.run(
        [*WORDS, "start", str(folder)],
        env=simulator.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert again.returncode == 1
    assert "mosquitto" in again.stderr


def test_every_query_of_the_dashboard_is_answered_by_prometheus(
    lab: tuple[Path, str], tmp_path: Path
) -> None:
    """A right query with nothing to show is one about alarms or notices: no alarm has come."""
    server = shutil.which("prometheus")
    if server is None:
        pytest.skip("Prometheus is not installed; on Debian: apt-get install prometheus")
    pages = re.findall(r"http://(\S+)/metrics", lab[1])
    asked = (EXAMPLES / "lab" / "prometheus.yml").read_text("utf-8").replace("interval: 5s", "interval: 1s")
    for known, here in zip(("127.0.0.1:9465", "127.0.0.1:9466"), pages, strict=True):
        assert known in asked
        asked = asked.replace(known, here)
    (tmp_path / "prometheus.yml").write_text(asked, "utf-8")
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [
                server,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )

    def results(query: str) -> int:
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{urlencode({'query': query})}") as page:
            return len(json.load(page)["data"]["result"])

    def scraped() -> bool:
        try:
            return results("count_over_time(pumprig_rig_reachable[1m]) > 3") == len(local.RIGS)
        except OSError:
            return False

    try:
        until(scraped, "readings in Prometheus", [("Prometheus", child)], within_s=120)
        drawn = json.loads((EXAMPLES / "lab" / "grafana.json").read_text("utf-8"))
        queries = [target["expr"] for panel in drawn["panels"] for target in panel["targets"]]
        empty = [
            query for query in queries if not results(query.replace("$site", ".*").replace("$device", ".*"))
        ]
    finally:
        child.terminate()
        child.wait()
    assert len(queries) > 15
    assert {re.findall(r"pumprig_\w+", query)[0] for query in empty} <= {
        "pumprig_alarm_active",
        "pumprig_notices_total",
    }


def test_the_stop_ends_all_of_it_and_a_start_goes_on_with_the_same_records(lab: tuple[Path, str]) -> None:
    folder = lab[0]
    before = local.Place(folder).running()
    assert {"mosquitto", "postgres", "hub", "gateway", "ingest", "alerts", "rig1", "rig5"} <= set(before)
    pids = [row["pid"] for row in local.Place(folder).started.values()]
    ended = told("stop", folder)
    assert all(name in ended for name in before)
    assert [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")] == []
    assert told("stop", folder).startswith("no lab runs")
    again = told("start", folder)
    address = re.search(r"postgresql://\S+?(?=:? )", again)
    assert address is not None
    with psycopg.connect(address[0].rstrip(":")) as db:
        row = db.execute("SELECT count(*) FROM records WHERE event = 'first_boot'").fetchone()
        boots = db.execute("SELECT count(*) FROM records WHERE event = 'boot'").fetchone()
    assert row == (len(local.RIGS),)
    assert boots is not None
    assert boots[0] >= len(local.RIGS)
