"""What the devices leave running when a run is paused, fails, or is cancelled half way. In their real frameworks."""

import asyncio
import math
from typing import Any

import pumprig
import pytest

pytest.importorskip("pylabrobot", reason="PyLabRobot has an environment of its own: make adapters")
pytest.importorskip("ophyd_async", reason="ophyd-async has an environment of its own: make adapters")

from adapters.test_devices import engine
from adapters.test_devices import home as home
from bluesky import plan_stubs as stubs
from bluesky.utils import RunEngineInterrupted
from ophyd_async.core import NotConnectedError, init_devices
from pumprig.integrations.ophyd import READ, PumpRig
from pumprig.integrations.pylabrobot import PumpRigBackend, PumpRigDevice
from pumprig.lab.servers import until
from pumprig.rig.status import Status


def state() -> str | None:
    with pumprig.connect("sim") as rig:
        return rig.status().state


def flight(pump: PumpRig, then: Any = None) -> Any:
    pump.therapy.prepare_program(pumprig.constant("500 ul/h"), for_s=3600.0)
    yield from stubs.open_run()
    yield from stubs.kickoff(pump.therapy, wait=True)
    if then is not None:
        yield from then()
    yield from stubs.complete(pump.therapy, wait=True)


def test_a_run_that_is_paused_in_a_flight_stops_the_pump_and_goes_on_with_it() -> None:
    run, pump = engine()
    seen: list[str | None] = []

    def pauses() -> Any:
        yield from stubs.checkpoint()
        yield from stubs.pause()
        seen.append(state())
        raise ValueError("enough")

    with pytest.raises(RunEngineInterrupted):
        run(flight(pump, pauses))
    assert state() == "stopped"
    with pytest.raises(ValueError, match="enough"):
        run.resume()
    assert seen == ["running"]
    assert state() == "stopped"


def test_a_run_that_fails_behind_a_kick_off_stops_the_pump() -> None:
    """Nobody had asked it to complete: it ran on for good."""
    run, pump = engine()

    def fails() -> Any:
        yield from stubs.null()
        raise ValueError("another device is broken")

    with pytest.raises(ValueError, match="another device"):
        run(flight(pump, fails))
    assert state() == "stopped"


def test_a_mock_of_a_rig_is_refused_and_nothing_is_connected() -> None:
    """It had connected to the real one."""
    with pytest.raises(NotConnectedError, match="no mock"), init_devices(mock=True):
        pump = PumpRig("sim", name="pump")
    assert pump.name == "pump"


def test_what_a_rig_does_not_know_is_no_number_in_bluesky() -> None:
    """Without a calibration `delivered` was 0 uL."""
    with pumprig.connect("sim") as rig:
        known = rig.status()
    unknown = Status(**{**vars(known), "delivered_nl": None, "reservoir_nl": None})
    of = {name: row[2] for name, row in READ.items()}
    assert math.isnan(of["delivered"](unknown))
    assert math.isnan(of["reservoir"](unknown))
    assert of["delivered"](known) == (known.delivered_nl or 0) / 1000


def test_the_end_of_a_device_halts_a_dose_whose_task_was_cancelled_as_it_was_sent() -> None:
    async def course() -> None:
        device = PumpRigDevice("sim")
        await device.setup()
        sent = asyncio.Event()
        plain = device.rig.dispense

        async def dispense(**named: Any) -> Any:
            dose = await plain(**named)
            sent.set()
            await asyncio.Event().wait()
            return dose

        device.rig.dispense = dispense  # type: ignore[method-assign]
        giving = asyncio.ensure_future(device.pump_volume(0.1, 50.0))
        await sent.wait()
        giving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await giving
        await device.stop()

    asyncio.run(course())
    until(lambda: state() == "stopped", "the pump standing", within_s=10)


def test_the_end_of_a_device_leaves_a_therapy_alone_that_was_not_begun_there() -> None:
    """What the rig has refused was not begun."""

    async def course() -> None:
        device = PumpRigDevice("sim")
        await device.setup()
        with pumprig.connect("sim") as rig:
            rig.propose(pumprig.constant("20 ul/h")).commit()
        for refused in (device.pump_volume(0.1, 50.0), device.run_continuously(1e4)):
            with pytest.raises(pumprig.PumpError):
                await refused
        await device.stop()

    asyncio.run(course())
    assert state() == "running"


def test_a_backend_that_is_set_up_twice_has_one_connection() -> None:
    async def course() -> None:
        backend = PumpRigBackend("sim")
        await backend.setup()
        first = backend.rig
        await backend.setup()
        assert backend.rig is first
        await backend.stop()

    asyncio.run(course())
