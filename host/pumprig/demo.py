"""`make demo`: the whole path in under a minute, on the simulated rig.

Owns: the demonstration's course and its summary.
Rules: every step goes through the same modules as the commands; the simulated rig runs the real firmware in accelerated
time; everything lies in one folder, which a new run empties of its own files first.
Units: simulated seconds since the commit, wall seconds.
Leaves: nothing running: the simulated rig is ended in every exit.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from pumprig.cli.report import write
from pumprig.errors import LinkError, PumpError, RefusedError
from pumprig.quantities import duration_text, now_utc_us, rate_text, volume_text, volume_with_u
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.rig.pull import pull
from pumprig.rig.simulator import PrivateRig
from pumprig.store import Store
from pumprig.store.intents import StoredIntents
from pumprig.store.totals import total
from pumprig.store.verify import verify
from pumprig.terminal import RETURN, put
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program

SPEED = 1_200
MARGIN_US = 300_000_000  # of the report before the program's start
HOURS = 8
WALL_LIMIT_S = 45.0
SEED = 7


def main(arguments: list[str]) -> int:
    """Run the demonstration; returns the exit code."""
    path, folder = Path(arguments[0]), Path(arguments[1])
    signal.signal(signal.SIGTERM, _ended)
    try:
        _run(path, folder)
    except PumpError as error:
        put(f"error: {error}", err=True)
        return error.exit_code
    return 0


def _ended(_signal: int, _frame: FrameType | None) -> None:
    """A kill unwinds like an error, so that the simulated rig ends with the demonstration."""
    sys.exit(143)


def _run(path: Path, folder: Path) -> None:
    begun_s = time.monotonic()
    program = programs.load(path)
    private = PrivateRig(folder / "rig")
    private.stop()
    shutil.rmtree(private.folder, ignore_errors=True)
    for old in folder.glob("pumprig.db*"):
        old.unlink()
    port = private.ensure(["--speed", str(SPEED), "--seed", str(SEED)])
    put(f"simulated rig ready on {port}, running the real firmware at {SPEED} times real time")
    store = Store(folder / "pumprig.db")
    try:
        client = Client(SerialLink(port), StoredIntents(store))
        _load(client, program)
        from_us = int(client.read("status").fields["utc_us"]) - MARGIN_US
        put(f"programmed: {program.name} ({program.mode}), hash {program.hash}")
        _deliver(client)
        result = pull(client, store)
        put(f"log pulled: {result.new} records into {store.path}")
        client.close()
        report = folder / "report.html"
        write(store, verify(store, result.device_id), from_us, None, report)
        _summary(store, result.device_id)
        put(f"report:    {report}")
    finally:
        store.close()
        private.stop()
    put(f"took {time.monotonic() - begun_s:.0f} s")


def _load(client: Client, program: Program) -> None:
    """Set the clock, fill, stage, commit: up to three times, as a session lasts half a second in this fast world."""
    for turn in range(3):
        try:
            with client.session():
                client.change("clock", {"utc_us": now_utc_us()})
                client.change("refill", {"volume_nl": program.document["reservoir_nl"]})
                staged = client.stage(program.text)
                if staged.hash != program.hash:
                    raise PumpError("The rig read back another program.", "Nothing was committed.")
                client.commit(program.hash, override=False)
            return
        except RefusedError as error:
            if error.name not in ("access", "nothing") or turn == 2:
                raise


def _deliver(client: Client) -> None:
    """Let HOURS pass, with a demand bolus and a single bolus on the way."""
    start_us = int(client.read("status").fields["mono_us"])
    wall_s = time.monotonic()
    due: list[tuple[float, str, dict[str, int]]] = [
        (1.5, "demand", {}),
        (4.2, "bolus", {"volume_nl": 15_000, "over_ms": 600_000}),
    ]
    passed_s = 0.0
    while passed_s < HOURS * 3600 and time.monotonic() - wall_s < WALL_LIMIT_S:
        fields = client.read("status").fields
        passed_s = (int(fields["mono_us"]) - start_us) / 1e6
        if due and passed_s >= due[0][0] * 3600:
            _at, verb, values = due.pop(0)
            _ask(client, verb, dict(values))
        _draw(passed_s, fields)
        time.sleep(0.2)
    put("")
    put(f"delivered for {duration_text(passed_s * 1000)} of simulated time")


def _ask(client: Client, verb: str, values: dict[str, int | str | None]) -> None:
    try:
        with client.session():
            client.change(verb, values)
    except (RefusedError, LinkError) as error:  # the demonstration goes on; what was refused is in the log
        put("")
        put(str(error))


def _draw(passed_s: float, fields: dict[str, str]) -> None:
    if not sys.stdout.isatty():
        return
    rate = rate_text(int(fields["rate_nl_per_day"]) / 24)
    told = f"{duration_text(passed_s * 1000):>12}  {fields['state']:8} {rate:28} "
    told += volume_text(int(fields["delivered_nl"]))
    put(RETURN, told.ljust(76), end="")


def _summary(store: Store, device_id: str) -> None:
    sums = total(store, device_id, None, None)
    verdict = verify(store, device_id)
    volume = volume_with_u(sums.volume_nl, sums.u_nl)
    put(f"delivered: {volume} (k = 2), {sums.steps} counted steps")
    for kind, volume_nl in sums.by_kind_nl.items():
        if volume_nl:
            put(f"           {kind:9} {volume_text(volume_nl)}")
    put(f"log:       {verdict.count} records, chain {'verified' if verdict.verified else 'NOT verified'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
