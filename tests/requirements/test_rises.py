"""A stall after every cause of a rise of flow: a short form of bench/rises.py, which takes every delay."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


def _rises() -> Any:
    """bench/rises.py, which belongs to no package."""
    path = Path(__file__).resolve().parents[2] / "bench" / "rises.py"
    spec = importlib.util.spec_from_file_location("rises", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rises"] = module
    spec.loader.exec_module(module)
    return module


rises = _rises()


@pytest.mark.requirement("SR-16")
@pytest.mark.parametrize("delay_s", [2, 20])
@pytest.mark.parametrize("cause", rises.CAUSES)
def test_a_stall_after_a_rise_of_flow_is_told_as_a_stall_while_little_is_lost(
    cause: str, delay_s: int
) -> None:
    found = rises.stalled(cause, delay_s, seed=5)
    assert found.alarms == ["stall"]
    assert found.degrees <= (38.8 if cause == rises.PRIMING else 10.0)  # priming turns by 28.8 degrees a tick
    assert found.wrong_ul <= 0.3
