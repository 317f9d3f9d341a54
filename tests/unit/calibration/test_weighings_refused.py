"""Weighings that are not what they claim: rows are left out by name, or the file is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
from rigsim.balance import Balance, BalanceSpec
from weighings import (
    FIRST_ROW,
    STATED,
    T_S,
    csv,
    fitted,
    readings_g,
    refused,
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
