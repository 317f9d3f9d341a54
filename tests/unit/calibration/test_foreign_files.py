"""Files as people have them: each shape, made by a small generator, is read to its right value or answered."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pumprig.calibration.columns import ReadAs
from pumprig.calibration.files import parse
from pumprig.calibration.fit import fit
from pumprig.calibration.weighing import WeighingError
from pumprig.cli import run

RATE_G_PER_H = 30.0
BEGIN = datetime(2024, 6, 20, 23, 50, 0, 250_000)  # midnight is half way
N = 1200


def grams(seed: int = 1, sd: float = 0.002, digits: int = 3) -> list[float]:
    """Twenty minutes at 30 g/h, one reading a second, with a balance's noise."""
    t_s = np.arange(N)
    noise = np.random.default_rng(seed).normal(0.0, sd, N)
    return [float(v) for v in np.round(12.5 + RATE_G_PER_H * t_s / 3600.0 + noise, digits)]


def rows(form: Callable[[int, datetime, float], str], values: list[float] | None = None) -> str:
    return "".join(form(i, BEGIN + timedelta(seconds=i), v) + "\n" for i, v in enumerate(values or grams()))


def clock(at: datetime, form: str = "%H:%M:%S") -> str:
    return at.strftime(form)


def serial(at: datetime) -> float:
    """A spreadsheet's date: days since the end of 1899."""
    return (at - datetime(1899, 12, 30)).total_seconds() / 86400


SHAPES: dict[str, tuple[str, ReadAs]] = {
    "ISO 8601 in t_s": ("t_s,mass_g\n" + rows(lambda i, at, m: f"{at.isoformat()},{m:.3f}"), ReadAs()),
    "ISO 8601 with zone": (
        "t_s,mass_g\n" + rows(lambda i, at, m: f"{at.isoformat()}+02:00,{m:.3f}"),
        ReadAs(),
    ),
    "HH:MM:SS in t_s": ("t_s,mass_g\n" + rows(lambda i, at, m: f"{clock(at)},{m:.3f}"), ReadAs()),
    "thousands of Switzerland": ("t_s,mass_g\n" + rows(lambda i, at, m: f"{i},1'{200 + m:.3f}"), ReadAs()),
    "a sign apart": ("t_s,mass_g\n" + rows(lambda i, at, m: f"{i},+ {m:.3f}"), ReadAs()),
    "date and clock in one column": (
        "Date,Weight [Bridge Input Ch:0]\n" + rows(lambda i, at, m: f"{at},{m + 1e-9:.15g}"),
        ReadAs("Date", "Weight [Bridge Input Ch:0]", "g"),
    ),
    "date and clock apart": (
        "No;Date;Time;Weight (g)\n"
        + rows(lambda i, at, m: f"{i};{at:%d.%m.%Y};{at:%H:%M:%S};{m:.3f}".replace(".", ",", 0)),
        ReadAs("Date+Time", "Weight (g)"),
    ),
    "American dates, half days": (
        "When\tMass\n" + rows(lambda i, at, m: f"{at:%m/%d/%Y %I:%M:%S %p}\t{m:.3f}"),
        ReadAs("When", "Mass", "g"),
    ),
    "decimal commas": (
        "Zeit;Gewicht\n" + rows(lambda i, at, m: f"{i};{m:.3f}".replace(".", ",")),
        ReadAs("Zeit", "Gewicht", "g"),
    ),
    "milligrams, minutes": (
        "Time (min),Net (mg)\n" + rows(lambda i, at, m: f"{i / 60:.6f},{1000 * m:.0f}"),
        ReadAs("Time (min)", "Net (mg)"),
    ),
    "kilograms by number": ("a b\n" + rows(lambda i, at, m: f"{i} {m / 1000:.6f}"), ReadAs("1", "2", "kg")),
    "a falling source": (
        "t_s,mass_g\n" + rows(lambda i, at, m: f"{i},{100 - m:.3f}"),
        ReadAs(falling=True),
    ),
    "A&D's logger": (
        rows(
            lambda i, at, m: (
                f"{i + 1},{at:%Y/%m/%d},{at:%H:%M:%S},{'US' if i % 7 == 3 else 'ST'},{m:+013.4f},  g"
            )
        ),
        ReadAs(),
    ),
    "A&D's logger, a source": (
        rows(lambda i, at, m: f"{at:%Y/%m/%d},{at:%H:%M:%S},ST,{100 - m:+013.4f},  g"),
        ReadAs(falling=True),
    ),
    "LabVIEW with its times": (
        "LabVIEW Measurement\t\nWriter_Version\t2\nSeparator\tTab\nDate\t2024/06/20\nTime\t23:50:00.25\n"
        "***End_of_Header***\t\n\t\nChannels\t1\t\t\nSamples\t1200\t\t\nY_Unit_Label\tg\t\t\nDelta_X\t1.000000\t\t\n"
        "***End_of_Header***\t\t\t\nX_Value\tBalance\tComment\n" + rows(lambda i, at, m: f"{i:.6f}\t{m:.6f}"),
        ReadAs(),
    ),
    "LabVIEW by its step": (
        "LabVIEW Measurement\t\nSeparator\tTab\nX_Columns\tNo\n***End_of_Header***\t\nY_Unit_Label\tg\n"
        "Delta_X\t1.000000\n***End_of_Header***\t\nX_Value\tBalance\tComment\n"
        + rows(lambda i, at, m: f"\t{m:.6f}"),
        ReadAs(),
    ),
    "a balance's own lines": (
        "Time,Reading\n" + rows(lambda i, at, m: f"{clock(at)},NET {m:+.3f} {'' if i % 9 == 4 else 'g'}"),
        ReadAs("Time", "Reading", "g"),
    ),
    "MT-SICS after a tab": (
        rows(lambda i, at, m: f"{clock(at)}\tS {'D' if i % 9 == 4 else 'S'}   {m:9.3f} g"),
        ReadAs("1", "2", "g"),
    ),
    "a spreadsheet's days": (
        "Datum;Gewicht (g)\n" + rows(lambda i, at, m: f"{serial(at):.9f};{m:.3f}".replace(".", ",")),
        ReadAs("Datum", "Gewicht (g)"),
    ),
    "milliseconds since 1970": (
        "timestamp|Weight (g)\n" + rows(lambda i, at, m: f"{1.7e12 + 1000 * i:.0f}|{m:.3f}"),
        ReadAs("timestamp", "Weight (g)"),
    ),
    "lines of an old Macintosh": (
        ("t_s,mass_g\n" + rows(lambda i, at, m: f"{i},{m:.3f}")).replace("\n", "\r"),
        ReadAs(),
    ),
    "quoted decimal commas": (
        "Time,Weight (g)\n" + rows(lambda i, at, m: f'{i},"{m:.4f}"'.replace(".", ",")),
        ReadAs("Time", "Weight (g)"),
    ),
    "thin spaces": (
        "Time (s);Weight (g)\n" + rows(lambda i, at, m: f"{i};1\u202f{200 + m:.3f}".replace(".", ",")),
        ReadAs("Time (s)", "Weight (g)"),
    ),
    "a bare column": (rows(lambda i, at, m: f"{m:.3f}"), ReadAs(unit="g", every_s=1.0)),
    "several readings a second": (
        "Time,Weight\n"
        + rows(lambda i, at, m: f"{clock(BEGIN + timedelta(seconds=i // 5))},{12.5 + (m - 12.5) / 5:.4f}"),
        ReadAs("Time", "Weight", "g"),
    ),
    "UTF-16 of a spreadsheet": (
        "Zeit\tGewicht\n" + rows(lambda i, at, m: f"{i}\t{m:.3f}"),
        ReadAs("Zeit", "Gewicht", "g"),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_of_file_gives_the_flow_that_made_it(name: str) -> None:
    text, how = SHAPES[name]
    data = text.encode("utf-16") if name.startswith("UTF-16") else text.encode()
    weighing = parse(data, "w.txt", how)
    weighing.numbers["evaporation_g_per_h"] = 1e-6
    found = fit(weighing).result
    assert (
        abs(found.flow_nl_per_h / 1.0029e6 - RATE_G_PER_H) < found.u_flow_nl_per_h / 1e6 < 0.02 * RATE_G_PER_H
    )
    assert weighing.t_s[-1] == pytest.approx(N - 1 if "several" not in name else (N - 1) / 5, abs=1.0)


def test_an_excel_file_is_read_like_any_table() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Time", "Weight (g)"])
    for i, mass in enumerate(grams()):
        sheet.append([BEGIN + timedelta(seconds=i), mass])
    file = io.BytesIO()
    book.save(file)
    with pytest.raises(WeighingError, match=r"--time Time --mass 'Weight \(g\)' --unit g"):
        parse(file.getvalue(), "w.xlsx")
    found = fit(parse(file.getvalue(), "w.xlsx", ReadAs("Time", "Weight (g)"))).result
    assert abs(found.flow_nl_per_h / 1.0029e6 - RATE_G_PER_H) < found.u_flow_nl_per_h / 1e6


FOREIGN = [
    "Date,Weight [Bridge Input Ch:0 -> 1046 S/N:583686]\n" + rows(lambda i, at, m: f"{at},{m:.15g}"),
    "Time,Weight\n" + rows(lambda i, at, m: f"{clock(at)},{m:.9f}"),
    "No,Date,Time,State,Gross weight\n" + rows(lambda i, at, m: f"{i},{at:%Y-%m-%d},{clock(at)},ok,{m:.3f}"),
    rows(lambda i, at, m: f"{i} {m:.3f}"),
    rows(lambda i, at, m: f"{m:.3f}"),
    "Time,Volume1,Volume2\n" + rows(lambda i, at, m: f"{i},{m:.4f},{m:.4f}"),
]


@pytest.mark.parametrize("at", range(len(FOREIGN)))
def test_the_options_that_the_answer_names_read_the_file(
    at: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "theirs.csv"
    file.write_text(FOREIGN[at])
    assert run(["calibrate", "fit", str(file)]) == 1
    told = capsys.readouterr().err
    assert "Columns seen: 1 " in told
    match = re.search(r"Read it with `(.*?)`", told)
    assert match is not None
    assert run(["calibrate", "fit", str(file), *shlex.split(match.group(1)), "--json"]) == 0, (
        capsys.readouterr().err
    )
    document = json.loads(capsys.readouterr().out)
    assert document["flow_nl_per_h"] == pytest.approx(RATE_G_PER_H * 1e6, rel=0.05)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "pumpcal", "coefficients": [0.7, 0.7]}', "JSON document"),
        ("1\t1.025\t1\n0\t0\t0\n0\t0\t0\n", "no readings over time"),
        ("t_s,mass_g\n" + rows(lambda i, at, m: f"{i},12 34"), "none of the 1200 rows could be read"),
        ("t_s,mass_g\n" + rows(lambda i, at, m: f"noon,{m}"), "'noon', which is not a number"),
        ("a,b\n" + rows(lambda i, at, m: f"{i},{m}"), "not t_s,mass_g"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(WeighingError, match=re.escape(said)):
        parse(text.encode(), "w.csv")


BOTH = ReadAs("Time", "Weight")


@pytest.mark.parametrize(
    ("text", "how", "said"),
    [
        (
            "Time,Weight\n" + rows(lambda i, at, m: f"{i},{5 * m:.2f} ct"),
            ReadAs("Time", "Weight", "g"),
            "carat",
        ),
        ("Time,Weight\n" + rows(lambda i, at, m: f"{i},NET {m:+.3f} oz"), BOTH, "ounces"),
        ("Time,Weight (ct)\n" + rows(lambda i, at, m: f"{i},{5 * m:.2f}"), ReadAs(), "in carat"),
        ("Time,Weight (lb)\n" + rows(lambda i, at, m: f"{i},{m:.4f}"), ReadAs("Time", "2", "g"), "in pounds"),
        (
            "Time,Weight\n" + rows(lambda i, at, m: f"{i},{m:.3f} Q"),
            ReadAs("Time", "2", "g"),
            "the unit 'q' is not known",
        ),
        (
            "Time,Weight\n" + rows(lambda i, at, m: f"{i // 60:02d}:{i % 60:02d},{m:.3f}"),
            ReadAs("Time", "Weight", "g"),
            "minutes and seconds, or hours and minutes",
        ),
        (
            "Time,Weight\n" + rows(lambda i, at, m: f'{i},"{m:.3f}"'.replace(".", ",")),
            ReadAs("Time", "Weight", "g"),
            "the comma is a decimal mark or parts thousands",
        ),
        (
            "Time,Weight\n" + rows(lambda i, at, m: f"{i},{m:.3f}".replace(".", ",")),
            ReadAs("Time", "Weight", "g"),
            "3 cells under 2 columns",
        ),
        (rows(lambda i, at, m: f"{i},{m:.3f}".replace(".", ",")), ReadAs(), "a comma as decimal mark"),
        (
            "t_s,mass_g\n" + rows(lambda i, at, m: f"{serial(at):.9f},{m:.3f}"),
            ReadAs(),
            "2024-06-20 23:50:00",
        ),
        (
            "t_s,mass_g\n" + rows(lambda i, at, m: f"{1.7e12 + 1000 * i:.0f},{m}"),
            ReadAs(),
            "milliseconds since",
        ),
        (
            "when,Weight (g)\n" + rows(lambda i, at, m: f"{at:%a %b %d %H:%M:%S %Y},{m:.3f}"),
            ReadAs(),
            "1 s between rows is an example",
        ),
        ("time_s,flow_ul_per_min\n" + rows(lambda i, at, m: f"{i},{500 + i % 7}"), ReadAs(), "--unit ul/min"),
    ],
)
def test_what_could_be_read_as_a_wrong_figure_is_refused_with_its_reason(
    text: str, how: ReadAs, said: str
) -> None:
    with pytest.raises(WeighingError, match=re.escape(said)):
        parse(text.encode(), "w.csv", how)


@pytest.mark.parametrize(
    ("scale_t", "scale_m", "said"),
    [
        (1 / 60, 1.0, "minutes"),
        (1 / 3600, 1.0, "hours"),
        (1 / 86400, 1.0, "serial days"),
        (1000.0, 1.0, "milliseconds"),
        (1.0, 1e-3, "kilograms"),
        (1.0, 1e3, "milligrams"),
    ],
)
def test_a_wrong_unit_is_noticed_by_the_rate(scale_t: float, scale_m: float, said: str) -> None:
    text = "# rate_nl_per_h: 30000000\nt_s,mass_g\n"
    text += rows(lambda i, at, m: f"{45000 * (scale_t < 1e-4) + i * scale_t:.9f},{m * scale_m:.6f}")
    with pytest.raises(WeighingError, match=said):
        fit(parse(text.encode(), "w.csv"))


def test_26_g_at_1_ml_per_h_in_26_h_with_a_load_cell_s_15_digits_are_no_kilograms() -> None:
    t_s = np.arange(0.0, 26 * 3600.0, 20.0)
    step = 0.0018395487390137077
    mass = np.round((t_s / 3600.0 + np.random.default_rng(2).normal(0, 0.003, len(t_s))) / step) * step
    text = "# rate_nl_per_h: 1000000\nt_s,mass_g\n" + "".join(
        f"{t:g},{m:.15g}\n" for t, m in zip(t_s, mass, strict=True)
    )
    found = fit(parse(text.encode(), "w.csv")).result
    assert found.flow_nl_per_h == pytest.approx(1.0029e6, rel=0.01)


def test_a_falling_mass_is_asked_for_and_not_taken_for_a_flow() -> None:
    text = "t_s,mass_g\n" + rows(lambda i, at, m: f"{i},{100 - m:.3f}")
    with pytest.raises(WeighingError, match="--falling"):
        fit(parse(text.encode(), "w.csv"))


def flow_log(seed: int = 3) -> tuple[str, float]:
    """A bare column in nL/s at 1 s: 20 min of pause between twice 10 min at 5000; and its volume in nL."""
    rng = np.random.default_rng(seed)
    flow = np.concatenate((np.full(600, 5000.0), np.zeros(1200), np.full(600, 5000.0))) + rng.normal(
        0, 20.0, 2400
    )
    return "".join(f"{v:.2f}\n" for v in flow), 1200 * 5000.0


def test_a_flow_sensor_s_pauses_are_pauses() -> None:
    text, volume_nl = flow_log()
    with pytest.raises(WeighingError, match="--every '1 s'"):
        parse(text.encode(), "TEST1.TXT")
    weighing = parse(text.encode(), "TEST1.TXT", ReadAs(unit="nl/s", every_s=1.0))
    weighing.numbers["instrument_accuracy_pct"] = 2.0
    document = fit(weighing).as_json()
    assert document["flow_nl_per_h"] == pytest.approx(5000.0 * 3600, rel=2e-3)
    assert abs(document["volume_nl"] - volume_nl) < document["u_volume_nl"]
    assert any("1 pause(s)" in w for w in document["warnings"])
    assert document["u_flow_nl_per_h"] == pytest.approx(0.02 / 3**0.5 * 2 * 5000.0 * 3600, rel=0.1)


def test_a_part_of_a_record_is_chosen_by_its_times() -> None:
    text = "t_s,mass_g\n" + rows(lambda i, at, m: f"{i},{m if i < 600 else 27.5:.3f}")
    found = parse(text.encode(), "w.csv", ReadAs(from_s=60.0, to_s=500.0))
    assert (found.t_s[0], found.t_s[-1]) == (60.0, 500.0)
    with pytest.raises(WeighingError, match="between --from and --to"):
        parse(text.encode(), "w.csv", ReadAs(from_s=7000.0))
