"""Ten years of records: what the commands that read the log cost, beside plain sqlite3 and pandas doing the same read.

Owns: the store of COUNT records, and the table.
Rules: processor time, which a busy machine does not change much; each work in a process of its own, so that its memory
is its own; pandas is measured where it is installed, and said to be missing where not.
Units: seconds of the processor, microseconds a record, MiB.
Leaves: what is right to the tests.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "host"), str(HERE.parent / "firmware" / "lib")]
DEVICE = "73696d7500112233"
STEP_US = 150_000_000
START_US = 1_767_225_600_000_000
GOALS = {"add": 40.0, "verify": 1.5, "total": 0.14, "show": 0.2, "report": 3.0, "report of a week": 1.0}
UNITS = {"add": "µs a record"}
NAMES = (
    "total",
    "total, plain sqlite3",
    "total, pandas",
    "verify",
    "every column, plain sqlite3",
    "show",
    "report",
    "report of a week",
)


def chain(count: int) -> Iterator[bytes]:
    """Records as a rig makes them: a periodic bolus begins at every 40th, ends at the next."""
    from pumpwire import records

    previous = None
    for number in range(1, count + 1):
        event = {0: "bolus_start", 1: "bolus_end"}.get(number % 40, "checkpoint")
        text = "kind=periodic asked_steps=100 done_steps=100" if event != "checkpoint" else ""
        header = {
            "event": records.EVENTS.index(event),
            "number": number,
            "boot": 1,
            "mono_us": number * STEP_US,
            "utc_us": START_US + number * STEP_US,
            "calibration_id": 1,
            "chain": records.link(previous) if previous else b"\x00" * records.CHAIN,
        }
        state = {"basal_steps": number * 100, "mode": 1, "reservoir_base_nl": 20_000_000}
        previous = records.pack(header, state, text)
        yield previous


def fill(path: Path, count: int) -> float:
    """A store of so many records; µs a record for taking them in."""
    from pumprig.store import Store, ledger

    store = Store(path)
    store.note_device(DEVICE, "0.1.0", 1)
    store.note_calibration(DEVICE, 1, 335, 100, 10_000)
    page: list[bytes] = []
    took_s = 0.0
    for raw in chain(count):
        page.append(raw)
        if len(page) == 64:
            begun_s = time.process_time()
            ledger.add(store, DEVICE, page)
            took_s += time.process_time() - begun_s
            page = []
    ledger.add(store, DEVICE, page)
    store.note_pull(DEVICE, 1, count * STEP_US, 1, count + 1)
    store.close()
    return took_s / count * 1e6


def works(path: Path, count: int) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    from pumprig.store import Store, ledger
    from pumprig.store.given import delivery_of
    from pumprig.store.totals import total
    from pumprig.store.verify import verify

    end_us = START_US + count * STEP_US
    store = Store(path)

    def report(from_us: int | None) -> object:
        from pumprig.report.page import render
        from pumprig.store.verify import Verdict

        return render(store, Verdict(DEVICE, count, 1, count, [], [], "0" * 32), from_us, None)

    def pandas_total() -> object:
        import pandas

        query = "SELECT number, calibration_id, net_steps, utc_us FROM records WHERE device_id = ? ORDER BY number"
        frame = pandas.read_sql_query(query, store.db, params=(DEVICE,))
        return frame.net_steps.diff().groupby(frame.calibration_id.shift()).sum()

    def all_columns() -> object:
        query = "SELECT * FROM records WHERE device_id = ? ORDER BY number, boot"
        return sum(1 for _ in store.db.execute(query, (DEVICE,)))

    def plain_total() -> object:
        query = (
            "SELECT calibration_id, sum(step) FROM (SELECT calibration_id, lead(net_steps) OVER (ORDER BY number) "
            "- net_steps AS step FROM records WHERE device_id = ?) GROUP BY calibration_id"
        )
        return store.db.execute(query, (DEVICE,)).fetchall()

    return {
        "total": lambda: delivery_of(store, total(store, DEVICE, None, None)),
        "total, plain sqlite3": plain_total,
        "total, pandas": pandas_total,
        "verify": lambda: verify(store, DEVICE),
        "every column, plain sqlite3": all_columns,
        "show": lambda: list(ledger.read(store, DEVICE, end_us - 1_000 * STEP_US)),
        "report": lambda: report(None),
        "report of a week": lambda: report(end_us - 7 * 86_400_000_000),
    }


def measured(path: Path, count: int, name: str) -> tuple[float, float] | None:
    """(s of the processor, MiB at the most) of one work in a process of its own; None where a library is missing."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(path), str(count), name], stdout=subprocess.PIPE, check=True
    )
    said = json.loads(done.stdout)
    return (said[0], said[1]) if said else None


def main() -> int:
    """Print the table; figures as JSON in the last line."""
    if sys.argv[1:2] == ["--one"]:
        path, count, name = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
        work = works(path, count)[name]
        begun_s = time.process_time()
        try:
            work()
        except ImportError:
            print("null")
            return 0
        used_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([time.process_time() - begun_s, used_mib]))
        return 0
    if sys.argv[1:2] == ["--fill"]:
        print(fill(Path(sys.argv[2]), int(sys.argv[3])))
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    names = NAMES
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PUMPRIG_HOME"] = folder
        path = Path(folder) / "log.db"
        command = [
            sys.executable,
            __file__,
            "--fill",
            str(path),
            str(count),
        ]  # apart: a child's peak begins at ours
        filled = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        figures: dict[str, float] = {"add": float(filled.stdout)}
        memory: dict[str, float] = {}
        for name in names:
            found = measured(path, count, name)
            if found is not None:
                figures[name], memory[name] = found
    print(f"{count} records; goals are those for 100 000")
    print(f"{'work':30} {'measured':>16} {'goal':>8} {'MiB':>8}")
    for name in ("add", *names):
        value = f"{figures[name]:.3g} {UNITS.get(name, 's')}" if name in figures else "not installed"
        used = f"{memory[name]:.0f}" if name in memory else ""
        print(f"{name:30} {value:>16} {GOALS.get(name, ''):>8} {used:>8}")
    print(json.dumps({f"growth {name}": round(value, 4) for name, value in figures.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
