"""The recipes of docs/how-to/recipes.md, word for word, in their frameworks: each dose equals the ledger.

They need frameworks that have an environment of their own: `make recipes` makes it and runs these tests there.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pumprig
import pytest
from pumprig.rig.simulator import PrivateRig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "recipes.md"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    for name in ("PUMPRIG_PORT", "PUMPRIG_DB"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    PrivateRig(tmp_path / "state" / "sim").stop()


def recipe(name: str) -> Any:
    """The module that a recipe is."""
    pytest.importorskip(name, reason=f"{name} has an environment of its own: make recipes")
    found = re.search(rf"```python {name}\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert found is not None
    module = types.ModuleType(f"recipe_{name}")
    sys.modules[module.__name__] = module
    exec(compile(found.group(1), f"{PAGE}:{name}", "exec"), module.__dict__)
    return module


def single() -> tuple[int, int]:
    """Steps and nanolitres of single doses, as the rig's ledger has them."""
    with pumprig.connect("sim") as rig:
        rig.pull()
        status = rig.status()
        return status.by_kind_steps["single"], status.delivered_nl or 0


def test_qcodes() -> None:
    rig = recipe("qcodes").PumpRig("rig", "sim")
    given = rig.dose("1 ul", "2 s")
    assert rig.delivered() == given > 900
    assert rig.rate() == 0
    rig.rig.close()
    rig.close()
    assert single()[1] == given


def test_pymeasure() -> None:
    procedure = recipe("pymeasure").Dose()
    procedure.volume = 2.0
    rows: list[Any] = []
    procedure.emit = lambda topic, row: rows.append(row)
    procedure.startup()
    procedure.execute()
    procedure.shutdown()
    assert rows[0]["counted_nl"] == single()[1] > 1_900
    assert set(rows[0]) == {"asked_nl", "counted_nl", "u_nl"}
