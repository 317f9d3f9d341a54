"""The fit of a weighing: known truths come back within their uncertainty, bad files are named or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pumprig.calibration import budget, gravimetry
from pumprig.calibration.fit import Fit, fit_file
from pumprig.cli import root, run, waiting
from pumprig.cli.settings import Settings
from rigsim.balance import Balance, BalanceSpec
from scipy.special import ndtr, stdtrit
from weighings import (
    EVAPORATION_G_PER_H,
    FIRST_ROW,
    RATE_NL_PER_H,
    STATED,
    T_S,
    csv,
    fitted,
    readings_g,
)


def test_z_factor_gives_the_published_check_values() -> None:
    assert gravimetry.z_ul_per_mg(gravimetry.Ambient()) == pytest.approx(1.0029, abs=5e-5)
    assert gravimetry.z_ul_per_mg(gravimetry.Ambient(temp_c=25.0)) == pytest.approx(1.0040, abs=5e-5)


def test_water_density_follows_tanaka_at_its_tabled_points() -> None:
    for temp_c, density in ((4.0, 999.9749), (20.0, 998.2067), (25.0, 997.0470), (40.0, 992.2152)):
        assert gravimetry.water_density_kg_per_m3(temp_c) == pytest.approx(density, abs=2e-3)


def test_two_independent_density_formulas_agree_on_z() -> None:
    for temp_c in (10.0, 20.0, 30.0):
        spec = BalanceSpec(temp_c=temp_c, rh_pct=40.0, pressure_hpa=980.0)
        other = 1e-6 / Balance(spec, 1).g_per_nl
        ours = gravimetry.z_ul_per_mg(gravimetry.Ambient(temp_c, 40.0, 980.0))
        assert ours == pytest.approx(other, rel=2e-5)


def test_ambient_values_outside_the_formulas_are_refused() -> None:
    for bad in ({"temp_c": 60.0}, {"rh_pct": 120.0}, {"pressure_hpa": 101325.0}):
        with pytest.raises(gravimetry.AmbientError):
            gravimetry.z_ul_per_mg(gravimetry.Ambient(**bad))


def test_true_flow_lies_within_the_stated_uncertainty_and_the_budget_adds_up() -> None:
    result = fitted(csv(readings_g(wander_g_per_root_h=1e-4)))
    document = result.as_json()
    assert abs(document["flow_nl_per_h"] - RATE_NL_PER_H) < document["u_flow_nl_per_h"] < 0.05 * RATE_NL_PER_H
    combined = sum(term["u_nl_per_h"] ** 2 for term in document["budget"]) ** 0.5
    assert document["u_flow_nl_per_h"] == pytest.approx(document["k"] * combined, rel=1e-9)
    assert document["k"] >= 2.0
    assert document["evaporation_g_per_h"] == pytest.approx(EVAPORATION_G_PER_H, abs=2e-4)
    json.dumps(document, allow_nan=False)


def test_blanks_in_the_record_give_the_evaporation_and_steps_the_volume_per_revolution() -> None:
    run_s = np.clip(T_S - 1800.0, 0.0, 10_800.0)
    steps = np.floor(run_s * 1.7)
    nl_per_step = 3.2
    spec = BalanceSpec(evaporation_g_per_h=0.001)
    mass_g = Balance(spec, 3).readings(T_S, steps * nl_per_step)
    result = fitted(csv(mass_g, steps=steps, meta={"steps_per_rev": 3200, "rollers": 3}))
    assert result.nl_per_rev is not None
    assert result.u_nl_per_rev is not None
    assert abs(result.nl_per_rev - 3200 * nl_per_step) < result.u_nl_per_rev < 0.03 * result.nl_per_rev
    assert result.evaporation_g_per_h == pytest.approx(0.001, abs=1e-4)
    assert abs(result.result.flow_nl_per_h - 1.7 * 3600 * nl_per_step) < result.result.u_flow_nl_per_h


@pytest.mark.parametrize("blank_s", [60.0, 100.0, 118.0])
def test_the_tail_of_the_run_before_does_not_make_a_short_blank_a_part_of_the_run(blank_s: float) -> None:
    t_s = np.arange(0.0, 600.0, 2.0)
    steps = np.floor(np.clip(t_s, 0.0, 4.0) * 80.0 + np.clip(t_s - blank_s, 0.0, 360.0) * 170.0)
    mass_g = Balance(BalanceSpec(), 3).readings(t_s, steps * 3.3)
    found = fitted(csv(mass_g, t_s, steps=steps, meta={"steps_per_rev": 3200}))
    assert found.result.flow_nl_per_h == pytest.approx(170.0 * 3600 * 3.3, rel=0.02)


def test_the_same_file_gives_the_same_figures() -> None:
    text = csv(readings_g())
    assert fitted(text).as_json() == fitted(text).as_json()


@pytest.mark.parametrize("dof", [1.0, 1.3, 2.0, 3.0, 9.5, 325.0, 1e4, 999_999.0])
def test_the_coverage_factor_is_student_s_t_as_scipy_has_it(dof: float) -> None:
    assert budget.coverage_factor(dof) == pytest.approx(stdtrit(dof, ndtr(2.0)), rel=1e-7)
    assert budget.coverage_factor(2e6) == budget.coverage_factor(float("inf")) == 2.0


def test_missing_ambient_values_widen_the_uncertainty_with_a_warning() -> None:
    plain = fitted(csv(readings_g()))
    assert any("20 deg C" in w for w in plain.weighing.warnings)
    lines = csv(readings_g()).splitlines()
    measured = [
        line + (",temp_c,rh_pct,pressure_hpa" if line.startswith("t_s") else ",20.0,50,1013")
        if not line.startswith("#")
        else line
        for line in lines
    ]
    known = fitted("\n".join(measured))
    assert not any("20 deg C" in w for w in known.weighing.warnings)

    def u_of(result: Fit) -> float:
        return next(t.u_nl_per_h for t in result.result.terms if t.source == "temperature")

    assert u_of(plain) > 5 * u_of(known)


def test_an_unknown_evaporation_counts_as_uncertainty() -> None:
    meta = {k: v for k, v in STATED.items() if k != "evaporation_g_per_h"}
    result = fitted(csv(readings_g(), meta=meta))
    assert result.result.u_flow_nl_per_h > 2000.0
    assert any("evaporated" in w for w in result.weighing.warnings)


def test_a_tare_in_the_middle_is_named_and_joined() -> None:
    mass_g = readings_g()
    untouched = fitted(csv(mass_g)).result
    mass_g[4000:] -= mass_g[3999]
    result = fitted(csv(mass_g))
    assert any(f"row {FIRST_ROW + 4000}: the balance was tared" in w for w in result.weighing.warnings)
    assert abs(result.result.flow_nl_per_h - untouched.flow_nl_per_h) < untouched.u_flow_nl_per_h


def test_a_bottle_change_is_left_out_by_rows_and_joined() -> None:
    mass_g = readings_g() + 10.0
    untouched = fitted(csv(mass_g)).result
    mass_g[4000:4010] = 0.3
    mass_g[4010:] += 5.123
    result = fitted(csv(mass_g))
    assert result.weighing.rejected[0].rows == tuple(range(FIRST_ROW + 4000, FIRST_ROW + 4010))
    assert "handled" in result.weighing.rejected[0].why
    assert abs(result.result.flow_nl_per_h - untouched.flow_nl_per_h) < untouched.u_flow_nl_per_h


def test_a_knock_is_left_out_and_changes_nothing() -> None:
    mass_g = readings_g()
    untouched = fitted(csv(mass_g)).result
    mass_g[100] += 0.01
    mass_g[500:503] -= 0.02
    result = fitted(csv(mass_g))
    assert list(result.weighing.rejected[0].rows) == [FIRST_ROW + i for i in (100, 500, 501, 502)]
    assert result.result.flow_nl_per_h == pytest.approx(untouched.flow_nl_per_h, rel=1e-3)


def test_calibrate_fit_prints_one_json_document_alone_on_stdout(tmp_path: Path) -> None:
    file = tmp_path / "weighing.csv"
    file.write_text(csv(readings_g()))
    result = CliRunner().invoke(
        root, ["calibrate", "fit", str(file), "--json", "--plot", str(tmp_path / "fit.svg")], obj=Settings()
    )
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert {"volume_nl", "u_volume_nl", "flow_nl_per_h", "z_ul_per_mg", "budget", "rejected"} <= set(document)
    assert (tmp_path / "fit.svg").stat().st_size > 10_000
    assert fit_file(file).as_json() == document


@pytest.mark.parametrize(("after_s", "lines"), [(0.0, 1), (1e6, 0)])
def test_a_fit_that_takes_long_says_so_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    after_s: float,
    lines: int,
) -> None:
    monkeypatch.setattr(waiting, "AFTER_S", after_s)
    file = tmp_path / "weighing.csv"
    file.write_text(csv(readings_g()))
    assert run(["calibrate", "fit", str(file)]) == 0
    assert capsys.readouterr().err.count("fitting weighing.csv (") == lines


def test_blank_files_replace_the_stated_evaporation(tmp_path: Path) -> None:
    still = Balance(BalanceSpec(evaporation_g_per_h=0.0015), 5).readings(T_S[:1800], 0.0 * T_S[:1800])
    (tmp_path / "blank.csv").write_text(csv(still + 1.0, T_S[:1800], meta={}))
    (tmp_path / "run.csv").write_text(csv(readings_g(), meta={"balance_readability_g": 1e-4}))
    result = fit_file(tmp_path / "run.csv", [tmp_path / "blank.csv"])
    assert result.evaporation_g_per_h == pytest.approx(0.0015, rel=0.1)
