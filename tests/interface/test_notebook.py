"""The notebook in examples/ runs from its first cell to its last, and its picture shows the dose."""

import json
from pathlib import Path
from typing import Any

import pytest
from hub.conftest import Place

ROOT = Path(__file__).parents[2]


def test_the_notebook_runs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(ROOT / "examples")
    notebook = json.loads(Path("plan-and-run.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "plan-and-run.ipynb", "exec"), names)
    assert names["dose"].outcome == "given"
    assert names["rehearsal"].power_cuts == 1
    (line,) = names["axes"].get_lines()
    drawn_ul = line.get_ydata()
    assert abs(drawn_ul[-1] - drawn_ul[0] - 0.4) < 0.1
