"""The hub against the port alone: a status, a stop from a cold shell, a stop while ten users hammer, the import.

Owns: the figures of the interface and the hub.
Rules: real processes, a real pseudo-terminal, the real firmware; each figure beside its goal.
Units: ms, ticks of 20 ms.
Leaves: the rig to rigsim, the rest to pumprig.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.pop(0)  # bench/, where this file would be found as the package `hub`
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import pumprig
from hub.hammering import ten_users
from pumprig.hub.link import HubLink
from pumprig.rig import stopping
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.rig.simulator import PrivateRig

ASKED = 400
COLD = 9
STOPS = 10
TICK_MS = 20


def median_ms(work: object, times: int) -> float:
    """Of so many calls."""
    assert callable(work)
    taken: list[float] = []
    for _ in range(times):
        begun_s = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begun_s))
    return statistics.median(taken)


def cold(*words: str) -> None:
    """A Python process from its start to its end."""
    subprocess.run([sys.executable, *words], check=True, capture_output=True)


def stop_latency_ms(folder: Path) -> list[float]:
    """From the stop's line to its confirmation, while ten users poll and pull."""
    taken: list[float] = []
    with ten_users(folder) as users:
        for _ in range(STOPS):
            users[0].resume()
            link = HubLink("sim", str(folder / "state" / "sim"))
            begun_s = time.perf_counter()
            stopping.stop(link)
            taken.append(1000 * (time.perf_counter() - begun_s))
            link.close()
    return taken


def main() -> None:
    """Print the table and one line of JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PUMPRIG_HOME"] = name
        with pumprig.connect("sim") as rig:
            rig.propose(pumprig.constant("20 ul/h")).commit()
            port = rig.address
        client = Client(SerialLink(port))
        client.greet()
        alone_ms = median_ms(lambda: client.read("status"), ASKED)
        client.close()
        hub = subprocess.Popen([sys.executable, "-m", "pumprig", "hub"], stdout=subprocess.PIPE)
        assert hub.stdout is not None
        hub.stdout.readline()
        try:
            client = Client(HubLink(port, None))
            client.greet()
            hub_ms = median_ms(lambda: client.read("status"), ASKED)
            client.close()
            bare_ms = median_ms(lambda: cold("-c", "pass"), COLD)
            stop_ms = median_ms(lambda: cold("-m", "pumprig", "-p", "sim", "stop"), COLD)
            import_ms = statistics.median(
                median_ms(lambda: cold("-c", "import pumprig"), 1) - median_ms(lambda: cold("-c", "pass"), 1)
                for _pair in range(COLD)
            )
            busy_ms = stop_latency_ms(folder)
        finally:
            hub.terminate()
            hub.wait()
            PrivateRig(folder / "state" / "sim").stop()
    worst_ticks = max(busy_ms) / TICK_MS
    print(f"status over the port alone                {alone_ms:8.2f} ms")
    print(
        f"  through the hub                         {hub_ms:8.2f} ms     ({hub_ms / alone_ms:.2f} x; 1.5 or less)"
    )
    print(f"a bare interpreter                        {bare_ms:8.1f} ms")
    print(
        f"  `pumprig stop` through the hub          {stop_ms:8.1f} ms     ({stop_ms / bare_ms:.1f} x; 5 or less)"
    )
    print(f"stop confirmed while ten users hammer     {statistics.median(busy_ms):8.1f} ms     median")
    worst = f"({worst_ticks:.1f} ticks; 2 or less)"
    print(f"  the worst of {STOPS}                          {max(busy_ms):8.1f} ms     {worst}")
    print(f"import pumprig                            {import_ms:8.1f} ms     (60 or less)")
    figures = {
        "status_alone_ms": alone_ms,
        "status_hub_ms": hub_ms,
        "stop_cold_ms": stop_ms,
        "bare_ms": bare_ms,
        "stop_busy_ms": busy_ms,
        "import_ms": import_ms,
    }
    print(json.dumps({"hub": figures}))


if __name__ == "__main__":
    main()
