"""The how-to's commands run as they stand, and a certificate says what it must."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from pumprig.calibration import certificate, register
from pumprig.cli import run
from rigsim.geometry import load_head
from rigsim.physics.truth import draw

ROOT = Path(__file__).resolve().parents[3]


def commands(page: str) -> list[list[str]]:
    """Every line `$ pumprig ...` in the console blocks of a page, as words."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line)[1:] for line in lines]


def test_every_command_of_the_how_to_runs_and_the_certificate_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    words = commands("docs/how-to/calibration.md")
    assert len(words) >= 8
    for line in words:
        kept = [str(record.id) for record in register.records()]
        assert run([kept[-1] if word == "ID" else word for word in line]) == 0, line
    for picture in ("fit.svg", "trumpet.svg"):
        assert (tmp_path / picture).stat().st_size > 10_000
    record = register.records()[-1]
    page = (tmp_path / "certificate.html").read_text()
    for text in (
        "no medical device",
        "A. Student",
        "PVC 0.51 mm",
        "(k = 2)",
        "data:image/svg+xml",
        str(record.id),
    ):
        assert text in page
    assert page.count("SHA-256 of the raw data") == 2
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    pdf = (tmp_path / "certificate.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf == certificate.pdf(record)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals need Linux or macOS")
def test_every_command_of_the_tutorial_runs_and_ends_with_the_rig_s_true_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    for name in ("PUMPRIG_PORT", "PUMPRIG_DB"):
        monkeypatch.delenv(name, raising=False)
    words = commands("docs/tutorials/calibration.md")
    assert len(words) >= 12
    said: dict[str, str] = {}
    try:
        for line in words:
            kept = [str(record.id) for record in register.records()]
            code = run([kept[-1] if word == "ID" else word for word in line])
            out, errors = capsys.readouterr()
            assert code == 0, f"{line}: {errors}"
            said[" ".join(line)] = out + errors
    finally:
        run(["sim", "--stop"])
    record = register.records()[-1]
    truth, head = draw(0), load_head()
    rev_per_s = 1.4e6 / 3600.0 / head.nl_per_rev
    lost = truth.rate_loss * rev_per_s / (rev_per_s + truth.rate_half_rev_per_s)
    true_nl_per_rev = head.nl_per_rev * truth.stroke_factor * (1.0 - lost)
    # the noise is drawn anew each time, and 2 U is not exceeded once in 10 000
    assert abs(record.nl_per_rev - true_nl_per_rev) < 2 * record.u_nl_per_rev < 0.02 * true_nl_per_rev
    assert (record.content["person"], record.content["tube"]) == ("A. Student", "PVC 0.51 mm")
    assert record.content["balance"].startswith("SIM-")
    assert record.content["hysteresis"][0]["rate_nl_per_h"] == pytest.approx(1e6, rel=0.05)
    assert "outside the calibrated" in next(text for line, text in said.items() if " rate " in line)
    assert (tmp_path / "certificate.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(("name", "flow"), [("20", 20_000.0), ("200", 200_000.0)])
def test_the_example_weighings_give_their_stated_truth(
    name: str, flow: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    file = ROOT / "examples" / "calibration" / f"weighing-{name}ul-per-h.csv"
    assert run(["calibrate", "fit", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert abs(document["flow_nl_per_h"] - flow) < document["u_flow_nl_per_h"] < 0.02 * flow
