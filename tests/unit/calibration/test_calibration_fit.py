"""The fit of a weighing: known truths come back within their uncertainty, bad files are named or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from pumprig.calibration import gravimetry
from pumprig.calibration.files import parse
from pumprig.calibration.fit import Fit, fit, fit_file
from pumprig.calibration.weighing import WeighingError
from pumprig.cli import root
from pumprig.cli.settings import Settings
from rigsim.balance import Balance, BalanceSpec

N = 7200
T_S = np.arange(N) * 2.0
RATE_NL_PER_H = 20_000.0
EVAPORATION_G_PER_H = 0.0002
STATED = {
    "rate_nl_per_h": RATE_NL_PER_H,
    "balance_readability_g": 1e-4,
    "evaporation_g_per_h": EVAPORATION_G_PER_H,
    "roller_period_s": 600,
}


def readings_g(seed: int = 1, **spec: float) -> Any:
    """A clean 4 h weighing at 20 uL/h on a 0.1 mg balance, with the blank's evaporation."""
    balance = Balance(BalanceSpec(evaporation_g_per_h=EVAPORATION_G_PER_H, **spec), seed)
    return 0.05 + balance.readings(T_S, RATE_NL_PER_H * T_S / 3600.0)


def csv(
    mass_g: Any,
    t_s: Any = T_S,
    steps: Any = None,
    digits: int = 4,
    meta: dict[str, float] | None = None,
    separator: str = ",",
) -> str:
    lines = [f"# {key}: {value}" for key, value in (STATED if meta is None else meta).items()]
    lines.append(separator.join(["t_s", "mass_g"] + ([] if steps is None else ["steps"])))
    for i in range(len(t_s)):
        cells = [f"{t_s[i]:g}", f"{mass_g[i]:.{digits}f}"] + ([] if steps is None else [f"{int(steps[i])}"])
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


def fitted(text: str) -> Fit:
    return fit(parse(text.encode(), "weighing.csv"))


def refused(text: str) -> str:
    with pytest.raises(WeighingError) as caught:
        fitted(text)
    assert caught.value.not_done
    assert caught.value.next_step
    return str(caught.value)


FIRST_ROW = len(STATED) + 2  # line of the first reading that csv() writes


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


def test_semicolons_tabs_and_decimal_commas_are_read_where_they_are_unambiguous() -> None:
    mass_g = readings_g()
    plain = fitted(csv(mass_g)).result.flow_nl_per_h
    german = (
        csv(mass_g, separator=";")
        .replace(".", ",")
        .replace("0,0001", "0.0001")
        .replace("0,0002\n", "0.0002\n")
    )
    german = german.replace("20000,0", "20000.0")
    tabbed = csv(mass_g, separator="\t")
    for text in (german, tabbed, tabbed.replace("\n", "\r\n"), "\ufeff" + tabbed):
        assert fitted(text).result.flow_nl_per_h == pytest.approx(plain, rel=1e-12)


def test_a_decimal_comma_between_comma_columns_is_refused_by_row() -> None:
    text = "t_s,mass_g\n" + "".join(f"{i},0,{i:04d}\n" for i in range(100))
    assert "row 2" in refused(text)


def test_missing_and_repeated_times_are_left_out_by_row() -> None:
    lines = csv(readings_g()).splitlines()
    lines[FIRST_ROW + 49] = "," + lines[FIRST_ROW + 49].split(",")[1]
    lines[FIRST_ROW + 99] = lines[FIRST_ROW + 98]
    rejected = {r.why: r.rows for r in fitted("\n".join(lines)).weighing.rejected}
    assert rejected["t_s is missing"] == (FIRST_ROW + 50,)
    assert rejected["the time repeats that of the row before"] == (FIRST_ROW + 100,)


def test_a_time_that_runs_back_is_refused_by_row() -> None:
    lines = csv(readings_g()).splitlines()
    lines[FIRST_ROW + 49] = "3," + lines[FIRST_ROW + 49].split(",")[1]
    assert f"row {FIRST_ROW + 50}" in refused("\n".join(lines))


def test_an_overloaded_balance_is_left_out_when_short_and_refused_when_long() -> None:
    lines = csv(readings_g()).splitlines()
    short = [*lines]
    short[FIRST_ROW + 20] = short[FIRST_ROW + 20].split(",")[0] + ",S +"
    assert fitted("\n".join(short)).weighing.rejected[0].rows == (FIRST_ROW + 21,)
    long = [*lines[:5000], *(line.split(",")[0] + ",OL" for line in lines[5000:])]
    assert "row 5001" in refused("\n".join(long))
    assert "stands still" in refused(csv(np.minimum(readings_g(), 0.1)))


def test_an_old_answer_is_left_out_by_row_and_a_reading_that_stays_is_refused() -> None:
    sparse = slice(None, None, int(180.0 / (T_S[1] - T_S[0])))  # 1 mg between readings
    t_s, mass_g = T_S[sparse], readings_g()[sparse].round(4)
    clean = fitted(csv(mass_g, t_s)).result
    middle = len(t_s) // 2
    mass_g[middle] = mass_g[middle - 1]
    found = fitted(csv(mass_g, t_s))
    (rejection,) = found.weighing.rejected
    assert rejection.rows == (FIRST_ROW + middle,)
    assert "repeats the reading before" in rejection.why
    assert abs(found.result.flow_nl_per_h - clean.flow_nl_per_h) < 0.2 * clean.u_flow_nl_per_h
    mass_g[middle + 1] = mass_g[middle]
    assert "stands still" in refused(csv(mass_g, t_s))


def test_kilograms_are_refused_whatever_the_file_tells() -> None:
    mass_g = readings_g() / 1000.0
    assert "kilograms" in refused(csv(mass_g, digits=7))
    assert "kilograms" in refused(csv(mass_g, digits=7, meta={}))
    assert "kg" in refused(csv(mass_g, digits=7).replace("\n100,", "\n100,0.00005 kg\n100.5,"))
    assert fitted(csv(mass_g, digits=7).replace("mass_g", "mass_kg")).result.flow_nl_per_h == pytest.approx(
        fitted(csv(readings_g())).result.flow_nl_per_h, rel=1e-6
    )


def test_a_change_to_kilograms_in_the_middle_is_refused_by_row() -> None:
    mass_g = readings_g()
    mass_g[4000:] /= 1000.0
    assert f"row {FIRST_ROW + 4000}" in refused(csv(mass_g, digits=7))


def test_an_empty_file_a_lonely_header_and_no_header_are_refused() -> None:
    assert "empty" in refused("")
    assert "empty" in refused("\n \n")
    assert "no readings" in refused("t_s,mass_g\n")
    assert "row 1" in refused("0,1\n1,2\n")
    assert "row 1" in refused("t_s,mass_g,mass_g\n0,1,1\n")


def test_a_run_shorter_than_one_roller_period_is_refused() -> None:
    assert "roller period" in refused(csv(readings_g()[:200], T_S[:200]))
    assert "roller period" in refused(csv(readings_g()[:200], T_S[:200], meta={}))


def test_a_blank_that_rises_is_refused_with_its_rows() -> None:
    steps = np.floor(np.clip(T_S - 1800.0, 0.0, None) * 1.7)
    mass_g = Balance(BalanceSpec(evaporation_g_per_h=-0.004), 3).readings(T_S, steps * 3.2)
    assert "the blank rises" in refused(csv(mass_g, steps=steps, meta={"steps_per_rev": 3200}))
    assert "row 3" in refused(csv(readings_g(), meta={**STATED, "evaporation_g_per_h": -0.003}))


def test_a_falling_mass_and_a_step_count_that_falls_are_refused() -> None:
    assert "falls" in refused(csv(1.0 - readings_g()))
    steps = np.floor(T_S * 1.7)
    steps[3000:] -= 100
    assert f"row {FIRST_ROW + 3000}" in refused(csv(readings_g(), steps=steps))


def test_metadata_that_is_no_number_or_given_twice_is_refused_by_row() -> None:
    assert "row 1" in refused("# rate_nl_per_h: 20 ul/h\nt_s,mass_g\n0,1\n")
    assert "row 2" in refused("# rate_nl_per_h: 1\n# rate_nl_per_h: 2\nt_s,mass_g\n0,1\n")


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


def test_blank_files_replace_the_stated_evaporation(tmp_path: Path) -> None:
    still = Balance(BalanceSpec(evaporation_g_per_h=0.0015), 5).readings(T_S[:1800], 0.0 * T_S[:1800])
    (tmp_path / "blank.csv").write_text(csv(still + 1.0, T_S[:1800], meta={}))
    (tmp_path / "run.csv").write_text(csv(readings_g(), meta={"balance_readability_g": 1e-4}))
    result = fit_file(tmp_path / "run.csv", [tmp_path / "blank.csv"])
    assert result.evaporation_g_per_h == pytest.approx(0.0015, rel=0.1)


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
