"""The short form of the coverage study: fixed seeds, every noise family, the fit against truth and bound."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A program of the bench folder as a module; the folder is on the path for one test alone."""

    def load(name: str) -> ModuleType:
        path = Path(__file__).resolve().parents[3] / "bench" / f"{name}.py"
        monkeypatch.syspath_prepend(str(path.parent))
        made = importlib.util.spec_from_file_location(name, path)
        assert made is not None
        assert made.loader is not None
        module = importlib.util.module_from_spec(made)
        monkeypatch.setitem(sys.modules, name, module)
        made.loader.exec_module(module)
        return module

    return load


def test_the_interval_covers_the_truth_and_is_near_the_bound_in_every_family_of_noise_and_room(
    bench: Callable[[str], ModuleType],
) -> None:
    study = bench("accuracy_coverage")
    names = list(study.NAMES)
    rows = [study.one((seed, names[seed % len(names)])) for seed in range(2 * len(names))]
    assert {row["family"] for row in rows} == set(names)
    refused = {row["family"] for row in rows if row["refused"]}
    assert refused <= {"door at start and end"}
    told = [row for row in rows if not row["refused"]]
    covered = sum(abs(row["error"]) <= row["u"] for row in told)
    assert covered >= 0.87 * len(told)
    near = [row["u"] / (2 * row["bound"]) for row in told if np.isfinite(row["bound"])]
    assert 0.9 < float(np.median(near)) < 1.2
    few = next(row for row in told if row["family"] == "few readings")
    assert few["k"] > 2.0


@pytest.mark.parametrize("head", ["r3", "r4"])
def test_compensation_from_a_noisy_weighing_leaves_a_third_of_the_pulsation(
    head: str, bench: Callable[[str], ModuleType]
) -> None:
    assert bench("accuracy_pulsation").compare(head)["ratio"] <= 1 / 3


def test_a_map_weighed_on_the_rig_and_committed_to_it_evens_its_flow(
    bench: Callable[[str], ModuleType],
) -> None:
    whole = bench("accuracy_pulsation").through_the_rig(seed=5, hours=2.0)
    assert whole["ratio"] <= 1 / 3
    assert whole["after"]["turn_nl"] == pytest.approx(whole["before"]["turn_nl"], rel=1e-3)
    before, after = (max(map(abs, whole[label]["windows"]["2 min"])) for label in ("before", "after"))
    assert after < before / 4
