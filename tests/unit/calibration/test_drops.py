"""Fluid that falls in drops: the volume is the volume delivered, however often a drop comes, with or without steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pumprig.calibration import drops
from pumprig.calibration.files import parse
from pumprig.calibration.fit import Fit, fit
from pumprig.calibration.weighing import WeighingError
from rigsim.balance import Balance, BalanceSpec
from weighings import (
    EVAPORATION_G_PER_H,
    RATE_NL_PER_H,
    N,
    csv,
    fitted,
)

DROP_G, BLANK_S, RUN_S, EVERY_S = 0.02, 1200.0, 6000.0, 4.0
ML_PER_G = 1.0029


def weighed(mass_g: Any, t_s: Any, steps: Any = None) -> Fit:
    head = "# balance_readability_g: 0.0001\n# steps_per_rev: 3200\nt_s,mass_g" + (
        "" if steps is None else ",steps"
    )
    lines = [
        f"{t:g},{m:.4f}" + ("" if steps is None else f",{steps[i]:.0f}")
        for i, (t, m) in enumerate(zip(t_s, mass_g, strict=True))
    ]
    return fit(parse("\n".join([head, *lines]).encode(), "drops.csv"))


def run_in_drops(
    every: float, stop_s: float = 0.0, spread: float = 0.0, seed: int = 3
) -> tuple[Any, Any, float, Any]:
    """Times, masses, the volume delivered in nL, and counted steps; a drop in `every` readings, `stop_s` of standing.

    The drops' sizes have a spread (share, 1 sd); what hangs at the end is not on the balance.
    """
    rng = np.random.default_rng(seed)
    t_s = np.arange(0.0, 2 * BLANK_S + RUN_S + stop_s, EVERY_S)
    ran_s = np.clip(t_s - BLANK_S, 0.0, RUN_S + stop_s)
    ran_s = ran_s - np.clip(ran_s - 0.4 * RUN_S, 0.0, stop_s)
    delivered_g = RUN_S / EVERY_S / every * DROP_G
    sizes = DROP_G * (1.0 + spread * rng.standard_normal(round(delivered_g / DROP_G) + 40))
    fallen = np.concatenate(([0.0], np.cumsum(sizes)))
    hangs_g = rng.uniform(0.0, DROP_G)
    on_g = fallen[np.searchsorted(fallen, hangs_g + delivered_g * ran_s / RUN_S, side="right") - 1]
    noise = Balance(BalanceSpec(evaporation_g_per_h=0.002), seed).readings(t_s, np.zeros(len(t_s)))
    nl = delivered_g * 1e6 * ML_PER_G
    return t_s, 5.0 + on_g + noise, nl, np.floor(nl * ran_s / RUN_S / 3.125)


@pytest.mark.parametrize("every", [45.0, 22.0, 14.0, 7.3, 5.0, 3.1, 2.0, 1.4])
@pytest.mark.parametrize("counted", [True, False])
def test_the_volume_is_what_was_delivered_however_often_a_drop_comes(every: float, counted: bool) -> None:
    t_s, mass_g, true_nl, steps = run_in_drops(every, spread=0.05)
    found = weighed(mass_g, t_s, steps if counted else None)
    assert any("drops" in warning for warning in found.weighing.warnings)
    assert abs(found.result.volume_nl - true_nl) < found.result.u_volume_nl < 0.05 * true_nl


def test_nobody_says_when_the_pump_ran_and_a_stop_between_drops_is_found() -> None:
    t_s, mass_g, true_nl, _steps = run_in_drops(14.0, stop_s=900.0)
    found = weighed(mass_g, t_s)
    assert abs(found.result.volume_nl - true_nl) < found.result.u_volume_nl < 0.02 * true_nl
    assert abs(found.result.flow_nl_per_h - true_nl * 3600.0 / RUN_S) < found.result.u_flow_nl_per_h


def test_a_line_that_hangs_between_drops_is_refused() -> None:
    t_s, mass_g, _true_nl, steps = run_in_drops(3.1)
    mass_g[600:700] = mass_g[600]
    with pytest.raises(WeighingError, match="stands still"):
        weighed(mass_g, t_s, steps)


@pytest.mark.parametrize("seed", range(40))
def test_a_steady_flow_is_no_drops_whatever_its_noise_its_digits_and_its_knocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    readability_g = 10.0 ** -rng.integers(2, 5)
    per_reading_g = readability_g * rng.uniform(0.02, 20.0)
    mass_g = per_reading_g * np.arange(3000) + readability_g * rng.uniform(0.2, 5.0) * rng.standard_normal(
        3000
    )
    mass_g[1500:] += 50.0 * readability_g * rng.choice((-1.0, 0.0, 1.0))
    assert drops.find(np.round(mass_g / readability_g) * readability_g, float(readability_g)) is None


def test_drops_are_fluid_and_give_the_flow_within_their_uncertainty() -> None:
    t_s = np.arange(N) * 10.0
    spec = BalanceSpec(drop_g=0.012, evaporation_g_per_h=EVAPORATION_G_PER_H)
    mass_g = 1.0 + Balance(spec, 2).readings(t_s, RATE_NL_PER_H * t_s / 3600.0)
    result = fitted(csv(mass_g, t_s))
    assert any("drops" in w for w in result.weighing.warnings)
    assert (
        abs(result.result.flow_nl_per_h - RATE_NL_PER_H)
        < result.result.u_flow_nl_per_h
        < 0.05 * RATE_NL_PER_H
    )


@pytest.mark.parametrize(("drop_g", "seed"), [(0.012, 3), (0.02, 4), (0.03, 5)])
@pytest.mark.parametrize("counted", [True, False])
def test_the_volume_of_a_run_in_drops_is_what_was_delivered_though_the_last_drop_still_hangs(
    drop_g: float, seed: int, counted: bool
) -> None:
    """556.7 uL in 100 min between two blanks of 20 min: the last reading lacks up to a drop of it."""
    true_nl, blank_s, run_s = 556_700.0, 1200.0, 6000.0
    t_s = np.arange(0.0, 2 * blank_s + run_s, 4.0)
    share = np.clip((t_s - blank_s) / run_s, 0.0, 1.0)
    spec = BalanceSpec(drop_g=drop_g, evaporation_g_per_h=EVAPORATION_G_PER_H)
    mass_g = 1.0 + Balance(spec, seed).readings(t_s, true_nl * share)
    steps = np.floor(true_nl * share / 3.125) if counted else None
    meta = {"balance_readability_g": 1e-4, "steps_per_rev": 3200.0, "rollers": 3.0}
    if not counted:
        meta |= {"run_from_s": blank_s, "run_to_s": blank_s + run_s, "roller_period_s": 36.0}
    found = fitted(csv(mass_g, t_s, steps, meta=meta)).result
    assert abs(found.volume_nl - true_nl) < found.u_volume_nl < 0.01 * true_nl
