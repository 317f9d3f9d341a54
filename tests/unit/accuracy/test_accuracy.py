"""Start-up and trumpet figures: the standard's formula, known curves, and files that cannot give them."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pumprig.accuracy.curve import analyse
from pumprig.accuracy.trumpet import WINDOWS_MIN, WindowError, trumpet, trumpet_at
from pumprig.calibration.files import parse
from pumprig.calibration.weighing import WeighingError
from pumprig.cli import root
from pumprig.cli.settings import Settings

WEIGHING = Path(__file__).resolve().parents[3] / "examples" / "calibration" / "weighing-20ul-per-h.csv"
RATE_NL_PER_H = 20_000.0
Z_UL_PER_MG = 1.0028509


def plain(volume_nl: list[float], rate: float, p_min: float) -> tuple[float, float]:
    """The formula as the standard writes it."""
    q = [(b - a) * 120.0 for a, b in itertools.pairwise(volume_nl)]
    m = round(p_min / 0.5)
    errors = [
        0.5 / p_min * sum(100.0 * (q[i] - rate) / rate for i in range(j, j + m))
        for j in range(len(q) - m + 1)
    ]
    return max(errors), min(errors)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-500.0, 2000.0), min_size=64, max_size=150))
def test_the_fast_trumpet_equals_the_double_loop(parts: list[float]) -> None:
    volume = np.cumsum([0.0, *parts])
    for window in trumpet(volume, RATE_NL_PER_H):
        assert (window.ep_max_pct, window.ep_min_pct) == pytest.approx(
            plain([float(v) for v in volume], RATE_NL_PER_H, window.p_min), abs=1e-6
        )


def test_a_window_that_is_no_whole_number_of_samples_or_too_long_is_refused() -> None:
    volume = np.arange(100.0)
    with pytest.raises(WindowError, match="whole number"):
        trumpet(volume, 1.0, (2.3,))
    with pytest.raises(WindowError, match="longer"):
        trumpet(volume, 1.0, (60.0,))


def test_windows_of_whole_periods_cancel_a_periodic_flow() -> None:
    t_min = np.arange(0.0, 300.0, 0.5)
    period_min = 7.3
    volume = RATE_NL_PER_H / 60 * (t_min + 0.8 * np.sin(2 * np.pi * t_min / period_min))
    whole, half = trumpet_at(t_min, volume, RATE_NL_PER_H, (period_min, 1.5 * period_min))
    assert whole.ep_max_pct < 1.0 < 10.0 < half.ep_max_pct


def weighing_csv(t_s: Any, volume_nl: Any, head: str = "") -> str:
    mass_g = 5.0 + volume_nl * 1e-6 / Z_UL_PER_MG
    rows = "".join(f"{t:g},{m:.7f}\n" for t, m in zip(t_s, mass_g, strict=True))
    return f"# balance_readability_g: 0.0000001\n# evaporation_g_per_h: 0\n{head}t_s,mass_g\n{rows}"


T_S = np.arange(0.0, 4 * 3600.0 + 1, 10.0)


def test_a_is_the_mean_error_of_the_second_hour_and_b_that_of_the_last() -> None:
    hours = T_S / 3600.0
    flow = np.where((hours >= 1) & (hours < 2), 1.02, np.where(hours >= 3, 0.97, 1.0)) * RATE_NL_PER_H
    volume = np.concatenate(([0.0], np.cumsum(flow[:-1] * 10.0 / 3600.0)))
    result = analyse(parse(weighing_csv(T_S, volume).encode(), "x"), RATE_NL_PER_H)
    assert result.a_pct == pytest.approx(2.0, abs=0.01)
    assert result.b_pct == pytest.approx(-3.0, abs=0.01)
    assert [w.p_min for w in result.windows] == list(WINDOWS_MIN)
    assert all(
        w.ep_min_pct <= result.a_pct + 0.01 and w.ep_max_pct >= result.a_pct - 0.01 for w in result.windows
    )


def test_the_startup_graph_shows_the_first_two_hours_by_half_minutes() -> None:
    rise = 1.0 - np.exp(-T_S / 600.0)
    volume = np.concatenate(([0.0], np.cumsum(rise[1:] * RATE_NL_PER_H * 10.0 / 3600.0)))
    result = analyse(parse(weighing_csv(T_S, volume).encode(), "x"), RATE_NL_PER_H)
    times, flows = result.startup()
    assert (len(times), times[0], times[-1]) == (240, 0.5, 120.0)
    assert flows[0] < 0.1 * RATE_NL_PER_H
    assert flows[-1] == pytest.approx(RATE_NL_PER_H, rel=0.02)


def test_a_roller_period_longer_than_every_window_is_said_and_answered_by_the_cycle() -> None:
    head = "# roller_period_s: 3600\n"
    volume = RATE_NL_PER_H / 3600.0 * (T_S + 200.0 * np.sin(2 * np.pi * T_S / 3600.0))
    document = analyse(parse(weighing_csv(T_S, volume, head).encode(), "x"), RATE_NL_PER_H).as_json()
    assert document["cycle"]["period_s"] == pytest.approx(3600.0, rel=1e-3)
    assert max(abs(w["ep_max_pct"]) for w in document["cycle"]["windows"]) < 0.1
    assert max(w["ep_max_pct"] for w in document["windows"]) > 20.0
    assert any("see `cycle`" in w for w in document["warnings"])


def test_a_tare_in_the_middle_does_not_show_in_the_figures() -> None:
    volume = RATE_NL_PER_H / 3600.0 * T_S
    text = weighing_csv(T_S, np.where(T_S > 5000.0, volume - 5e6, volume))
    result = analyse(parse(text.encode(), "x"), RATE_NL_PER_H)
    assert abs(result.a_pct) < 0.05
    assert max(abs(w.ep_max_pct) for w in result.windows) < 1.0
    assert result.warnings


def test_a_short_record_names_its_own_periods_and_a_shorter_one_is_refused() -> None:
    volume = RATE_NL_PER_H / 3600.0 * T_S
    result = analyse(parse(weighing_csv(T_S[:360], volume[:360]).encode(), "x"), RATE_NL_PER_H)
    assert any("not the second hour" in w for w in result.warnings)
    assert result.b_pct is None
    with pytest.raises(WeighingError, match="10 min"):
        analyse(parse(weighing_csv(T_S[:50], volume[:50]).encode(), "x"), RATE_NL_PER_H)


def test_the_first_day_and_hour_windows_are_reported_for_long_records() -> None:
    t_s = np.arange(0.0, 25 * 3600.0, 60.0)
    volume = 1.01 * RATE_NL_PER_H / 3600.0 * t_s
    result = analyse(parse(weighing_csv(t_s, volume).encode(), "x"), RATE_NL_PER_H)
    assert result.first_day is not None
    assert result.first_day["error_pct"] == pytest.approx(1.0, abs=0.01)
    assert result.hours[0].ep_max_pct == pytest.approx(1.0, abs=0.05)


def test_the_command_prints_json_alone_and_draws_both_formats(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text(weighing_csv(T_S, RATE_NL_PER_H / 3600.0 * T_S))
    for suffix in ("svg", "png"):
        picture = tmp_path / f"trumpet.{suffix}"
        words = [
            "accuracy",
            str(file),
            "--rate",
            "20 ul/h",
            "--windows",
            "1",
            "--plot",
            str(picture),
            "--json",
        ]
        result = CliRunner().invoke(root, words, obj=Settings())
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert [w["p_min"] for w in document["windows"]] == [1.0, *WINDOWS_MIN]
        assert len(document["startup"]) == 240
        assert picture.stat().st_size > 5000


def test_an_occlusion_test_gives_time_pressure_and_the_bolus_on_opening() -> None:
    flowing = np.minimum(T_S, 3000.0) * RATE_NL_PER_H / 3600.0
    volume = flowing + np.where(T_S > 5000.0, 2500.0, 0.0)
    head = "# occluded_at_s: 3000\n# alarm_at_s: 4500\n# alarm_pressure_hpa: 690\n# reopened_at_s: 4990\n"
    found = analyse(parse(weighing_csv(T_S, volume, head).encode(), "x"), RATE_NL_PER_H).occlusion
    assert found is not None
    assert (found["alarm_after_s"], found["alarm_pressure_hpa"]) == (1500.0, 690.0)
    assert abs(found["bolus_nl"] - 2500.0) < 1.0
    wrong = head.replace("4990", "4400")
    with pytest.raises(WeighingError, match="order"):
        analyse(parse(weighing_csv(T_S, volume, wrong).encode(), "x"), RATE_NL_PER_H)


def noisy(a_pct: float, seed: int, hours: float = 4.0, sd_g: float = 1e-4) -> str:
    """A pump without fault but `a_pct`, on a balance with white noise of 0.1 mg and 0.1 mg digits."""
    t_s = np.arange(0.0, hours * 3600.0 + 1, 5.0)
    volume = RATE_NL_PER_H * (1 + a_pct / 100) * t_s / 3600.0
    mass = 5.0 + volume * 1e-6 / Z_UL_PER_MG + np.random.default_rng(seed).normal(0, sd_g, len(t_s))
    rows = "".join(f"{t:g},{m:.4f},20.0,50,1013\n" for t, m in zip(t_s, mass, strict=True))
    return f"# balance_readability_g: 0.0001\n# evaporation_g_per_h: 0\nt_s,mass_g,temp_c,rh_pct,pressure_hpa\n{rows}"


def test_a_and_b_lie_within_their_u_and_the_trumpet_of_a_perfect_pump_is_the_noise_band() -> None:
    inside = 0
    for seed in range(20):
        found = analyse(parse(noisy(1.5, seed).encode(), "x"), RATE_NL_PER_H)
        assert found.u_a_pct is not None
        assert found.b_pct is not None
        inside += abs(found.a_pct - 1.5) <= found.u_a_pct < 3.0
        band = {row.p_min: row.noise_pct for row in found.bands}
        for window in found.windows:
            assert 0.4 * band[window.p_min] < window.ep_max_pct - found.a_pct < 2.0 * band[window.p_min]
    assert inside >= 17


def test_samples_of_15_min_have_their_own_windows_and_periods(tmp_path: Path) -> None:
    file = tmp_path / "slow.csv"
    file.write_text(noisy(0.5, 1, hours=30.0))
    words = [
        "accuracy",
        str(file),
        "--rate",
        "20 ul/h",
        "--sample",
        "15 min",
        "--t0",
        "6 h",
        "--t1",
        "2 h,20 h",
    ]
    result = CliRunner().invoke(root, [*words, "--json"], obj=Settings())
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert [row["p_min"] for row in document["windows"]] == [15.0, 60.0, 150.0, 330.0, 570.0, 930.0]
    assert len(document["startup"]) == 24
    assert document["t1_min"] == [120.0, 1200.0]
    assert document["a_pct"] == pytest.approx(0.5, abs=document["u_a_pct"])


def test_a_falling_mass_is_refused_and_the_option_named() -> None:
    rows = "".join(f"{t:g},{9 - 0.02 * t / 3600:.4f}\n" for t in range(0, 7200, 5))
    with pytest.raises(WeighingError, match="--falling"):
        analyse(parse(f"t_s,mass_g\n{rows}".encode(), "x"), RATE_NL_PER_H)


def test_a_figure_has_the_digits_that_its_uncertainty_leaves() -> None:
    """Of each `VALUE % ± U %` both end at the same digit, the second of U at the finest."""
    words = ["accuracy", str(WEIGHING), "--rate", "20 ul/h"]
    said = CliRunner().invoke(root, words, obj=Settings()).output
    (value, u) = re.findall(r"^A +([+-][\d.]+) % ± ([\d.]+) %", said, re.M)[0]
    assert len(value.partition(".")[2]) == len(u.partition(".")[2])
    rows = re.findall(r"min +([+-][\d.]+) % +([+-][\d.]+) % +± ([\d.]+) %", said)
    assert len(rows) == 5
    for most, least, noise in rows:
        assert len({len(text.partition(".")[2]) for text in (most, least, noise)}) == 1
        assert len(noise.replace(".", "").lstrip("0")) == 2
