"""The rig as a calibration's pump, with its clock.

Owns: the rig during a run, connected anew after a loss; what of its status a run needs; its time.
Rules: each change is a host session of its own, so that hours of reading keep nobody out; a link that failed is closed,
    and tried again only after a while, so that the balance is read on meanwhile.
Units: nL/h, nL, seconds; steps counted since the rig was made.
Leaves: the order of the stages to calibration/weighing_run.py, the rig to rig.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from pumpwire import spec
from pumpwire.identity import is_simulated

from pumprig.api.rig import Rig
from pumprig.calibration.weighing_run import PumpState
from pumprig.errors import LinkError, PumpError

RETRY_S = 15.0
ENCODER_COUNTS = 4096  # of a turn
ROUNDED_STEPS = 8  # that a delivery may end before its volume


class RigPump:
    """Deliveries of kind calibration, which are never therapy."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Rig]]) -> None:
        self._connect = connect
        self._stack = ExitStack()
        self._rig: Rig | None = None
        self._retry_s = 0.0
        self._looked_s = 0.0
        self._utc_s = 0.0
        self._shift_s = 0.0
        # Of our last delivery: boot, counted steps with which it ends, those of its volume
        self._given: tuple[int, int, int] | None = None
        self._stopped = False  # by somebody else, before a stop of ours came

    def run(self, rate_nl_per_h: float, duration_s: float) -> None:
        """Deliver at a rate for a time; the rig stops by itself at the end. Raises PumpError, also where somebody else
        has stopped it meanwhile.
        """
        if self._stopped:
            raise PumpError("Somebody else stopped the pump.", "Nothing was started.")
        volume_nl = round(rate_nl_per_h * duration_s / 3600.0)
        rig = self._open()
        try:
            before = rig.status_fields()
            rig.deliver_for_calibration(rate_nl_per_h=rate_nl_per_h, volume_nl=volume_nl)
        except LinkError:
            self.close()
            raise
        steps = volume_nl * int(before["step_nl_den"]) // max(1, int(before["step_nl_num"]))
        self._given = (int(before["boot"]), int(before["delivered_steps"]) + steps, steps)

    def stop(self) -> None:
        """Stop the pump now. That somebody else had done so before is not forgotten by it."""
        given, self._given = self._given, None
        try:
            rig = self._open()
            cancelled = rig.stop().cancelled
            if given is not None and cancelled is None:
                fields = rig.status_fields()
                early = _ends_early(given, int(fields["delivered_steps"]), int(fields["boot"]))
                self._stopped = early and not _stops(fields)
        except LinkError:
            self.close()
            raise

    def look(self) -> PumpState:
        """What runs now. Raises PumpError where the rig cannot be reached."""
        fields = self._read()
        calibrates = fields["mode"] == "priming" and fields.get("bolus_kind") == "calibration"
        rate = int(fields["bolus_rate_nl_per_day"]) / 24.0 if calibrates else 0.0
        stops = _stops(fields)
        if fields["mode"] == "running":
            stops.append("a therapy is running")
        turn = int(fields["angle"]) / ENCODER_COUNTS if "angle" in fields else None
        steps, boot, alarm = int(fields["delivered_steps"]), int(fields["boot"]), ", ".join(stops)
        if alarm:
            self._given, self._stopped = None, False  # that has ended it, or keeps it from going on
        early = self._given is not None and _ends_early(self._given, steps, boot)
        stopped = not calibrates and (self._stopped or early)
        return PumpState(steps, rate, boot, alarm, turn, stopped)

    def device_id(self) -> str:
        """Which rig it is."""
        return self._open().device_id

    def counts(self) -> tuple[int, int, int]:
        """Counted steps, and what was commanded and delivered since the rig was made, in nL. Raises PumpError."""
        fields = self._read()
        steps, commanded, delivered = (
            int(fields[n]) for n in ("delivered_steps", "commanded_nl", "delivered_nl")
        )
        return steps, commanded, delivered

    def told(self) -> dict[str, str]:
        """What a certificate says of the rig: its id, its firmware, and whether it is a simulated one."""
        rig = self._open()
        found = {"device_id": rig.device_id, "firmware": rig.firmware}
        return found | ({"simulated": "true"} if is_simulated(rig.device_id) else {})

    def utc_s(self) -> float:
        """The rig's own clock at the last look; while it is away, that and the wall's time since."""
        away_s = 0.0 if self._rig is not None else time.monotonic() - self._looked_s
        return self._utc_s + away_s

    def close(self) -> None:
        """Give the port back; the next use opens it anew."""
        self._rig = None
        self._retry_s = time.monotonic() + RETRY_S
        self._stack.close()

    def _read(self) -> dict[str, str]:
        try:
            fields = self._open().status_fields()
        except LinkError:
            self.close()
            raise
        self._looked_s = time.monotonic()
        utc_s = int(fields.get("utc_us", 0)) / 1e6
        self._shift_s += max(
            0.0, self._utc_s - utc_s - self._shift_s
        )  # after a power loss it is restored, and late
        self._utc_s = utc_s + self._shift_s
        return fields

    def _open(self) -> Rig:
        if self._rig is not None:
            return self._rig
        if time.monotonic() < self._retry_s:
            raise PumpError("The rig does not answer.", "Nothing was sent.")
        try:
            rig = self._stack.enter_context(self._connect())
            rig.settle()
            if "utc_us" not in rig.status_fields():
                rig.set_clock()
        except PumpError:
            self.close()
            raise
        self._rig = rig
        return rig


def _ends_early(given: tuple[int, int, int], steps: int, boot: int) -> bool:
    """Whether a delivery, if it stands, does so before its volume was out, and no loss of power ended it."""
    begun_in, end, volume = given
    return boot == begun_in and end - steps > max(ROUNDED_STEPS, volume // 1000)


def _stops(fields: dict[str, str]) -> list[str]:
    """Active alarms that stop the pump."""
    mask = int(fields["alarms"])
    return [row[1] for row in spec.alarms() if mask >> row[0] & 1 and row[3] == "stop"]
