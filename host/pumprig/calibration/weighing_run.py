"""The calibration run: blanks, run-in and runs on a balance, resumable at any moment.

Owns: what is due at each moment of a run, and what is done about a balance or a pump that goes away.
Rules: a lost balance or pump is an event, never an end; a resumed run goes on in the stage that its clock says, with
    the pump as it finds it; a pump that an alarm stopped stays stopped;
    a stop by somebody else ends the run.
Units: times in s since the run's start by the clock that is given, rates in nL/h, mass in g, steps counted by the pump.
Leaves: files to runfolder.py, protocols to pumprig.balance, the pump to whoever gives one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pumprig.balance.reading import BalanceError, Reading
from pumprig.calibration.runfolder import RunFolder, Stage
from pumprig.errors import PumpError

RETRY_S = 5.0
LOST_S = 60.0  # a balance that is away so long stops the pump and the run's clock
LEAST_LEFT_S = 5.0  # a pump that has done its volume so shortly before the stage's end is not started again
QUIET = ("opened", "stage", "balance found", "pump found", "held", "went on")  # events that are no trouble


@dataclass(frozen=True)
class PumpState:
    """What a pump says: counted steps, the calibration's rate (0: it stands), its power-on's number, its alarm, its
    rotor's angle in turns (None: not known), and whether somebody else stopped it before its volume was out.
    """

    steps: int
    rate_nl_per_h: float
    boot: int = 0
    alarm: str = ""
    turn: float | None = None
    stopped: bool = False


class StoppedByOther(PumpError):
    """Somebody else stopped the pump while the run used it."""


class Scale(Protocol):
    """What the run needs of a balance."""

    def read(self) -> Reading: ...
    def close(self) -> None: ...


class Pump(Protocol):
    """What the run needs of a pump; deliveries count as calibration, never as therapy. Each may raise PumpError."""

    def run(self, rate_nl_per_h: float, duration_s: float) -> None: ...
    def stop(self) -> None: ...
    def look(self) -> PumpState: ...


@dataclass(frozen=True)
class Progress:
    """What a live view shows."""

    stage: Stage
    t_s: float
    left_s: float
    mass_g: float | None
    steps: int | None
    trouble: str


class WeighingRun:
    """One run in its folder; `tick` does what is due and says how the run stands, None at its end."""

    def __init__(
        self, folder: Path, open_scale: Callable[[], Scale], pump: Pump | None, utc_s: Callable[[], float]
    ) -> None:
        self.run = RunFolder(folder)
        self._open_scale = open_scale
        self._pump = pump
        self._utc_s = utc_s
        self.stages = self.run.stages
        self.end_s = self.stages[-1].end_s
        self._scale: Scale | None = None
        self._retry_s = 0.0
        self._stage: Stage | None = None
        self._boot: int | None = None
        self._troubles: set[str] = set()
        self._lost_s: float | None = None
        self._held = self.run.held()
        # a clock that was set back while nobody ran: the run goes on from its last reading
        self._shift_s = max(0.0, self.run.last_s() - (utc_s() - self.run.begin_utc_s))
        self._event("opened", f"at {self.now_s():.1f} s")

    def now_s(self) -> float:
        """Seconds since the run began."""
        return self._utc_s() - self.run.begin_utc_s + self._shift_s

    def tick(self) -> Progress | None:
        """Start or stop the pump where the stage wants it, take one reading, store it."""
        state = self._look()
        at_s = self.now_s()
        if state is not None and state.stopped and not state.alarm:
            self._end_with_stop(self._stage or self.stages[0])  # first: nothing that is done below hides it
        if self._hold(state, at_s):
            stage = self._stage or self.stages[0]
            return Progress(stage, at_s, self.end_s - self.run.plan_s(at_s), None, None, self._waiting())
        t_s = self.run.plan_s(at_s)
        if t_s >= self.end_s:
            self.close()
            return None
        stage = next(s for s in self.stages if s.start_s <= max(t_s, 0.0) < s.end_s)
        if stage != self._stage:
            for missed in self._between(stage):
                self._event(
                    "passed over", f"{missed.kind} {missed.rate_nl_per_h:g} nL/h, nobody read the balance"
                )
            self._stage = stage
            self._event("stage", f"{stage.kind} {stage.rate_nl_per_h:g} nL/h")
        if state is not None:
            self._drive(stage, state, t_s)
        steps = None if state is None else state.steps
        reading = self._read(at_s)
        if reading is not None:
            turn = None if state is None else state.turn
            read_s, steps = self._instant(reading, at_s, steps)
            self.run.store(read_s, reading, steps, turn, stage)
        mass_g = reading.mass_g if reading else None
        return Progress(stage, t_s, self.end_s - t_s, mass_g, steps, ", ".join(sorted(self._troubles)))

    def _end_with_stop(self, stage: Stage) -> None:
        self._event("stopped", f"by somebody else, in {stage.kind} {stage.rate_nl_per_h:g} nL/h")
        self.close()
        raise StoppedByOther(
            f"Somebody else stopped the pump in {stage.kind} at {stage.rate_nl_per_h / 1000:g} µL/h.",
            "The run has ended and starts nothing again; every reading is kept.",
            f"Go on with `--resume --folder {self.run.folder}`.",
        )

    def _between(self, stage: Stage) -> list[Stage]:
        """The stages that began and ended since the last look, while this run was under way."""
        if self._stage is None:
            return []
        return self.stages[self.stages.index(self._stage) + 1 : self.stages.index(stage)]

    def _waiting(self) -> str:
        return "the balance is away: the run's clock and the pump stand still until it is back"

    def _hold(self, state: PumpState | None, at_s: float) -> bool:
        """Stop pump and clock while the balance is away for a minute and more; go on when it answers again."""
        if not self._held:
            if self._pump is None or self._lost_s is None or at_s - self._lost_s < LOST_S:
                return False
            self._guard(self._pump.stop)
            self._held = True
            self.run.hold(at_s)
            self._event("held", self._waiting())
            return True
        reading = self._read(at_s)
        if reading is None:
            if state is not None and state.rate_nl_per_h and self._pump is not None:
                self._guard(self._pump.stop)
            return True
        self._held = False
        self.run.go_on(at_s)
        self._event("went on", f"after {at_s - (self._lost_s or at_s):.0f} s")
        self._lost_s = None
        return False

    def _instant(self, reading: Reading, asked_s: float, steps: int | None) -> tuple[float, int | None]:
        """(time, steps) of a reading: between two looks where the clock that counts is the rig's, known at each."""
        if self.run.speed == 1.0:
            return self.now_s() - reading.u_t_s, steps
        after = self._look()
        if after is None or steps is None:
            return asked_s, steps
        return 0.5 * (asked_s + self.now_s()), (steps + after.steps) // 2

    def close(self) -> None:
        """Stop the pump and close the balance; safe to call twice."""
        if self._pump is not None and self._stage is not None:
            self._guard(self._pump.stop)
        self._stage = None
        if self._scale is not None:
            self._scale.close()
            self._scale = None

    def _look(self) -> PumpState | None:
        if self._pump is None:
            return None
        try:
            state = self._pump.look()
        except PumpError as error:
            self._event("pump lost", error.happened)
            return None
        if "pump lost" in self._troubles:
            self._event("pump found", "")
        self._troubles -= {"pump lost", "pump refused"}
        if self._boot is not None and state.boot != self._boot:
            self._event("pump restarted", f"boot {state.boot}")
            self._troubles.discard("pump restarted")
        self._boot = state.boot
        return state

    def _drive(self, stage: Stage, state: PumpState, t_s: float) -> None:
        """Bring the pump to the stage's rate; it stops by itself at the end of the run."""
        assert self._pump is not None
        pump, rate = self._pump, stage.rate_nl_per_h
        if state.rate_nl_per_h and abs(state.rate_nl_per_h - rate) > 1e-3 * rate:
            self._guard(pump.stop)
        if not rate or abs(state.rate_nl_per_h - rate) <= 1e-3 * rate:
            return
        last = max(s.end_s for s in self.stages if self._same_run(stage, s))
        if state.alarm:
            self._event("alarm", state.alarm)
        elif last - t_s > LEAST_LEFT_S:
            self._troubles.discard("alarm")
            self._guard(lambda: pump.run(rate, last - t_s))

    def _same_run(self, stage: Stage, other: Stage) -> bool:
        """Whether `other` is `stage` or the run that follows its run-in at once."""
        return other == stage or (
            stage.kind == "run-in" and other.kind == "run" and other.start_s == stage.end_s
        )

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except PumpError as error:
            self._event("pump refused", error.happened)

    def _read(self, t_s: float) -> Reading | None:
        if self._scale is None and t_s < self._retry_s:
            return None
        try:
            if self._scale is None:
                self._scale = self._open_scale()
                self._event("balance found", "")
            reading = self._scale.read()
        except (BalanceError, OSError) as error:
            self._event("balance lost", str(error))
            if self._lost_s is None:
                self._lost_s = t_s
            if self._scale is not None:
                self._scale.close()
            self._scale = None
            self._retry_s = t_s + RETRY_S
            return None
        if not self._held:
            self._lost_s = None
        if reading.trouble:
            self._event(reading.trouble, reading.raw)
        else:
            self._troubles &= {"pump lost", "pump refused", "alarm"}
        return reading

    def _event(self, name: str, text: str) -> None:
        """Keep an event; the same trouble in a row is kept once."""
        if name not in QUIET:
            if name in self._troubles:
                return
            self._troubles.add(name)
        self.run.event(self.now_s(), name, text)
