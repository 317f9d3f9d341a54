"""`make lab-faults`: many rigs, everything killed at random instants; in the end the database holds every store.

Owns: the hosts with their rigs, the cables that are cut, the forger, the verdict.
Rules: seeded; the real programs as users start them; a store is compared byte for byte, the views with `log total`;
the clock of the last host is a day ahead, as its programs see it; the first rig of the first host is replaced by
another half way, and comes with its history in the place of the last host's later.
Units: minutes of the wall clock, records, nL.
Leaves: the short form, which the gate runs, to test_campaign.py.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
from lab.harm import Cable, Forger
from pumprig.lab.servers import Broker, Postgres, free_port, until
from pumprig.rig import simulator
from pumprig.store import Store, ledger, totals, verify
from pumprig.store.given import delivery_of
from pumprig.store.record import Record

RIGS_A_HOST = 5
SETTLE_S = 900.0
KILLED = ("broker", "database", "ingest", "gateway", "gateway", "hub")
KINDS = (*KILLED, "cable", "cable")  # eight faults have each
PROGRAMS = ("night-step.toml", "periodic.toml", "demand.toml", "constant.toml", "weekdays.toml")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


A_DAY_EARLY = """import datetime
class Early(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(days=1)
datetime.datetime = Early
"""


class Host:
    """A computer with rigs, its store, a hub and a gateway."""

    def __init__(self, lab: Lab, number: int, rigs: int, early: bool) -> None:
        self._lab, self.site = lab, f"host{number}"
        self.folder = lab.folder / self.site
        self.folder.mkdir()
        self.shifted = early
        (self.folder / "sitecustomize.py").write_text(A_DAY_EARLY if early else "", "utf-8")
        self.store = self.folder / "store.db"
        self.ports = [str(self.folder / f"rig{rig}") for rig in range(rigs)]
        for rig in range(rigs):
            self.rig(rig, 100 * number + rig + 1)

    def environment(self) -> dict[str, str]:
        return {
            **simulator.environment(),
            "PUMPRIG_HOME": str(self.folder / "home"),
            "PUMPRIG_DB": str(self.store),
            "PYTHONPATH": os.pathsep.join([str(self.folder), *(part for part in sys.path if part)]),
        }

    def run(self, name: str, *words: str, plain: bool = False) -> subprocess.Popen[bytes]:
        environment = simulator.environment() if plain else self.environment()
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", *words], stdout=log, stderr=log, env=environment)

    def rig(self, rig: int, seed: int, history: Path | None = None) -> None:
        """A simulated rig at a port, with a therapy; `history`: one that has run elsewhere, as it is."""
        name = f"rig{rig}"
        if old := self._lab.running.pop(f"{self.site} {name}", None):
            old.terminate()
            old.wait()
        state = history or self.folder / f"{name}-{seed}.state"
        words = (
            "--link",
            self.ports[rig],
            "--state",
            str(state),
            "--seed",
            str(seed),
            "--speed",
            str(self._lab.speed),
        )
        ready = self.folder / f"{name}-{seed}.log"
        child = self.run(f"{name}-{seed}", "rigsim", "serve", *words, plain=True)
        until(
            lambda: ready.exists() and "ready" in ready.read_text("utf-8"),
            f"that {self.site} {name} is ready",
        )
        self._lab.running[f"{self.site} {name}"] = child
        if history is not None:
            return
        program = str(EXAMPLES / PROGRAMS[seed % len(PROGRAMS)])
        for words in (("refill", "18 ml", "--yes"), ("program", "load", program, "--yes")):
            done = self.run("set-up", "pumprig", "-p", self.ports[rig], *words).wait()
            if done:
                raise AssertionError(f"{words} failed; see {self.folder / 'set-up.log'}")

    def start(self, what: str) -> None:
        if what == "hub":
            child = self.run("hub", "pumprig", "hub", *self.ports)
        else:
            broker = f"mqtt://127.0.0.1:{self._lab.to_broker.port}"
            child = self.run(
                "gateway", "pumprig", "gateway", *self.ports, "--site", self.site, "--broker", broker
            )
        self._lab.running[f"{self.site} {what}"] = child


class Lab:
    """All of it."""

    def __init__(self, folder: Path, rigs: int, speed: float, seed: int, a_host: int = RIGS_A_HOST) -> None:
        self.folder, self.speed, self._source = folder, speed, random.Random(seed)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "broker").mkdir()
        self.broker = Broker(folder / "broker", free_port())
        self.database = Postgres(folder / "postgres")
        self.to_broker, self.to_database = Cable(self.broker.port), Cable(self.database.port)
        counts = [min(a_host, rigs - at) for at in range(0, rigs, a_host)]
        self.hosts = [
            Host(self, number, count, number == len(counts) > 1) for number, count in enumerate(counts, 1)
        ]
        self.told: dict[str, int] = {}
        self._deck: list[str] = []

    def ingest(self) -> None:
        address = f"postgresql://lab@127.0.0.1:{self.to_database.port}/postgres"
        broker = f"mqtt://127.0.0.1:{self.to_broker.port}"
        words = ("pumprig", "ingest", "--broker", broker, "--database", address)
        self.running["ingest"] = self.hosts[0].run("ingest", *words, plain=True)

    def lived_d(self) -> list[float]:
        """How long each rig ran by its own records' clock, in days."""
        spans: dict[str, list[int]] = {}
        for (device, _boot, _number), raw in self.stored().items():
            at_us = Record(raw).rig_utc_us
            spans.setdefault(device, []).extend([at_us] if at_us else [])
        return sorted((max(span) - min(span)) / 86_400e6 for span in spans.values())

    def harm(self) -> None:
        """One fault, and its mending."""
        if not self._deck:
            self._deck = self._source.sample(KINDS, len(KINDS))
        kind = self._deck.pop()
        host = self._source.choice(self.hosts)
        self.told[kind] = self.told.get(kind, 0) + 1
        if kind == "broker":
            self.broker.kill()
            self.broker.start()
        elif kind == "database":
            self.database.kill()
            self.database.start()
        elif kind == "cable":
            cable = self._source.choice([self.to_broker, self.to_database])
            cable.cut()
            threading.Event().wait(self._source.uniform(0.1, 3.0))
            cable.mend()
        else:
            name = "ingest" if kind == "ingest" else f"{host.site} {kind}"
            self.running[name].kill()
            self.running[name].wait()
            self.ingest() if kind == "ingest" else host.start(kind)

    def revive(self) -> list[str]:
        """Programs that have ended by themselves: there are to be none but a hub that finds its ports taken."""
        ended = [name for name, child in self.running.items() if child.poll() is not None]
        return [name for name in ended if not name.endswith("hub")]

    def stop_rigs(self) -> None:
        for name in [name for name in self.running if " rig" in name]:
            child = self.running.pop(name)
            child.terminate()
            child.wait()

    def held(self) -> dict[tuple[str, int, int], bytes]:
        with psycopg.connect(self.database.address) as db:
            rows = db.execute("SELECT device, boot, number, raw FROM records").fetchall()
        return {(device, boot, number): bytes(raw) for device, boot, number, raw in rows}

    def stored(self) -> dict[tuple[str, int, int], bytes]:
        found: dict[tuple[str, int, int], bytes] = {}
        for host in self.hosts:
            bench = Store(host.store)
            with bench.guard():
                rows = bench.db.execute("SELECT device_id, boot, number, raw FROM records").fetchall()
            bench.close()
            found.update({(device, boot, number): bytes(raw) for device, boot, number, raw in rows})
        return found

    def end(self) -> None:
        for child in self.running.values():
            child.kill()
            child.wait()
        self.broker.kill()
        self.database.end()


def verdict(lab: Lab) -> list[str]:
    """What is not as it has to be, once every record of every store has had its time to come."""
    wrong: list[str] = []
    stored = lab.stored()
    try:
        until(
            lambda: len(lab.held()) >= len(stored),
            f"{len(stored)} records in the database",
            within_s=SETTLE_S,
        )
        address = lab.database.address

        def booked() -> bool:
            with psycopg.connect(address) as db:
                return db.execute("SELECT bool_and(booked) FROM totals").fetchone() == (True,)

        until(booked, "books of every rig", within_s=SETTLE_S)
    except Exception as error:
        wrong.append(str(error))
    if lab.held() != stored:
        wrong.append("the database does not hold the stores' records")
    with psycopg.connect(lab.database.address) as db:
        sums = {
            row[0]: row[1:] for row in db.execute("SELECT device, steps, delivered_nl, asked_nl FROM totals")
        }
    last: dict[str, tuple[int, Host]] = {}  # which store knows most of a device: a rig may have moved
    for host in lab.hosts:
        bench = Store(host.store)
        for device in bench.devices():
            last[device] = max(
                last.get(device, (0, host)), (ledger.last_number(bench, device), host), key=lambda row: row[0]
            )
            found = verify.verify(bench, device)
            if found.faults:
                wrong.append(f"{host.site} {device}: the store itself: {found.faults[0]}")
        bench.close()
    for device, (_number, host) in last.items():
        bench = Store(host.store)
        total = totals.total(bench, device, None, None)
        given = delivery_of(bench, total)
        bench.close()
        if sums.get(device) != (total.steps, given.delivered_nl, given.asked_nl):
            told = total.steps, given.delivered_nl, given.asked_nl
            wrong.append(f"{host.site} {device}: {sums.get(device)} instead of {told}")
    return wrong


def main() -> int:
    """Run it; 1 where anything is not as it has to be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rigs", type=int, default=20)
    parser.add_argument("--rigs-a-host", type=int, default=RIGS_A_HOST)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--speed", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pumprig-lab-faults-"))
    folder.chmod(0o755)
    begun_s = time.monotonic()
    lab = Lab(folder, asked.rigs, asked.speed, asked.seed, asked.rigs_a_host)
    wrong: list[str] = []
    try:
        for host in lab.hosts:
            host.start("hub")
            host.start("gateway")
        lab.ingest()
        forger = Forger(lab.broker.port, asked.seed)
        print(
            f"{asked.rigs} rigs at {asked.speed:g} x run after {time.monotonic() - begun_s:.0f} s", flush=True
        )
        source, faults_s = random.Random(asked.seed), time.monotonic()
        faults = math.ceil(asked.kills * len(KINDS) / len(KILLED))  # the cables are cut besides
        instants = sorted(source.uniform(0, 60 * asked.minutes) for _ in range(faults))
        for number, at_s in enumerate(instants):
            threading.Event().wait(max(0.0, faults_s + at_s - time.monotonic()))
            lab.harm()
            if number == faults // 2:
                lab.hosts[0].rig(0, 999)
            if number == faults * 3 // 4:  # the one that was taken away comes to the last host
                lab.hosts[-1].rig(0, 101, lab.hosts[0].folder / "rig0-101.state")
            if dead := lab.revive():
                wrong.append(f"after fault {number}: ended by itself: {', '.join(dead)}")
                break
        threading.Event().wait(max(0.0, faults_s + 60 * asked.minutes - time.monotonic()))
        forger.end()
        lab.stop_rigs()
        threading.Event().wait(5)  # a pull that was under way ends, before the stores are read
        wrong += verdict(lab)
        with psycopg.connect(lab.database.address) as db:
            refused = db.execute("SELECT coalesce(sum(times), 0)::bigint FROM refused").fetchone()
        lived_d = lab.lived_d()
        figures = {
            "records": len(lab.stored()),
            "rigs": asked.rigs + 1,
            "simulated_days": [
                round(lived_d[0], 2),
                round(statistics.median(lived_d), 2),
                round(lived_d[-1], 2),
            ],
        }
        figures |= {
            "faults": dict(sorted(lab.told.items())),
            "forged": forger.sent,
            "refused": refused and refused[0],
        }
        figures |= {
            "a_day_off": lab.hosts[-1].shifted,
            "minutes": round((time.monotonic() - begun_s) / 60, 1),
        }
        print(json.dumps({"lab_faults": figures}))
    finally:
        lab.end()
    for line in wrong:
        print(f"WRONG {line}")
    if wrong:
        print(f"what they said is in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print(
        "the database holds every store byte for byte, nothing twice, nothing missing; the sums are those of log total"
    )
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PUMPRIG_HOME", tempfile.mkdtemp())
    sys.exit(main())
