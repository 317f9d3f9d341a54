"""A whole lab on this computer: `make lab` starts it, `make lab-stop` ends it.

Owns: broker, database, simulated rigs, hub, gateway, ingester and alerts of one folder; which processes they are.
Rules: everything is on loopback and in the folder; a process is ended only if it is still the one that was started
here; what is there already is started again with all that it holds.
Units: none.
Leaves: the servers to servers.py, the programs to their commands.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pumprig.errors import PumpError
from pumprig.lab.servers import Broker, Child, Postgres, free_port, until
from pumprig.rig import simulator
from pumprig.terminal import put

RIGS = ("20 ul/h", "1 ml/day", "45 ul/h", "0.5 ml/day", "80 ul/h")
SITE = "lab"


class Place:
    """The folder of a lab, and the processes in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "processes.json"
        self.started: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError, ValueError):
            self.started = json.loads(self._file.read_text("utf-8"))

    def running(self) -> list[str]:
        """Names of what was started here and still runs."""
        return [name for name, row in self.started.items() if born(row["pid"]) == row["born"] is not None]

    def note(self, name: str, pid: int) -> None:
        """Remember a process."""
        self.started[name] = {"pid": pid, "born": born(pid)}
        self._file.write_text(json.dumps(self.started, indent=1) + "\n", "utf-8")

    def start(self, name: str, words: list[str]) -> Child:
        """A program of this lab, its words in a file."""
        environment = {**simulator.environment(), "PUMPRIG_HOME": str(self.folder / "home")}
        environment["PUMPRIG_DB"] = str(self.folder / "store.db")
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self.note(name, child.pid)
        return child

    def call(self, *words: str) -> None:
        """A command of the tool, to its end. Raises PumpError."""
        child = self.start("set-up", ["pumprig", *words])
        if child.wait():
            raise PumpError(f"`pumprig {' '.join(words)}` failed.", "", f"See {self.folder / 'set-up.log'}.")

    def stop(self) -> list[str]:
        """End everything, the servers last; the names of what ran."""
        names = self.running()
        for name in sorted(names, key=lambda name: (name in ("mosquitto", "postgres"), name)):
            pid = self.started[name]["pid"]
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
            until(lambda pid=pid: born(pid) is None, f"the end of {name}", within_s=60)
        self._file.unlink(missing_ok=True)
        return names


def born(pid: int) -> str | None:
    """When a process began, None where it has ended: a number is given to another one some day."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    asked = subprocess.run(
        ["ps", "-o", "lstart=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    told = asked.stdout.strip()
    return None if asked.returncode or " Z" in told else " ".join(told.split()[:5])


def start(folder: Path) -> list[str]:
    """Start a lab in a folder; what to say about it. Raises PumpError."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(folder)
    if running := place.running():
        raise PumpError(
            f"A lab runs in {folder}: {', '.join(running)}.", "Nothing was started.", "`make lab-stop`."
        )
    place.started.clear()
    try:
        return _started(place, folder)
    except BaseException:
        place.stop()
        raise


def _started(place: Place, folder: Path) -> list[str]:
    broker = Broker(folder)
    assert broker.child is not None
    place.note("mosquitto", broker.child.pid)
    database = Postgres(folder / "postgres")
    assert database.child is not None
    place.note("postgres", database.child.pid)
    ports: list[str] = []
    for number, rate in enumerate(RIGS, 1):
        port, name = folder / f"rig{number}", f"rig{number}"
        ready = folder / f"{name}.log"
        ready.unlink(missing_ok=True)
        state = folder / f"{name}.state"
        new = not state.exists()
        words = ["rigsim", "serve", "--link", str(port), "--state", str(state), "--seed", str(number)]
        rig = place.start(name, words)
        until(lambda ready=ready: "ready" in ready.read_text("utf-8"), f"that {name} is ready", [(name, rig)])
        if new:
            place.call("-p", str(port), "rate", rate, "--yes")
        ports.append(str(port))
    hub = place.start("hub", ["pumprig", "hub", *ports])
    socket = folder / "home" / "state" / "hub" / "hub.sock"
    until(socket.exists, "the hub's socket", [("the hub", hub)])
    rigs_page, records_page = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    where = ["--broker", broker.address]
    place.start("gateway", ["pumprig", "gateway", *ports, "--site", SITE, *where])
    place.start(
        "ingest", ["pumprig", "ingest", *where, "--database", database.address, "--page", records_page]
    )
    place.start("alerts", ["pumprig", "alerts", *where, "--page", rigs_page])
    until(lambda: _rigs(database.address) == len(RIGS), "records of every rig in the database")
    return [
        f"{len(RIGS)} simulated rigs at {folder}/rig1 ... rig{len(RIGS)}, held by a hub:",
        f"           `PUMPRIG_HOME={folder}/home PUMPRIG_DB={folder}/store.db pumprig -p {ports[0]} status`",
        f"broker     {broker.address}: `mosquitto_sub -p {broker.port} -t 'pumprig/#' -v`",
        f"database   {database.address}: `psql {database.address} -c 'SELECT * FROM totals'`",
        f"metrics    http://{rigs_page}/metrics (rigs, alarms), http://{records_page}/metrics (records)",
        "dashboard  examples/lab/grafana.json, for Grafana over a Prometheus that reads both",
        f"words      {folder}/*.log",
        "the end    `make lab-stop`; the next `make lab` goes on with the same rigs and records",
    ]


def _rigs(address: str) -> int:
    import psycopg

    try:
        with psycopg.connect(address, connect_timeout=5) as db:
            row = db.execute("SELECT count(DISTINCT device) FROM records").fetchone()
    except psycopg.Error:
        return 0
    return int(row[0]) if row else 0


def main() -> int:
    """`python -m pumprig.lab.local start|stop FOLDER`."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    try:
        if what == "start":
            lines = start(folder)
        else:
            names = Place(folder).stop()
            lines = [f"ended: {', '.join(names)}" if names else f"no lab runs in {folder}"]
    except PumpError as error:
        put(str(error), err=True)
        return 1
    for line in lines:
        put(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
