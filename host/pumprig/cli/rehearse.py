"""`pumprig rehearse`: a program on the simulated rig in virtual time, as fast as it goes.

Owns: the command, and handing program and events to the simulator's program.
Rules: every fault of either file is told before anything starts; the same files, events and seed give the same
output but for `wall_s`; with -o the log goes, verified, into a database of its own.
Callers: the command table.
Units: times with units; JSON by the names' endings.
Leaves: the run to rigsim, files to therapy/, records to store/.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from binascii import a2b_base64
from pathlib import Path
from typing import IO, Any

import click

from pumprig import quantities
from pumprig.cli.log import progress_of
from pumprig.cli.options import OutputFile
from pumprig.cli.settings import Settings, current
from pumprig.errors import InputFileError, PumpError, UsageError
from pumprig.rig import refusals, simulator
from pumprig.store import Store, ledger
from pumprig.therapy import events as event_files
from pumprig.therapy import program as programs

START = "2026-01-01T00:00:00Z"
BATCH = 500
MOST_SHOWN = 10


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--for", "for_", required=True, metavar="TIME", help="Simulated time, for example `90 d`.")
@click.option("--events", type=click.Path(dir_okay=False, path_type=Path), help="Timed events as TOML.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Which simulated rig.")
@click.option("--start", default=START, show_default=True, help="The simulated start, ISO 8601.")
@click.option("--slow", is_flag=True, help="Run every tick, also those that provably do nothing.")
@click.option("-o", "--output", type=OutputFile(), help="A new database for the log.")
def rehearse(
    file: Path, for_: str, events: Path | None, seed: int, start: str, slow: bool, output: Path | None
) -> None:
    """Run the program FILE on the simulated rig in virtual time, with timed events."""
    settings = current()
    start_us = quantities.parse_instant(start, "--start", quantities.now_utc_us())
    loaded = programs.load(file, start_us)
    listed = event_files.load(events, start_us) if events else []
    if output is not None and output.exists():
        raise PumpError(f"{output} exists.", "Nothing was run.", "Name a new database with -o.")
    for_ms = quantities.parse(for_, "time", "--for")
    if not for_ms:
        raise UsageError("--for: no time to rehearse.", "Nothing was run.")
    late = sum(int(row["at_ms"]) > for_ms for row in listed)
    if late:
        settings.say(f"warning: {late} of {len(listed)} events lie beyond --for and do not happen")
    request = {
        "program": loaded.text,
        "program_name": loaded.name,
        "for_ms": for_ms,
        "events": listed,
        "seed": seed,
        "slow": slow,
        "start_utc_us": start_us,
        "progress": True,
    }
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        records = Path(folder) / "records.txt"
        if output is not None:
            request["records"] = str(records)
        report = run(settings, request)
        if output is not None:
            _store(output, records, report, loaded)
    settings.document(report)
    if not settings.json:
        _show(settings, report)
    if not report["log_verified"]:
        raise PumpError(
            "The simulated rig's log does not verify.",
            "",
            "This is a fault of the firmware; please report it.",
        )


def run(settings: Settings, request: dict[str, Any]) -> dict[str, Any]:
    """Start the simulator, wait, and return its report. Raises PumpError, RefusedError."""
    child = subprocess.Popen(
        simulator.command(["rehearse"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=simulator.environment(),
    )
    messages: list[str] = []
    with progress_of(settings, "rehearsing") as progress:
        assert child.stderr is not None
        reader = threading.Thread(target=_listen, args=(child.stderr, messages, progress), daemon=True)
        reader.start()
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(request))
            child.stdin.close()
            output = child.stdout.read()
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        reader.join(2)
    if code == 0:
        report: dict[str, Any] = json.loads(output)
        return report
    raise _failure(code, messages)


def _listen(stream: IO[str], messages: list[str], progress: Any) -> None:
    for line in stream:
        if line.startswith('{"progress"'):
            if progress:
                progress(round(json.loads(line)["progress"] * 1000), 1000)
        else:
            messages.append(line.strip())


def _failure(code: int, messages: list[str]) -> PumpError:
    last = messages[-1] if messages else ""
    try:
        told: dict[str, Any] = json.loads(last)
    except ValueError:
        return PumpError(
            f"The simulator failed: {last or 'no reason given'}.", "There is no result.", "Run it with -v."
        )
    if "refused" in told:
        fields = {name: str(value) for name, value in told.get("fields", {}).items()}
        return refusals.refused(str(told.get("verb")), {"name": str(told["refused"]), **fields})
    why = str(told.get("error", last))
    return (
        InputFileError(why, [])
        if code == 2
        else PumpError(f"The rehearsal failed: {why}.", "There is no result.")
    )


def _store(path: Path, records: Path, report: dict[str, Any], loaded: programs.Program) -> None:
    """The records into a new database, verified like any pull."""
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
        store.note_program(device, loaded.hash, loaded.text)
        page: list[bytes] = []
        with open(records, encoding="ascii") as file:
            for line in file:
                page.append(a2b_base64(line))
                if len(page) == BATCH:
                    ledger.add(store, device, page)
                    page.clear()
        ledger.add(store, device, page)
    finally:
        store.close()


def _show(settings: Settings, report: dict[str, Any]) -> None:
    volume = quantities.volume_text
    simulated = quantities.duration_text(report["simulated_s"] * 1000)
    settings.show(
        f"{report['program_name']}: {simulated} simulated in {report['wall_s']:.1f} s (seed {report['seed']})"
    )
    off = report["true_nl"] - report["delivered_nl"]
    settings.show(
        f"  delivered (counted) {volume(report['delivered_nl'])}, commanded {volume(report['commanded_nl'])}"
    )
    settings.show(
        f"  simulated fluid     {volume(report['true_nl'])} ({off / max(1, report['delivered_nl']):+.2%})"
    )
    for kind, value in report["by_kind"].items():
        if value:
            settings.show(f"    {kind:12} {volume(value):>12}")
    demand = report["demand"]
    if demand["asked"]:
        settings.show(
            f"  demand boluses: {demand['asked']} asked, {demand['given']} given, {demand['refused']} refused"
        )
    for row in report["refused"][:MOST_SHOWN]:
        settings.show(f"  refused: {row['verb']} at {row['at']} ({row['why']})")
    if len(report["refused"]) > MOST_SHOWN:
        settings.show(f"  and {len(report['refused']) - MOST_SHOWN} more refusals; --json has them")
    settings.show(f"  reservoir {volume(report['reservoir_nl'])} after {report['refills']} refills")
    for alarm in report["alarms"]:
        settings.show(
            f"  alarm {alarm['name']} ({alarm['priority']}) at {alarm['at']}, cleared {alarm['cleared_at'] or 'never'}"
        )
    settings.show(
        f"  log: {report['log_records']} records, {'verified' if report['log_verified'] else 'NOT verified'}"
    )
