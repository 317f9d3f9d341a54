"""A program on the simulated rig in virtual time, as fast as it goes.

Owns: the simulator's request and report, its process, which interpreter runs it.
Rules: the same request gives the same report but for `wall_s`, on every interpreter; the simulator is one chip a
process, so each run has a process to itself, or one after the other through the same `Worker`; nothing is printed here.
Units: by the names' endings; times of a request in ms since the commit, instants in microseconds UTC.
Leaves: the run to rigsim, files to therapy/, records to store/.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from pumpwire import daily, documents, spec

from pumprig.errors import InputFileError, PumpError
from pumprig.quantities import to_utc_us
from pumprig.rig import refusals, simulator
from pumprig.store import Store, ledger
from pumprig.store.asked import Account
from pumprig.store.dates import Boot
from pumprig.store.given import delivery
from pumprig.store.record import Record
from pumprig.therapy.program import Program

START_UTC_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
BATCH = 500
Request = dict[str, Any]
Report = dict[str, Any]
Progress = Callable[[int, int], None]


def request(
    program: Program,
    for_ms: int,
    *,
    events: list[dict[str, Any]] | None = None,
    seed: int = 0,
    start_utc_us: int = START_UTC_US,
    slow: bool = False,
    head: dict[str, Any] | None = None,
    truth: dict[str, float] | None = None,
) -> Request:
    """What the simulator takes. `head`: another pump head, or changes of its dimensions; `truth`: values that the seed
    would draw (docs/explanation/simulator.md names both)."""
    asked: Request = {
        "program": program.text,
        "program_name": program.name,
        "for_ms": for_ms,
        "events": events or [],
        "seed": seed,
        "slow": slow,
        "start_utc_us": start_utc_us,
    }
    if head:
        asked["head"] = head
    if truth:
        asked["truth"] = truth
    return asked


def run(asked: Request, progress: Progress | None = None) -> Report:
    """Run a request in a process of its own; its report. Raises PumpError, RefusedError, InputFileError."""
    with Worker(asked["for_ms"]) as worker:
        return worker.run(asked, progress)


class Worker:
    """A simulator that takes run after run, so that its compiler stays warm.

    `for_ms`, the simulated time that is to be expected of it, chooses the interpreter. One thread at a time.
    """

    def __init__(self, for_ms: int) -> None:
        command, environment, self._extra = simulator.rehearsing(for_ms)
        self._messages: list[str] = []
        self._progress: Progress | None = None
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_what: object) -> None:
        self.close()

    def run(self, asked: Request, progress: Progress | None = None) -> Report:
        """One run; its report. Raises PumpError, RefusedError, InputFileError; Crashed: this worker is at its end."""
        with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
            told = Path(folder) / "told.txt"
            report = self._run({**asked, **self._extra, "told": str(told)}, progress)
            return finish(asked, report, told)

    def _run(self, asked: Request, progress: Progress | None) -> Report:
        self._progress = progress
        line = json.dumps({**asked, "progress": progress is not None})
        try:
            _pipe(self._child.stdin).write(line + "\n")
            _pipe(self._child.stdin).flush()
            answer = _pipe(self._child.stdout).readline()
        except OSError:
            answer = ""
        except BaseException:  # Ctrl-C: there is nobody to wait for
            self.kill()
            raise
        if not answer:
            self.kill()
            raise Crashed(self._messages[-1] if self._messages else "no reason given")
        told = json.loads(answer)
        if told["code"]:
            raise _failure(told["code"], told["report"])
        report: Report = told["report"]
        return report

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()
        self.close()

    def close(self) -> None:
        """End it after what it has been given."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    self._child.kill()
        self._child.wait()
        self._reader.join(2)

    def _listen(self) -> None:
        for line in _pipe(self._child.stderr):
            if line.startswith('{"progress"'):
                if self._progress is not None:
                    self._progress(round(json.loads(line)["progress"] * 1000), 1000)
            elif line.strip():
                self._messages.append(line.strip())


class Crashed(PumpError):
    """The simulator's process ended in the middle of a run."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The simulator failed: {why}.", "There is no result.", "Run it with -v.")


def finish(asked: Request, report: Report, told: Path) -> Report:
    """What follows from a report, its request and its told records: asked, given, not given. Raises PumpError."""
    figures = report["calibration"]
    known = {
        int(figures["id"]): (int(figures["step_nl_num"]), int(figures["step_nl_den"]), int(figures["u_ppm"]))
    }
    account = Account.of(known, programs_of(asked))
    start = int(report.pop("log_start"))
    boots: dict[int, Boot] = {}
    for record in _records(told):
        boots.setdefault(record.boot, Boot()).hear(record)
    before: Record | None = None  # the last told record of the beginning
    for record in _records(told):
        record.at_utc_us = boots[record.boot].date(record.mono_us, record.rig_utc_us, None)
        if record.number <= start:
            before = record
            continue
        if before is not None:
            account.take(before)
            before = None
        account.take(record)
    given = delivery(account, int(report["delivered_nl"])).document()
    head = {name: report[name] for name in list(report)[: list(report).index("delivered_nl")]}
    return {**head, **given, **{name: value for name, value in report.items() if name not in head}}


def _records(path: Path) -> Iterator[Record]:
    with open(path, encoding="ascii") as file:
        for line in file:
            yield Record(a2b_base64(line))


def programs_of(asked: Request) -> list[str]:
    """The canonical texts of the programs that a run may come to run."""
    loaded = [str(event["document"]) for event in asked["events"] if "document" in event]
    texts = [text for text in (str(asked["program"]), *loaded) if text.startswith("kind=program ")]
    rates = {int(event["rate_nl_per_day"]) for event in asked["events"] if event["do"] == "rate"}
    for text in list(texts):  # which of them a rate will meet is not known
        active = documents.parse(text)
        texts += [documents.canonical(daily.constant(active, rate)) for rate in sorted(rates)]
    return texts


def keep(path: Path, asked: Request, report: Report) -> None:
    """The records of a run (the request's `records`) into a new database, verified like any pull. Raises PumpError."""
    store = Store(path)
    device = str(report["device_id"])
    calibration = report["calibration"]
    try:
        store.note_device(device, str(report["firmware"]), int(report["protocol"]))
        store.note_calibration(
            device,
            int(calibration["id"]),
            int(calibration["step_nl_num"]),
            int(calibration["step_nl_den"]),
            int(calibration["u_ppm"]),
        )
        for text in programs_of(asked):
            store.note_program(device, documents.digest(text), text)
        page: list[bytes] = []
        with open(asked["records"], encoding="ascii") as file:
            for line in file:
                page.append(a2b_base64(line))
                if len(page) == BATCH:
                    ledger.add(store, device, page)
                    page.clear()
        ledger.add(store, device, page)
        boot, mono_us, log_next = report["log_end"]
        store.note_pull(device, boot, mono_us, 1, log_next)
    finally:
        store.close()


def alarm_names() -> list[str]:
    """The alarms that a report may name."""
    return [row[1] for row in spec.alarms()]


def utc_us_of(text: str) -> int:
    """The instant of a report's time, microseconds UTC."""
    return to_utc_us(datetime.fromisoformat(text))


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _failure(code: int, told: dict[str, Any]) -> PumpError:
    if "refused" in told:
        fields = {name: str(value) for name, value in told.get("fields", {}).items()}
        return refusals.refused(str(told.get("verb")), {"name": str(told["refused"]), **fields})
    why = str(told.get("error"))
    if code == 2:
        return InputFileError(why, [])
    return PumpError(f"The rehearsal failed: {why}.", "There is no result.")
