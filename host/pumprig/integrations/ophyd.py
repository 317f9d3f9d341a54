"""The rig as devices of Bluesky, by ophyd-async: rate and doses move, the status is read, a therapy flies.

Owns: what Bluesky's verbs mean on a rig.
Rules: a reading is asked of the rig at the moment it is read; a move ends when the rig says that it is there, not
when it was asked for; a dose that ends short fails its status and says what was counted; stopping any of them stops
the pump and reads back; a flyer's events are the rig's log records.
Units: rates µL/h, volumes µL, as the data keys say.
Leaves: the rig to pumprig.aio.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

try:
    from bluesky.protocols import Location, Reading
    from event_model import DataKey
    from ophyd_async.core import AsyncStatus, Device, WatchableAsyncStatus, WatcherUpdate
except ImportError as error:
    raise ImportError(
        "pumprig.integrations.ophyd needs ophyd-async 0.21 or newer: pip install 'pumprig[bluesky]'"
    ) from error

from pumprig import aio
from pumprig.api.programs import Constant
from pumprig.errors import PumpError
from pumprig.rig.status import Status
from pumprig.therapy.program import Program

NL_PER_UL = 1000.0
LOOK_S = 0.2
SETTLED_NL_PER_H = 1.0  # a rate is whole nL a day on the rig
REACHED_S = 10.0

READ = {  # field: (unit, type, what it is of a status)
    "state": ("", "string", lambda status: status.state or ""),
    "rate": ("uL/h", "number", lambda status: _ul(status.rate_nl_per_h)),
    "counted_rate": ("uL/h", "number", lambda status: _ul(status.counted_rate_nl_per_h)),
    "delivered": ("uL", "number", lambda status: _ul(status.delivered_nl)),
    "delivered_steps": ("", "integer", lambda status: status.delivered_steps or 0),
    "reservoir": ("uL", "number", lambda status: _ul(status.reservoir_nl)),
    "alarms": ("", "string", lambda status: " ".join(alarm.name for alarm in status.alarms)),
}


def _ul(nl: float | None) -> float:
    """nL as uL; what is not known is no number, and not 0."""
    return math.nan if nl is None else nl / NL_PER_UL


class EndedShort(PumpError):
    """A dose that was asked for was not given whole."""


class Connection:
    """What the devices of one rig share."""

    def __init__(self, port: str | None, more: dict[str, Any]) -> None:
        self._port, self._more = port, more
        self._rig: aio.AsyncRig | None = None

    @property
    def rig(self) -> aio.AsyncRig:
        """The open rig. Raises PumpError before `connect`."""
        if self._rig is None:
            raise PumpError("The rig is not connected.", "Nothing was sent.", "Connect the device first.")
        return self._rig

    async def open(self) -> None:
        """Connect, where it is not connected."""
        if self._rig is None:
            self._rig = await aio.connect(self._port, **self._more)

    async def close(self) -> None:
        """Give the port back."""
        rig, self._rig = self._rig, None
        if rig is not None:
            await rig.close()

    async def stop(self) -> None:
        """Stop the pump, and read back that it stands. Raises LinkError, PumpError."""
        await self.rig.stop()
        state = (await self.rig.status()).state
        if state not in ("stopped", "alarm"):
            raise PumpError(f"The pump is {state} after a stop.", "", "Press the stop button on the rig.")


class _OfRig(Device):
    """A device that shares its parent's rig."""

    def __init__(self, connection: Connection, name: str = "") -> None:
        self._connection = connection
        super().__init__(name=name)

    @property
    def rig(self) -> aio.AsyncRig:
        return self._connection.rig

    async def stop(self, success: bool = True) -> None:
        """Stop the pump, and read back that it stands. Raises LinkError."""
        await self._connection.stop()


class RateMovable(_OfRig):
    """The base rate as a movable: `set` in µL/h commits a constant therapy; 0 stops."""

    @WatchableAsyncStatus.wrap
    async def set(self, value: float) -> AsyncIterator[WatcherUpdate[float]]:
        """Commit the rate, and wait until the rig runs at it; a bolus on top may go on."""
        initial = _rate(await self.rig.status())
        if value == 0:
            await self.stop()
        else:
            plan = await self.rig.propose(aio.constant(rate_nl_per_h=round(value * NL_PER_UL)))
            await plan.commit()
        until_s = time.monotonic() + REACHED_S
        while True:
            current = _rate(await self.rig.status())
            yield WatcherUpdate(current, initial, value, name=self.name, unit="uL/h")
            if abs(current - value) * NL_PER_UL <= SETTLED_NL_PER_H:
                return
            if time.monotonic() > until_s:
                raise PumpError(f"The rig runs at {current:g} uL/h, not at {value:g}.", "It goes on.")
            await asyncio.sleep(LOOK_S)

    async def locate(self) -> Location[float]:
        """Set point and reading: the rig's own, both."""
        rate = _rate(await self.rig.status())
        return Location(setpoint=rate, readback=rate)

    async def read(self) -> dict[str, Reading[float]]:
        """The rate now."""
        return {self.name: _reading(_rate(await self.rig.status()))}

    async def describe(self) -> dict[str, DataKey]:
        """Its data key."""
        return {self.name: _key("rate", "number", "uL/h")}


class DoseMovable(_OfRig):
    """A dose as a movable: `set` in µL, watched while it flows, done when the rig has counted it."""

    def __init__(self, connection: Connection, verb: str, name: str = "") -> None:
        self._verb = verb
        self.over_s = 60.0  # of the next doses
        self.counted_ul = 0.0
        self.counted_steps = 0
        super().__init__(connection, name=name)

    @WatchableAsyncStatus.wrap
    async def set(self, value: float) -> AsyncIterator[WatcherUpdate[float]]:
        """Ask for the dose and follow it. Raises EndedShort, RefusedError, LinkError."""
        ask = self.rig.bolus if self._verb == "bolus" else self.rig.dispense
        dose = await ask(volume_nl=round(value * NL_PER_UL), over_s=self.over_s)
        while True:
            now = await dose.look()
            current = (now.delivered_nl or 0) / NL_PER_UL
            yield WatcherUpdate(current, 0.0, value, name=self.name, unit="uL")
            if dose.outcome is not None:
                break
            await asyncio.sleep(LOOK_S)
        self.counted_ul = _ul(dose.counted_nl)
        self.counted_steps = dose.counted_steps or 0
        if dose.outcome != "given":
            raise EndedShort(
                f"The dose ended short: {self.counted_ul:g} of {value:g} uL, {dose.outcome}.",
                "What was left of it is not given.",
            )

    async def read(self) -> dict[str, Reading[Any]]:
        """What the rig counted of the last dose."""
        return {
            self.name: _reading(self.counted_ul),
            f"{self.name}-steps": _reading(self.counted_steps),
        }

    async def describe(self) -> dict[str, DataKey]:
        """Its data keys."""
        return {
            self.name: _key("counted dose", "number", "uL"),
            f"{self.name}-steps": _key("counted steps", "integer", ""),
        }


class TherapyFlyer(_OfRig):
    """A therapy program as a flyer: kicked off by its commit; its events are the rig's log records.

    A pause of the run stops the pump, and its resumption runs the therapy again. A run that ends before `complete` was
    asked for stops it, too.
    """

    def __init__(self, connection: Connection, name: str = "") -> None:
        self._program: Program | Constant | str | Path | None = None
        self._for_s = 0.0
        self._until_s = 0.0
        self._since = 0
        self._is_up = False  # kicked off, and its end was not asked for yet
        self._paused = False
        super().__init__(connection, name=name)

    def prepare_program(self, program: Program | Constant | str | Path, for_s: float) -> None:
        """Which program flies, and for how long; then it is stopped."""
        self._program, self._for_s = program, for_s

    @AsyncStatus.wrap
    async def kickoff(self) -> None:
        """Stage, read back and commit the program."""
        if self._program is None:
            raise PumpError("No program was prepared.", "Nothing was sent.", "Call prepare_program first.")
        plan = await self.rig.propose(self._program)
        self._since = (await self.rig.pull()).log_next - 1
        self._is_up, self._paused = True, False
        await plan.commit()
        self._until_s = time.monotonic() + self._for_s

    @AsyncStatus.wrap
    async def complete(self) -> None:
        """Let its time pass, then stop the pump."""
        self._is_up = False
        await asyncio.sleep(max(0.0, self._until_s - time.monotonic()))
        await self.stop()

    async def pause(self) -> None:
        """The run pauses: the pump stands, and its time goes on. Raises LinkError."""
        if self._flying:
            self._paused = True
            await self.stop()

    async def resume(self) -> None:
        """The run goes on, and so does the therapy. Raises RefusedError, LinkError."""
        paused, self._paused = self._paused, False
        if paused and self._flying:
            await self.rig.resume()

    @property
    def _flying(self) -> bool:
        return self._is_up or time.monotonic() < self._until_s

    async def collect(self) -> AsyncIterator[dict[str, Any]]:
        """The rig's records since the kick-off. Bluesky collects at the end of every run, also of one that failed."""
        if self._is_up:
            self._is_up, self._until_s = False, 0.0
            await self.stop()
        async for event in self.rig.events(self._since, follow=False):
            self._since = event.number
            at_s = event.at.timestamp() if event.at else time.time()
            data: dict[str, Any] = {
                f"{self.name}-record": event.number,
                f"{self.name}-event": event.event,
                f"{self.name}-steps": event.delivered_steps,
            }
            yield {"time": at_s, "timestamps": dict.fromkeys(data, at_s), "data": data}

    async def describe_collect(self) -> dict[str, Any]:
        """Its stream's data keys."""
        return {
            self.name: {
                f"{self.name}-record": _key("record number", "integer", ""),
                f"{self.name}-event": _key("event", "string", ""),
                f"{self.name}-steps": _key("delivered steps", "integer", ""),
            }
        }


class PumpRig(Device):
    """A pump rig: readable, stoppable, with `rate`, `bolus`, `dispense` and `therapy`."""

    def __init__(self, port: str | None = None, name: str = "", **connection: Any) -> None:
        """port and more as pumprig.connect takes them."""
        self._connection = Connection(port, connection)
        self.rate = RateMovable(self._connection)
        self.bolus = DoseMovable(self._connection, "bolus")
        self.dispense = DoseMovable(self._connection, "dispense")
        self.therapy = TherapyFlyer(self._connection)
        super().__init__(name=name)

    @property
    def rig(self) -> aio.AsyncRig:
        """The rig behind it, with all of its verbs. Raises PumpError before `connect`."""
        return self._connection.rig

    async def connect(self, mock: Any = False, timeout: float = 0.0, force_reconnect: bool = False) -> None:
        """Connect to the rig; `timeout` is the link's own. There is no mock: `port="sim"` is a rig with the real
        firmware. Raises PumpError.
        """
        if mock:
            raise PumpError(
                "There is no mock of a rig.",
                "Nothing was connected.",
                'Use port="sim": it runs the firmware.',
            )
        if force_reconnect:
            await self._connection.close()
        await self._connection.open()

    async def disconnect(self) -> None:
        """Give the port back. The pump goes on as programmed."""
        await self._connection.close()

    async def stop(self, success: bool = True) -> None:
        """Stop the pump, and read back that it stands. Raises LinkError, PumpError."""
        await self._connection.stop()

    async def read(self) -> dict[str, Reading[Any]]:
        """One reading of the rig, asked for now, and what was counted of the last doses."""
        status = await self.rig.status()
        own = {f"{self.name}-{name}": _reading(of(status)) for name, (_unit, _type, of) in READ.items()}
        return {**own, **await self.bolus.read(), **await self.dispense.read()}

    async def describe(self) -> dict[str, DataKey]:
        """The data keys of a reading."""
        own = {f"{self.name}-{name}": _key(name, kind, unit) for name, (unit, kind, _of) in READ.items()}
        return {**own, **await self.bolus.describe(), **await self.dispense.describe()}


def _rate(status: Status) -> float:
    return _ul(status.rate_nl_per_h)


def _reading(value: Any) -> Reading[Any]:
    return {"value": value, "timestamp": time.time()}


def _key(what: str, kind: str, unit: str) -> DataKey:
    key: dict[str, Any] = {"source": f"pumprig: {what}", "dtype": kind, "shape": []}
    if unit:
        key["units"] = unit
    return key  # pyright: ignore[reportReturnType]
