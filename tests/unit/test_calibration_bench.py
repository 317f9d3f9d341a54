"""The calibration run in virtual time: it survives lost devices and restarts, and its weighings give the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pumprig.balance.reading import BalanceError, Reading
from pumprig.calibration.bench import Bench, BenchError, begin, stages, weighings
from pumprig.calibration.fit import fit_file
from pumprig.errors import PumpError
from rigsim.balance import Balance, BalanceSpec

NL_PER_STEP = 3.125
RATE_NL_PER_H = 200_000.0


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

    def advance(self, seconds: float) -> None:
        running_s = min(max(self.until_s - self.utc_s, 0.0), seconds)
        self.nl += self.rate_nl_per_h * running_s / 3600.0
        self.utc_s += seconds

    def run(self, rate_nl_per_h: float, duration_s: float) -> None:
        self.answer()
        self.rate_nl_per_h, self.until_s = rate_nl_per_h, self.utc_s + duration_s

    def stop(self) -> None:
        self.answer()
        self.rate_nl_per_h = 0.0

    def steps(self) -> int:
        self.answer()
        return int(self.nl / NL_PER_STEP)

    def answer(self) -> None:
        if self.pump_away:
            raise PumpError("The rig does not answer.")

    def read(self) -> Reading:
        if self.balance_away:
            raise BalanceError("The balance did not answer within 1.5 s.")
        arrived = int(self.nl / NL_PER_STEP) * NL_PER_STEP
        mass = self.balance.readings(np.array([self.utc_s - self.begin_s]), np.array([arrived]))
        return Reading(0.0, 0.0, float(mass[0]), True, "", "")

    def close(self) -> None:
        pass

    def open(self) -> World:
        if self.balance_away:
            raise BalanceError("nothing there answers as a balance.")
        return self


def started(folder: Path, world: World, rates: list[float] | None = None) -> Bench:
    plan = stages(rates or [RATE_NL_PER_H], 2400.0, 600.0, 60.0)
    begin(folder, plan, {"balance_readability_g": 1e-4, "steps_per_rev": 3200, "rollers": 3}, world.utc_s)
    return Bench(folder, world.open, world, lambda: world.utc_s)


def drive(bench: Bench, world: World, seconds: float, step_s: float = 2.0) -> None:
    until_s = world.utc_s + seconds
    while world.utc_s < until_s and bench.tick() is not None:
        world.advance(step_s)


def test_a_run_gives_the_volume_per_revolution_within_its_uncertainty(tmp_path: Path) -> None:
    world = World()
    drive(started(tmp_path, world), world, 1e5)
    assert world.rate_nl_per_h == 0.0
    result = fit_file(weighings(tmp_path)[0])
    assert result.nl_per_rev is not None
    assert result.u_nl_per_rev is not None
    assert abs(result.nl_per_rev - 3200 * NL_PER_STEP) < result.u_nl_per_rev < 0.01 * result.nl_per_rev


def test_a_lost_balance_a_lost_pump_and_a_restart_leave_gaps_but_no_wrong_figure(tmp_path: Path) -> None:
    world = World()
    bench = started(tmp_path, world)
    drive(bench, world, 1500)
    world.balance_away = True
    drive(bench, world, 120)
    world.balance_away = False
    drive(bench, world, 300)
    world.pump_away = True
    drive(bench, world, 60)
    world.pump_away = False
    drive(bench, world, 300)
    world.advance(90.0)  # the host is down; the pump goes on
    with (tmp_path / "readings.csv").open("a") as file:
        file.write("2370.1,0.05")  # the line that the power cut left
    drive(Bench(tmp_path, world.open, world, lambda: world.utc_s), world, 1e5)
    events = [json.loads(line)["event"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events.count("balance lost") == 1
    assert events.count("pump lost") == 1
    assert events.count("opened") == 2
    result = fit_file(weighings(tmp_path)[0])
    assert result.nl_per_rev is not None
    assert result.u_nl_per_rev is not None
    assert abs(result.nl_per_rev - 3200 * NL_PER_STEP) < result.u_nl_per_rev


def test_several_rates_give_one_weighing_each_with_its_own_blanks(tmp_path: Path) -> None:
    world = World()
    rates = [100_000.0, 200_000.0]
    drive(started(tmp_path, world, rates), world, 1e6, step_s=4.0)
    files = weighings(tmp_path)
    assert len(files) == len(rates)
    for file, rate in zip(files, rates, strict=True):
        found = fit_file(file)
        assert found.weighing.numbers["rate_nl_per_h"] == rate
        flow = found.result
        assert abs(flow.flow_nl_per_h - rate) < max(flow.u_flow_nl_per_h, 0.01 * rate)


def test_a_folder_with_a_run_is_not_overwritten_and_one_without_is_not_resumed(tmp_path: Path) -> None:
    world = World()
    started(tmp_path, world)
    with pytest.raises(BenchError, match="holds a run"):
        started(tmp_path, world)
    with pytest.raises(BenchError, match="holds no run"):
        Bench(tmp_path / "none", world.open, world, lambda: world.utc_s)
