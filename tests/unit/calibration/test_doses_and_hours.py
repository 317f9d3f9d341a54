"""Single doses and a running therapy on a balance: the errors that were built in come back within U."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pumprig.calibration.doses import dose_test
from pumprig.calibration.files import parse
from pumprig.calibration.verify import verify
from pumprig.calibration.weighing import WeighingError
from pumprig.cli import run

Z_UL_PER_MG = 1.0028509
DOSES = 25
AIR = ",20.0,50,1013"


def doses_file(mean_nl: float, sd_nl: float, steps: bool, seed: int = 4) -> tuple[str, np.ndarray]:
    """25 doses of 20 s with 40 s of rest, readings of a 0.1 mg balance, 0.5 mg/h evaporating; the true doses, nL."""
    rng = np.random.default_rng(seed)
    true_nl = rng.normal(mean_nl, sd_nl, DOSES)
    t_s = np.arange(0.0, 60.0 + 60.0 * DOSES)
    arrived = sum(v * np.clip((t_s - 60.0 * (i + 1)) / 20.0, 0.0, 1.0) for i, v in enumerate(true_nl))
    mass = 5.0 + arrived * 1e-6 / Z_UL_PER_MG - 0.5e-3 * t_s / 3600.0 + rng.normal(0, 1e-4, len(t_s))
    head = "# nl_per_rev: 10000\n# steps_per_rev: 3200\n# evaporation_g_per_h: 0.0005\n" if steps else ""
    names = "t_s,mass_g,temp_c,rh_pct,pressure_hpa" + (",steps" if steps else "")
    counts = [f",{int(v / 3.125)}" if steps else "" for v in arrived]
    rows = "".join(f"{t:g},{m:.4f}{AIR}{c}\n" for t, m, c in zip(t_s, mass, counts, strict=True))
    return f"{head}{names}\n{rows}", true_nl


@pytest.mark.parametrize("steps", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_errors_of_25_doses_come_back_within_their_uncertainty(steps: bool, seed: int) -> None:
    text, true_nl = doses_file(49_000.0, 400.0, steps, seed)
    found = dose_test(parse(text.encode(), "doses.csv"), 50_000.0)
    assert len(found.doses) == DOSES
    assert abs(found.mean_nl - true_nl.mean()) < found.u_mean_nl < 400.0
    assert found.systematic_pct == pytest.approx(
        100 * (true_nl.mean() / 50_000 - 1), abs=found.u_systematic_pct
    )
    assert found.random_nl == pytest.approx(true_nl.std(ddof=1), rel=0.25)
    counted = [dose.counted_nl for dose in found.doses]
    if steps:
        assert counted == pytest.approx(list(true_nl), rel=1e-3)
    else:
        assert counted == [None] * DOSES


@pytest.mark.parametrize("steps", [True, False])
def test_boluses_over_a_base_flow_are_told_from_it(steps: bool) -> None:
    """8 boluses of 50.4 uL over 2 min, one in 10 min, on 10 uL/h, with 0.5 mg/h evaporating."""
    t_s = np.arange(0.0, 5200.0, 2.0)
    pulse = sum(np.clip((t_s - 300.0 - 600.0 * i) / 120.0, 0.0, 1.0) for i in range(8))
    asked = 50_000.0 * pulse + 10_000.0 * t_s / 3600.0
    noise = np.random.default_rng(11).normal(0, 1e-4, len(t_s))
    mass = 5.0 + 1.008 * asked * 1e-6 / Z_UL_PER_MG - 0.5e-3 * t_s / 3600.0 + noise
    names = "t_s,mass_g,temp_c,rh_pct,pressure_hpa" + (",steps,counted_nl" if steps else "")
    rows = "".join(
        f"{t:g},{m:.4f}{AIR}" + (f",{int(a / 3.1)},{int(a / 3.1) * 3.1:.0f}\n" if steps else "\n")
        for t, m, a in zip(t_s, mass, asked, strict=True)
    )
    found = dose_test(parse(f"{names}\n{rows}".encode(), "boluses.csv"), 50_000.0)
    assert len(found.doses) == 8
    assert abs(found.mean_nl - 50_400.0) < found.u_mean_nl < 250.0
    assert [dose.counted_nl for dose in found.doses] == (
        [pytest.approx(50_000.0, abs=20.0)] * 8 if steps else [None] * 8
    )


def test_fewer_than_three_doses_give_no_figure() -> None:
    text = "t_s,mass_g\n" + "".join(f"{t},{5 + 0.05 * (t > 60):.4f}\n" for t in range(120))
    with pytest.raises(WeighingError, match="1 doses are seen"):
        dose_test(parse(text.encode(), "doses.csv"), 50_000.0)


def hours_file(lost: float = 0.0) -> str:
    """Three hours at 20 uL/h with a bolus of 50 uL in the second; `lost` of it counted but not arrived."""
    t_s = np.arange(0.0, 10_801.0, 2.0)
    asked = 20_000.0 * t_s / 3600.0 + 50_000.0 * np.clip((t_s - 4000.0) / 300.0, 0.0, 1.0)
    mass = (
        5.0 + asked * (1.0 - lost) * 1e-6 / Z_UL_PER_MG + np.random.default_rng(1).normal(0, 1e-4, len(t_s))
    )
    rows = (
        f"{t:g},{m:.4f},{int(a / 3.125)},{a:.0f},{int(a / 3.125) * 3.125:.0f}\n"
        for t, m, a in zip(t_s, mass, asked, strict=True)
    )
    return "# evaporation_g_per_h: 0.00001\nt_s,mass_g,steps,asked_nl,counted_nl\n" + "".join(rows)


def test_a_therapy_is_shown_hour_by_hour_as_asked_counted_and_weighed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hours.csv"
    file.write_text(hours_file())
    assert run(["calibrate", "verify", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [round(row["asked_nl"]) for row in document["hours"]] == [20_000, 70_000, 20_000]
    for row in document["hours"]:
        assert abs(row["weighed_nl"] - row["asked_nl"]) < row["u_weighed_nl"] < 600.0
        assert row["counted_nl"] == pytest.approx(row["asked_nl"], abs=4.0)
    assert document["agrees"] is True


def test_fluid_that_was_counted_and_did_not_arrive_is_seen() -> None:
    weighing = parse(hours_file(lost=0.05).encode(), "hours.csv")
    found = verify(weighing, weighing.ambient["asked_nl"], weighing.ambient["counted_nl"])
    assert found.agrees is False
    assert verify(weighing, None, None).agrees is None
