"""One store, made, opened and read by many processes at once, some of them killed.

Owns: the processes and the judgement of what is left.
Rules: real processes and a real file; every one that was not killed succeeds; in the end the store is whole.
Units: none.
Leaves: the store to pumprig.
"""

import os
import random
import signal
import subprocess
import sys

from pumprig.store import Store, ledger
from pumprig.store.verify import verify
from pumpwire import records

DEVICE = "73696d7500112233"
WORKER = """
import sys
from pathlib import Path
from faults import store_race
store_race.work(Path(sys.argv[1]), int(sys.argv[2]))
"""


def chain(count):
    """Records as a rig makes them."""
    page, previous = [], None
    for number in range(1, count + 1):
        header = {
            "event": records.EVENTS.index("checkpoint"),
            "number": number,
            "boot": 1,
            "mono_us": number * 600_000_000,
            "utc_us": 1_767_225_600_000_000 + number * 600_000_000,
            "calibration_id": 1,
            "chain": records.link(previous) if previous else b"\x00" * records.CHAIN,
        }
        previous = records.pack(header, {"basal_steps": number * 100, "mode": 1}, "")
        page.append(previous)
    return page


def work(path, count):
    """What each process does: make or open the store, take the records in, read them back."""
    store = Store(path, busy_s=60)
    store.note_device(DEVICE, "0.1.0", 1)
    store.note_calibration(DEVICE, 1, 335, 100, 10_000)
    page = chain(count)
    for start in range(0, count, 16):
        ledger.add(store, DEVICE, page[start : start + 16])
    assert sum(1 for _ in ledger.read(store, DEVICE)) == count
    store.note_pull(DEVICE, 1, 1, 1, count + 1)
    store.close()


def race(path, processes, killed, seed, count=64):
    """Failures of one race: `processes` at once, `killed` of them by SIGKILL at a drawn instant."""
    drawn = random.Random(seed)
    folders = [folder for folder in sys.path if folder]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PUMPRIG_HOME": str(path.parent)}
    command = [sys.executable, "-c", WORKER, str(path), str(count)]
    running = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for _ in range(processes)
    ]
    for child in running[:killed]:
        try:
            child.wait(drawn.uniform(0.05, 1.5))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    failures = []
    for child in running:
        said = child.communicate(timeout=120)[1].decode(errors="replace")
        if child.returncode not in (0, -signal.SIGKILL):
            failures.append(said.strip().splitlines()[-1] if said.strip() else f"exit {child.returncode}")
    store = Store(path)
    verdict = verify(store, DEVICE)
    store.close()
    if verdict.count != count or not verdict.ok:
        failures.append(f"{verdict.count} records, faults: {verdict.faults[:3]}")
    return failures
