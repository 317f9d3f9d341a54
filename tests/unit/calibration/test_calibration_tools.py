"""Planning, rates, the register of calibrations, and the angle map."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pumprig.calibration import keep, register
from pumprig.calibration.advice import base_rates_nl_per_h, warnings_for
from pumprig.calibration.anglemap import AngleMap, estimate
from pumprig.calibration.fit import fit
from pumprig.calibration.plan import expected, plan, two_readings_h
from pumprig.calibration.rates import Point, fit_rates
from pumprig.calibration.weighing import Weighing
from pumprig.cli import root, run
from pumprig.cli.settings import Settings
from pumpwire import documents
from pumpwire.documents import WEEKDAYS
from pumpwire.terms import ANGLE_CELLS, ANGLE_MEAN
from rigsim.balance import Balance, BalanceSpec
from rigsim.geometry import load_head


@pytest.mark.parametrize(
    ("readability_g", "rate_nl_per_h", "hours"),
    [
        (1e-5, 2000.0, 1.4),
        (1e-4, 2000.0, 14.0),
        (1e-4, 1e6, 1.7 / 60),
        (1e-3, 2000.0, 5.9 * 24),
        (1e-2, 1e6, 2.8),
    ],
)
def test_the_time_between_two_readings_is_the_tabled_one(
    readability_g: float, rate_nl_per_h: float, hours: float
) -> None:
    assert two_readings_h(readability_g, rate_nl_per_h, 1.0) == pytest.approx(hours, rel=0.03)


def test_a_plan_reaches_its_goal_in_whole_roller_periods_or_says_what_limits_it() -> None:
    good = plan(1e-4, 20_000.0, 1.0)
    assert good.reached
    assert good.expected.u_pct <= 1.0
    assert good.roller_periods == pytest.approx(round(good.roller_periods))
    bad = plan(1e-2, 2000.0, 0.2)
    assert not bad.reached
    assert "cannot be reached" in bad.warnings[0]


def test_the_expected_u_falls_with_time_and_with_the_rate() -> None:
    u = [expected(1e-4, 20_000.0, hours).u_pct for hours in (1.0, 2.0, 4.0, 8.0)]
    assert u == sorted(u, reverse=True)
    assert expected(1e-4, 200_000.0, 2.0).u_pct < expected(1e-4, 20_000.0, 2.0).u_pct


def test_rates_recover_the_model_and_scatter_widens_it() -> None:
    rates = [5e3, 2e4, 8e4, 3e5]
    exact = [Point(r, 10_000.0 * (1 - 0.02 * np.log(r / 4e4)), 5.0) for r in rates]
    model = fit_rates(exact)
    value, u = model.at(4e4)
    assert value == pytest.approx(10_000.0, rel=1e-6)
    noisy = [
        Point(p.rate_nl_per_h, p.nl_per_rev + e, 5.0) for p, e in zip(exact, (60, -60, 60, -60), strict=True)
    ]
    assert fit_rates(noisy).at(4e4)[1] > 5 * u
    assert not model.covers(1e6)
    assert fit_rates(exact[:1]).at(1e6)[0] == exact[0].nl_per_rev


def weighing(rate_nl_per_h: float = 200_000.0, hours: float = 2.0) -> Weighing:
    head = load_head()
    t_s = np.arange(0.0, hours * 3600.0, 2.0)
    steps = np.floor(t_s * rate_nl_per_h / 3600.0 / head.nl_per_rev * 3200)
    turn = np.array([head.displacement_nl(2 * np.pi * k / 3200) for k in range(3200)])
    volume = turn[(steps % 3200).astype(int)] + steps // 3200 * head.nl_per_rev
    mass = Balance(BalanceSpec(evaporation_g_per_h=3e-4), 4).readings(t_s, volume)
    numbers = {
        "evaporation_g_per_h": 3e-4,
        "steps_per_rev": 3200.0,
        "rollers": 3.0,
        "balance_readability_g": 1e-4,
    }
    return Weighing("w.csv", "", np.arange(len(t_s)), t_s, mass, {}, steps, numbers, {}, {})


def test_the_angle_map_keeps_the_volume_of_a_turn_and_cuts_the_pulsation_to_six_tenths() -> None:
    found = estimate(weighing(hours=4.0), 3200.0)
    head = load_head()
    assert found.nl_per_rev == pytest.approx(head.nl_per_rev, rel=5e-3)
    assert sum(found.table()) == ANGLE_CELLS * ANGLE_MEAN
    edges = 2 * np.pi * np.arange(ANGLE_CELLS + 1) / ANGLE_CELLS
    flow = np.diff([head.displacement_nl(float(v)) for v in edges])
    after = flow / found.weights()
    assert np.ptp(after) < np.ptp(flow) * 0.6  # of a head that closes its tube; the map has 96 cells


def test_backflow_only_shortens_the_gap_and_a_turn_lasts_as_long() -> None:
    deep = AngleMap(1e4, np.array([0.0, 0.0, 1.6]), np.zeros(3), np.zeros(3))
    weights = deep.weights()
    assert weights.min() == pytest.approx(0.25)
    assert weights.mean() == pytest.approx(1.0)
    assert sum(deep.table()) == ANGLE_CELLS * ANGLE_MEAN


def test_a_calibration_is_kept_with_its_raw_data_and_makes_a_document_the_device_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    source = tmp_path / "raw.csv"
    source.write_text("raw")
    made = datetime(2026, 1, 2, tzinfo=UTC)
    record = keep.save([fit(weighing())], [source], "A. Student", "tube 3", made)
    again = register.load(record.id)
    assert again.content == record.content
    raw = hashlib.sha256(b"raw").hexdigest()
    assert (register.folder() / str(record.id) / f"{raw}.csv").read_text() == "raw"
    document = documents.parse(documents.canonical(again.document()))
    assert document["nl_num"] / document["nl_den"] == pytest.approx(record.nl_per_rev, rel=1e-9)
    assert document["u_ppm"] >= 1e6 * record.u_nl_per_rev / record.nl_per_rev
    assert any("days old" in w for w in record.warnings(made + timedelta(days=8)))
    assert any("outside" in w for w in record.warnings(made, [200_000.0, 1e6]))
    assert not record.warnings(made, [200_000.0])
    listed = CliRunner().invoke(root, ["calibrate", "list", "--json"], obj=Settings())
    assert [row["id"] for row in json.loads(listed.stdout)] == [record.id]


def test_a_calibration_that_was_edited_or_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    record = keep.save([fit(weighing())], [], "", "", datetime(2026, 1, 2, tzinfo=UTC))
    path = register.folder() / str(record.id) / "calibration.json"
    path.write_text(path.read_text().replace('"person": ""', '"person": "x"'))
    with pytest.raises(register.RegisterError, match="changed"):
        register.load(record.id)
    assert run(["calibrate", "apply", "12345", "--yes"]) == 1
    assert "no calibration 12345" in capsys.readouterr().err


def test_the_plan_command_wants_units_and_a_share_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["calibrate", "plan", "--rate", "20 ul/h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reached"]
    assert run(["calibrate", "plan", "--rate", "20"]) == 2
    assert run(["calibrate", "plan", "--rate", "20 ul/h", "--want", "0.01"]) == 2


def kept(folder: Path, monkeypatch: pytest.MonkeyPatch, device_id: str = "") -> register.Record:
    monkeypatch.setenv("PUMPRIG_HOME", str(folder))
    found = weighing()
    found.texts["device_id"] = device_id
    return keep.save([fit(found)], [], "", "", datetime(2026, 1, 2, tzinfo=UTC))


def test_a_tube_that_has_turned_long_since_its_calibration_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = kept(tmp_path, monkeypatch)
    end, made = record.content["steps_at_end"], datetime(2026, 1, 2, tzinfo=UTC)
    assert record.revolutions(None) is None
    assert record.revolutions(end - 1) is None
    assert record.revolutions(end + 32_000) == pytest.approx(10)
    assert not record.warnings(made, (), end + 4_999 * 3200)
    assert "turned 6000 times" in record.warnings(made, (), end + 6_000 * 3200)[0]


def test_a_rate_or_a_step_outside_the_calibrated_range_is_warned_of_before_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = kept(tmp_path, monkeypatch)
    empty = {"basal": (), "phases": (), "ramp": (), **dict.fromkeys(WEEKDAYS, ())}
    inside = {**empty, "basal": ((0, 4_800_000),)}
    assert not any("outside" in text for text in warnings_for(record.id, 0, inside))
    steps = {**inside, "phases": ((3600, 480_000), (3600, 48_000_000)), "mon": ((0, 0),)}
    told = "\n".join(warnings_for(record.id, 0, steps))
    assert "20 and 2000 µL/h: outside the calibrated 200 to 200 µL/h" in told
    assert base_rates_nl_per_h({**empty, "ramp": ((24_000, 1, 1, 48_000),)}) == [1_000.0, 2_000.0]
    assert warnings_for(1, 0, steps) == []


def test_a_map_is_kept_with_the_calibration_and_goes_to_the_device_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    found = weighing(hours=4.0)
    steps = np.asarray(found.steps)
    rows = "\n".join(f"{t:g},{m:.4f},{s:g}" for t, m, s in zip(found.t_s, found.mass_g, steps, strict=True))
    keys = "".join(f"# {key}: {value}\n" for key, value in found.numbers.items())
    plain, indexed = tmp_path / "plain.csv", tmp_path / "indexed.csv"
    plain.write_text(f"{keys}t_s,mass_g,steps\n{rows}\n")
    indexed.write_text(f"# index_steps: 0\n{plain.read_text()}")
    assert run(["calibrate", "fit", str(plain), "--save", "--angle"]) == 1
    assert "`# index_steps`" in capsys.readouterr().err
    assert register.records() == []
    assert run(["calibrate", "fit", str(indexed), "--save", "--angle"]) == 0
    (record,) = register.records()
    document = documents.parse(documents.canonical(record.document()))
    weights = [row[0] for row in document["angle_weights"]]
    assert weights == record.content["angle"]["weights"]
    assert record.content["angle"]["peak_to_peak_pct"] > 60


@pytest.mark.parametrize("air", ["21", "21,45", "21,45,98500", "90,45,985", "warm,dry,low"])
def test_air_that_cannot_be_is_refused_before_a_run(air: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calibrate", "run", "--balance", "nowhere", "--rate", "1 ml/h", "--yes", "--by-hand"]
    assert run([*words, "--ambient", air]) == 2
    assert air in capsys.readouterr().err


def saved(found: Weighing, path: Path) -> Path:
    """A weighing as its file."""
    keys = "".join(f"# {key}: {value}\n" for key, value in found.numbers.items())
    steps = np.asarray(found.steps)
    rows = "".join(f"{t:g},{m:.4f},{s:g}\n" for t, m, s in zip(found.t_s, found.mass_g, steps, strict=True))
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{keys}t_s,mass_g,steps\n{rows}")
    return path


def test_what_weighings_share_stays_however_many_there_are() -> None:
    shared = [
        Point(2e4, 10_000.0 + e, 13.0, common={"immersed tube": 12.0}) for e in (1.0, -1.0, 2.0, -2.0) * 4
    ]
    alone = fit_rates(shared[:1]).at(2e4)[1]
    together = fit_rates(shared).at(2e4)[1]
    assert alone == pytest.approx(26.0, rel=1e-3)
    assert 24.0 < together < 25.0  # 2 (12² + 5²/16)^½


def test_the_same_readings_twice_are_refused_and_two_of_one_name_keep_both_raw_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    first = saved(weighing(), tmp_path / "mon" / "weighing-1.csv")
    copy = tmp_path / "copy.csv"
    copy.write_text("# person: somebody else\n" + first.read_text())
    assert run(["calibrate", "fit", str(first), str(copy), "--save"]) == 1
    assert "the same readings as weighing-1.csv" in capsys.readouterr().err
    second = saved(weighing(hours=2.2), tmp_path / "tue" / "weighing-1.csv")
    assert run(["calibrate", "fit", str(first), str(second), "--save"]) == 0
    (record,) = register.records()
    kept_raw = {path.read_text() for path in (register.folder() / str(record.id)).glob("*.csv")}
    assert kept_raw == {first.read_text(), second.read_text()}


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe\x00", b'{"made_at": 3}', b"[]"])
def test_a_damaged_calibration_is_passed_over_and_named_and_breaks_nothing(
    damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = kept(tmp_path, monkeypatch)
    place = register.folder() / "77"
    place.mkdir()
    (place / "calibration.json").write_bytes(damage)
    assert [one.id for one in register.records()] == [record.id]
    with pytest.raises(register.RegisterError, match=r"changed|damaged"):
        register.load(77)
    with pytest.raises(register.RegisterError, match="no calibration 5"):
        register.load(5)
    assert warnings_for(77, 0, {}) == []
    assert run(["calibrate", "list"]) == 0
    assert "damaged" in capsys.readouterr().err


def test_a_certificate_without_counted_steps_says_what_was_weighed_when_where_and_with_what(
    tmp_path: Path,
) -> None:
    found = weighing(hours=1.0)
    rows = "".join(f"{t:g},{m:.4f}\n" for t, m in zip(found.t_s, found.mass_g, strict=True))
    told = {
        "place": "room 12",
        "balance": "XPR204",
        "balance_serial": "B123",
        "balance_checked": "2026-01-02, 20 g, OK",
        "firmware": "0.1",
        "simulated": "true",
        "fluid": "water, degassed",
        "roller_period_s": "60",
    }
    file = tmp_path / "w.csv"
    file.write_text("".join(f"# {k}: {v}\n" for k, v in told.items()) + "t_s,mass_g\n" + rows)
    for name in ("c.html", "c.pdf"):
        assert run(["calibrate", "fit", str(file), "--certificate", str(tmp_path / name)]) == 0
    page = (tmp_path / "c.html").read_text()
    for text in (
        *list(told.values())[:5],
        "water, degassed",
        "SIMULATED",
        "taken, not measured",
        "pumprig 0",
        "Tanaka",
    ):
        assert text in page
    assert hashlib.sha256(file.read_bytes()).hexdigest() in page
    assert "data:image/svg+xml" in page
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("told", "mark"),
    [
        (
            {"device_id": "73696d75534a5119", "balance": "SIM-XPR204 (mt-sics)"},
            "the rig and the balance are programs",
        ),
        ({"device_id": "73696d75534a5119", "balance": "XPR204 (mt-sics)"}, "the rig is a program"),
        ({"device_id": "e6614103e7", "balance": "SIM-GX224 (a&amp;d)"}, "the balance is a program"),
        ({"device_id": "e6614103e7", "balance": "XPR204"}, ""),
    ],
)
def test_a_certificate_of_a_simulated_rig_or_balance_carries_the_word(
    tmp_path: Path, told: dict[str, str], mark: str
) -> None:
    found = weighing(hours=1.0)
    rows = "".join(f"{t:g},{m:.4f}\n" for t, m in zip(found.t_s, found.mass_g, strict=True))
    head = "".join(f"# {key}: {value}\n" for key, value in {**told, "roller_period_s": "60"}.items())
    (tmp_path / "w.csv").write_text(f"{head}t_s,mass_g\n{rows}")
    words = ["calibrate", "fit", str(tmp_path / "w.csv"), "--certificate", str(tmp_path / "c.html")]
    assert run(words) == 0
    page = (tmp_path / "c.html").read_text()
    assert (f"SIMULATED: {mark}" in page) if mark else ("SIMULATED" not in page)
