"""The how-to's commands run as they stand, and a certificate says what it must."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from pumprig.calibration import certificate, register
from pumprig.cli import run

ROOT = Path(__file__).resolve().parents[2]


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
    for text in ("no medical device", "A. Student", "PVC 0.51 mm", "(k = 2)", "<svg", str(record.id)):
        assert text in page
    assert page.count("SHA-256 of the raw data") == 2
    assert not re.search(r'(src|href)="(?!#)', page)
    pdf = (tmp_path / "certificate.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf == certificate.pdf(record)


@pytest.mark.parametrize(("name", "flow"), [("20", 20_000.0), ("200", 200_000.0)])
def test_the_example_weighings_give_their_stated_truth(
    name: str, flow: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    file = ROOT / "examples" / "calibration" / f"weighing-{name}ul-per-h.csv"
    assert run(["calibrate", "fit", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert abs(document["flow_nl_per_h"] - flow) < document["u_flow_nl_per_h"] < 0.02 * flow
