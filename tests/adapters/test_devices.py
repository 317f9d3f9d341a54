"""The devices for PyLabRobot and Bluesky in their real frameworks, on a simulated rig: each dose equals the ledger.

They need an environment of their own: `make adapters` makes it and runs these tests there.
"""

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pumprig
import pytest
from pumprig.lab.servers import until
from pumprig.rig import simulator
from pumprig.rig.simulator import PrivateRig

pytest.importorskip("pylabrobot", reason="PyLabRobot has an environment of its own: make adapters")
pytest.importorskip("ophyd_async", reason="ophyd-async has an environment of its own: make adapters")

from bluesky import RunEngine, plans
from bluesky import plan_stubs as stubs
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd_async.core import init_devices
from pumprig.integrations.ophyd import EndedShort, PumpRig
from pumprig.integrations.pylabrobot import (
    EndedShort as PumpEndedShort,
)
from pumprig.integrations.pylabrobot import PumpRigBackend, PumpRigDevice, PumpRigFrontend

STOP_AFTER_S = 1.5


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    for name in ("PUMPRIG_PORT", "PUMPRIG_DB"):
        monkeypatch.delenv(name, raising=False)
    with subprocess.Popen(
        [sys.executable, "-m", "pumprig", "hub"], stdout=subprocess.PIPE, env=dict(os.environ)
    ) as hub:
        assert hub.stdout is not None
        hub.stdout.readline()
        yield tmp_path
        hub.terminate()
    PrivateRig(tmp_path / "state" / "sim").stop()


PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "devices.md"


@pytest.mark.parametrize("place", [0, 1], ids=["pylabrobot", "bluesky"])
def test_the_page_s_snippets_run_word_for_word(home: Path, place: int) -> None:
    """At twenty times the speed, for one of them gives 50 uL in half a minute."""
    command = [sys.executable, "-m", "pumprig"]
    subprocess.run([*command, "sim", "--background", "--speed", "20"], check=True)
    text = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)[place]
    code = compile(text, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {}
    waits = eval(code, names)
    if waits is not None:
        asyncio.run(waits)
    with pumprig.connect("sim") as rig:
        status = rig.status()
        assert status.calibration is not None
        given_nl = status.by_kind_steps["single"] * (status.calibration.nl_per_step or 0)
    assert given_nl == pytest.approx(50_000, abs=10)


def single_steps() -> int:
    """What the rig's ledger has of single doses."""
    with pumprig.connect("sim") as rig:
        return rig.status().by_kind_steps["single"]


def stop_soon() -> threading.Timer:
    def stop() -> None:
        with pumprig.connect("sim") as rig:
            rig.stop()

    timer = threading.Timer(STOP_AFTER_S, stop)
    timer.start()
    return timer


def test_pylabrobot_device_counts_what_the_ledger_counts() -> None:
    async def course() -> int:
        device = PumpRigDevice("sim")
        await device.setup()
        steps = await device.pump_volume(10.0, 2.0)
        steps += await device.run_revolutions(0.1, speed=10.0)
        await device.run_continuously(0.1)
        assert (await device.rig.status()).state == "running"
        await device.halt()
        assert (await device.rig.status()).state == "stopped"
        assert PumpRigDevice(**{k: v for k, v in device.serialize().items() if k != "type"}).port == "sim"
        await device.stop()
        return steps

    steps = asyncio.run(course())
    assert steps == single_steps() > 0


def test_pylabrobot_device_says_what_was_not_given() -> None:
    async def course() -> None:
        device = PumpRigDevice("sim")
        await device.setup()
        timer = stop_soon()
        with pytest.raises(PumpEndedShort, match="stopped"):
            await device.pump_volume(0.1, 50.0)
        timer.join()
        await device.stop()

    asyncio.run(course())


def test_pylabrobot_s_own_pump_waits_for_the_counted_dose() -> None:
    async def course() -> None:
        pump = PumpRigFrontend(backend=PumpRigBackend("sim"))
        await pump.setup()
        before = single_steps()
        await pump.pump_volume(speed=10.0, volume=2.0)
        assert single_steps() > before
        await pump.run_continuously(speed=0.1)
        await pump.halt()
        assert pump.serialize()["backend"]["port"] == "sim"
        await pump.stop()

    asyncio.run(course())


def engine() -> tuple[Any, PumpRig]:
    run = RunEngine(call_returns_result=True)
    with init_devices():
        pump = PumpRig("sim", name="pump")
    return run, pump


def test_bluesky_moves_rate_and_doses_and_reads_what_is_now() -> None:
    run, pump = engine()
    documents: list[tuple[str, dict]] = []
    run.subscribe(lambda name, document: documents.append((name, document)))
    pump.bolus.over_s = pump.dispense.over_s = 2.0

    def course() -> Any:
        yield from stubs.mv(pump.rate, 500.0)
        yield from stubs.mv(pump.bolus, 2.0)
        yield from plans.count([pump])
        yield from stubs.mv(pump.rate, 0.0)
        yield from stubs.mv(pump.dispense, 1.0)

    run(course())
    events = [document["data"] for name, document in documents if name == "event"]
    assert events[0]["pump-state"] == "running"
    assert events[0]["pump-rate"] == 500.0
    assert events[0]["pump-bolus"] == pump.bolus.counted_ul > 1.9
    assert pump.bolus.counted_steps + pump.dispense.counted_steps == single_steps()


def test_bluesky_abort_in_mid_dose_stops_the_pump_and_the_status_fails_with_the_count() -> None:
    run, pump = engine()
    pump.dispense.over_s = 120.0
    timer = stop_soon()
    with pytest.raises(FailedStatus) as failed:
        run(stubs.mv(pump.dispense, 50.0))
    timer.join()
    assert isinstance(failed.value.__cause__, EndedShort)
    with pumprig.connect("sim") as rig:
        assert rig.status().state == "stopped"
    assert pump.dispense.counted_steps == single_steps()


def test_an_aborted_run_stops_the_pump_in_mid_dose_and_the_count_is_the_ledger_s() -> None:
    """RE.abort, as a person at a Bluesky prompt does it: pause, then abort."""
    run, pump = engine()
    pump.dispense.over_s = 120.0
    timer = threading.Timer(STOP_AFTER_S, run.request_pause)
    timer.start()
    with pytest.raises(RunEngineInterrupted):
        run(stubs.mv(pump.dispense, 50.0))
    timer.join()
    run.abort()
    with pumprig.connect("sim") as rig:
        status = rig.status()
    assert status.state == "stopped"
    assert 0 < status.delivered_nl < 50_000
    until(lambda: pump.dispense.counted_steps == single_steps(), "the count of the aborted dose")


def unplugged_rig(folder: Path, from_s: float, to_s: float) -> str:
    """A rig of its own whose cable is out for a while."""
    events = [{"at_ms": round(1000 * from_s), "do": "unplug"}, {"at_ms": round(1000 * to_s), "do": "plug"}]
    (folder / "cable.json").write_text(json.dumps(events), "utf-8")
    words = ("serve", "--link", str(folder / "rig"), "--scenario", str(folder / "cable.json"), "--seed", "3")
    child = subprocess.Popen(
        [sys.executable, "-m", "rigsim", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=simulator.environment(),
    )
    assert child.stdout is not None
    child.stdout.readline()
    UNPLUGGED.append(child)
    return str(folder / "rig")


UNPLUGGED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def ended() -> Generator[None]:
    yield
    while UNPLUGGED:
        child = UNPLUGGED.pop()
        child.terminate()
        child.wait()


def single_steps_at(port: str) -> int:
    with pumprig.connect(port) as rig:
        return rig.status().by_kind_steps["single"]


def test_a_cable_that_is_out_for_a_moment_in_mid_dose_costs_neither_framework_a_step(home: Path) -> None:
    port = unplugged_rig(home, 8.0, 11.0)

    async def course() -> int:
        device = PumpRigDevice(port)
        await device.setup()
        dose = await device.rig.dispense(volume_nl=2_000, over_s=12.0)
        await dose.wait()
        assert dose.outcome == "given"
        await device.stop()
        return dose.counted_steps or 0

    assert asyncio.run(course()) == single_steps_at(port) > 0


def test_a_cable_that_stays_out_in_mid_dose_fails_the_move_and_the_dose_goes_on(home: Path) -> None:
    port = unplugged_rig(home, 8.0, 45.0)
    run = RunEngine(call_returns_result=True)
    with init_devices():
        pump = PumpRig(port, name="pump")
    pump.dispense.over_s = 20.0
    with pytest.raises(FailedStatus) as failed:
        run(stubs.mv(pump.dispense, 3.0))
    assert isinstance(failed.value.__cause__, pumprig.LinkError)
    assert pump.dispense.counted_steps == 0  # nothing is claimed that was not read

    def given() -> bool:
        try:
            with pumprig.connect(port) as rig:
                rig.pull()
                ends = [event for event in rig.events(0, follow=False) if event.event == "bolus_end"]
                return (
                    bool(ends) and int(ends[-1].fields["done_steps"]) == rig.status().by_kind_steps["single"]
                )
        except pumprig.LinkError:
            return False

    until(given, "the dose's end in the rig's log, after the cable was back")


def test_a_therapy_flies_and_its_events_are_the_log_s_records() -> None:
    run, pump = engine()
    documents: list[tuple[str, dict]] = []
    run.subscribe(lambda name, document: documents.append((name, document)))
    pump.therapy.prepare_program(pumprig.constant("500 ul/h"), for_s=2.0)

    def course() -> Any:
        yield from stubs.open_run()
        yield from stubs.kickoff(pump.therapy, wait=True)
        yield from stubs.complete(pump.therapy, wait=True)
        yield from stubs.collect(pump.therapy)
        yield from stubs.close_run()

    run(course())
    rows: list[str] = []
    for name, document in documents:
        if name == "event":
            rows.append(document["data"]["pump-therapy-event"])
        if name == "event_page":
            rows += document["data"]["pump-therapy-event"]
    assert rows[0] == "command"  # the commit
    assert rows[-1] == "stop"
