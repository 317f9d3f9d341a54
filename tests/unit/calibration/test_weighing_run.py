"""The calibration run in virtual time: it survives lost devices and restarts, and its weighings give the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pumprig.balance.reading import BalanceError, Reading
from pumprig.calibration.fit import Fit, fit_file
from pumprig.calibration.runfolder import RunFolder, WeighingRunError, begin, stages
from pumprig.calibration.weighing_run import PumpState, StoppedByOther, WeighingRun
from pumprig.errors import PumpError
from rigsim.balance import Balance, BalanceSpec

NL_PER_STEP = 3.125
RATE_NL_PER_H = 200_000.0
AIR = {"temp_c": 20.0, "rh_pct": 50.0, "pressure_hpa": 1013.0}
INDEX_STEPS = 700  # where this pump's rotor has its angle 0


class World:
    """Virtual time, an ideal pump of 3.125 nL a step, and a simulated balance under its tube."""

    def __init__(self) -> None:
        self.utc_s = 1_700_000_000.0
        self.begin_s = self.utc_s
        self.rate_nl_per_h = 0.0
        self.until_s = 0.0
        self.nl = 0.0
        self.balance = Balance(BalanceSpec(evaporation_g_per_h=4e-4), 5)
        self.balance_away = False
        self.pump_away = False
        self.boot = 1
        self.alarm = ""
        self.stopped = False  # by somebody else
        self.starts = 0

    def advance(self, seconds: float) -> None:
        running_s = min(max(self.until_s - self.utc_s, 0.0), seconds)
        self.nl += self.rate_nl_per_h * running_s / 3600.0
        self.utc_s += seconds

    def run(self, rate_nl_per_h: float, duration_s: float) -> None:
        self.answer()
        self.starts += 1
        self.rate_nl_per_h, self.until_s = rate_nl_per_h, self.utc_s + duration_s

    def stop(self) -> None:
        self.answer()
        self.rate_nl_per_h, self.stopped = 0.0, False  # ours: the pump tells of no other one behind it

    def look(self) -> PumpState:
        self.answer()
        rate = self.rate_nl_per_h if self.utc_s < self.until_s else 0.0
        steps = int(self.nl / NL_PER_STEP)
        turn = (steps - INDEX_STEPS) / 3200 % 1.0
        return PumpState(steps, rate, self.boot, self.alarm, turn, self.stopped and not rate)

    def stop_by_itself(self, alarm: str = "", boot: int = 0) -> None:
        self.rate_nl_per_h, self.alarm, self.boot = 0.0, alarm, self.boot + boot

    def answer(self) -> None:
        if self.pump_away:
            raise PumpError("The rig does not answer.")

    def read(self) -> Reading:
        if self.balance_away:
            raise BalanceError("The balance did not answer within 1.5 s.")
        arrived = int(self.nl / NL_PER_STEP) * NL_PER_STEP
        mass = self.balance.readings(np.array([self.utc_s - self.begin_s]), np.array([arrived]))
        return Reading(0.0, 0.0, float(mass[0]), True, "", f"S S {mass[0]:10.4f} g")

    def close(self) -> None:
        pass

    def open(self) -> World:
        if self.balance_away:
            raise BalanceError("nothing there answers as a balance.")
        return self


def started(folder: Path, world: World, rates: list[float] | None = None) -> WeighingRun:
    plan = stages(rates or [RATE_NL_PER_H], 2400.0, 600.0, 60.0)
    metadata = {"balance_readability_g": 1e-4, "steps_per_rev": 3200, "rollers": 3}
    begin(folder, plan, metadata, world.utc_s, ambient=AIR)
    return WeighingRun(folder, world.open, world, lambda: world.utc_s)


def drive(run: WeighingRun, world: World, seconds: float, step_s: float = 4.0) -> None:
    until_s = world.utc_s + seconds
    while world.utc_s < until_s and run.tick() is not None:
        world.advance(step_s)


def volume_is_covered(found: Fit) -> float:
    """The fit's U covers the pump's true volume per revolution; returns U as a share of the volume."""
    assert found.nl_per_rev is not None
    assert found.u_nl_per_rev is not None
    assert abs(found.nl_per_rev - 3200 * NL_PER_STEP) < found.u_nl_per_rev
    return found.u_nl_per_rev / found.nl_per_rev


def test_a_run_gives_the_volume_per_revolution_within_its_uncertainty(tmp_path: Path) -> None:
    world = World()
    drive(started(tmp_path, world), world, 1e5)
    assert world.rate_nl_per_h == 0.0
    result = fit_file(RunFolder(tmp_path).weighings()[0][0])
    assert volume_is_covered(result) < 0.01
    assert {name: values[0] for name, values in result.weighing.ambient.items()} == AIR
    assert not any("temp_c" in warning for warning in result.weighing.warnings)
    assert result.weighing.numbers["index_steps"] == pytest.approx(INDEX_STEPS, abs=0.1)


def test_a_lost_balance_a_lost_pump_and_a_restart_leave_gaps_but_no_wrong_figure(tmp_path: Path) -> None:
    world = World()
    run = started(tmp_path, world)
    drive(run, world, 1500)
    world.balance_away = True
    drive(run, world, 50)
    world.balance_away = False
    drive(run, world, 300)
    world.pump_away = True
    drive(run, world, 60)
    world.pump_away = False
    drive(run, world, 300)
    world.advance(90.0)  # the host is down; the pump goes on
    with (tmp_path / "readings.csv").open("a") as file:
        file.write("2370.1,0.05,9")  # the line that the power cut left
    drive(WeighingRun(tmp_path, world.open, world, lambda: world.utc_s), world, 1e5)
    events = [json.loads(line)["event"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events.count("balance lost") == 1
    assert events.count("pump lost") == 1
    assert events.count("opened") == 2
    assert world.starts == 1  # a resumed run takes up the pump that it finds running
    result = fit_file(RunFolder(tmp_path).weighings()[0][0])
    volume_is_covered(result)


def test_several_rates_give_one_weighing_each_with_its_own_blanks(tmp_path: Path) -> None:
    world = World()
    rates = [100_000.0, 200_000.0]
    drive(started(tmp_path, world, rates), world, 1e6, step_s=6.0)
    files, left_out = RunFolder(tmp_path).weighings()
    assert left_out == []
    assert len(files) == len(rates)
    for file, rate in zip(files, rates, strict=True):
        found = fit_file(file)
        assert found.weighing.numbers["rate_nl_per_h"] == rate
        flow = found.result
        assert abs(flow.flow_nl_per_h - rate) < max(flow.u_flow_nl_per_h, 0.01 * rate)


def test_a_folder_with_a_run_is_not_overwritten_and_one_without_is_not_resumed(tmp_path: Path) -> None:
    world = World()
    started(tmp_path, world)
    with pytest.raises(WeighingRunError, match="holds a run"):
        started(tmp_path, world)
    with pytest.raises(WeighingRunError, match="holds no run"):
        WeighingRun(tmp_path / "none", world.open, world, lambda: world.utc_s)


def test_the_readings_are_kept_as_they_came_an_overload_too(tmp_path: Path) -> None:
    world = World()
    run = started(tmp_path, world)
    drive(run, world, 20)
    over = Reading(0.0, 0.0, None, False, "overload", "S +")
    world.read = lambda: over  # type: ignore[method-assign]
    drive(run, world, 4)
    rows = (tmp_path / "readings.csv").read_text().splitlines()
    assert rows[1].split(",", 2)[1] in rows[1].rsplit(",", 1)[1]
    assert rows[1].rsplit(",", 1)[1].startswith("S S ")
    assert rows[-1].split(",", 1)[1] == ",0,0.78125,blank,0,S +"


def test_a_pump_that_an_alarm_stopped_stays_stopped_and_one_that_lost_its_power_is_started_again(
    tmp_path: Path,
) -> None:
    world = World()
    rates = [100_000.0, 200_000.0]
    run = started(tmp_path, world, rates)
    drive(run, world, 1500)
    world.stop_by_itself("stall")
    drive(run, world, 100)
    assert (world.rate_nl_per_h, world.starts) == (0.0, 1)
    world.alarm = ""
    drive(run, world, 3100)
    assert (world.rate_nl_per_h, world.starts) == (200_000.0, 3)
    world.stop_by_itself(boot=1)
    drive(run, world, 1e6)
    assert world.starts == 4
    files, left_out = RunFolder(tmp_path).weighings()
    assert [file.name for file in files] == ["weighing-1.csv"]
    assert left_out[0].startswith("200 µL/h: pump restarted at 4")
    found = fit_file(files[0])
    volume_is_covered(found)


def test_the_host_may_be_away_while_a_run_ends_and_the_flow_is_still_the_flow(tmp_path: Path) -> None:
    world = World()
    run = started(tmp_path, world)
    drive(run, world, 2700)
    world.advance(500.0)  # the run ends at 3060 s
    drive(WeighingRun(tmp_path, world.open, world, lambda: world.utc_s), world, 1e5)
    found = fit_file(RunFolder(tmp_path).weighings()[0][0])
    flow = found.result
    assert abs(flow.flow_nl_per_h - RATE_NL_PER_H) < flow.u_flow_nl_per_h < 0.02 * RATE_NL_PER_H
    assert any("gap" in warning for warning in found.weighing.warnings)
    assert not any("bottle" in warning or "jump" in warning for warning in found.weighing.warnings)


def test_a_run_that_a_busy_host_passes_over_is_named_at_once_and_gives_no_weighing(tmp_path: Path) -> None:
    world = World()
    run = started(tmp_path, world, [RATE_NL_PER_H, 2 * RATE_NL_PER_H])
    drive(run, world, 620.0)  # into the first run-in
    world.advance(2500.0)  # beyond the first run, into the blank behind it
    progress = run.tick()
    assert progress is not None
    assert progress.stage.kind == "blank"
    told = [event["text"] for event in RunFolder(tmp_path).events() if event["event"] == "passed over"]
    assert told == [f"run {RATE_NL_PER_H:g} nL/h, nobody read the balance"]
    drive(run, world, 1e5)
    (second,), (why,) = RunFolder(tmp_path).weighings()
    assert "passed over, with 0 readings in it" in why
    flow = fit_file(second).result
    assert abs(flow.flow_nl_per_h - 2 * RATE_NL_PER_H) < flow.u_flow_nl_per_h


def test_the_live_picture_shows_the_stage_the_curve_the_flow_and_what_is_left(tmp_path: Path) -> None:
    from pumprig.calibration.live import CELLS, Picture
    from rich.console import Console

    world = World()
    run = started(tmp_path, world)
    picture = Picture(run.stages)
    assert picture.curve() == "\N{MIDDLE DOT}" * CELLS
    progress = None
    while world.utc_s < world.begin_s + 2400.0 and (progress := run.tick()) is not None:
        picture.add(progress)
        world.advance(4.0)
    assert progress is not None
    assert picture.flow_ul_per_h() == pytest.approx(RATE_NL_PER_H / 1000, rel=0.03)
    assert picture.curve().startswith("\N{LOWER ONE EIGHTH BLOCK}")
    assert picture.curve().endswith("\N{MIDDLE DOT}")
    console = Console(width=100, record=True)
    console.print(picture.draw(progress))
    shown = console.export_text()
    for text in ("3/4 run 200", "0.0", "left", "21 min"):
        assert text in shown


def test_a_balance_away_for_long_stops_the_pump_and_the_clock_and_the_run_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    world = World()
    run = started(tmp_path, world)
    drive(run, world, 1500)
    world.balance_away = True
    drive(run, world, 1800)
    assert world.rate_nl_per_h == 0.0
    counted = world.look().steps
    progress = run.tick()
    assert progress is not None
    assert "clock" in progress.trouble
    left_s = progress.left_s
    world.balance_away = False
    drive(run, world, 40)
    assert world.rate_nl_per_h == RATE_NL_PER_H
    drive(run, world, 1e5)
    end_s = world.utc_s - world.begin_s
    assert end_s == pytest.approx(600 + 60 + 2400 + 600 + 1800 - 60, abs=40)
    assert left_s == pytest.approx(3660 - 1560, abs=20)
    assert world.look().steps - counted > 0
    found = fit_file(RunFolder(tmp_path).weighings()[0][0])
    volume_is_covered(found)


def test_a_clock_set_back_while_a_run_waits_does_not_begin_it_again(tmp_path: Path) -> None:
    world = World()
    run = started(tmp_path, world)
    drive(run, world, 1500)
    back = WeighingRun(tmp_path, world.open, world, lambda: world.utc_s - 3600.0)
    progress = back.tick()
    assert progress is not None
    assert progress.stage.kind == "run"
    assert progress.t_s >= 1490


@pytest.mark.parametrize("away_s", [0, 40, 56, 60])
def test_a_stop_by_somebody_else_ends_the_run_whatever_the_balance_does(tmp_path: Path, away_s: int) -> None:
    """In the turn in which a lost balance stops the pump, the stop was not seen, and the run started it again."""
    world = World()
    run = started(tmp_path, world)
    drive(run, world, 1500)
    world.balance_away = bool(away_s)
    drive(run, world, away_s)
    world.rate_nl_per_h, world.stopped = 0.0, True
    starts = world.starts
    with pytest.raises(StoppedByOther):
        drive(run, world, 1e5)
    assert world.starts == starts
