"""What the tests on the emulated Pico share.

Owns: the way to bench/timing.py and to lockstep.py, which belong to no package; the reason where no Pico runs here.
Rules: a test that asks for `timing` is skipped with the reason where the emulated Pico cannot run.
Callers: tests/emulator.
Units: none.
Leaves: preparing a Pico to bench/timing.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def module(path: Path) -> Any:
    """A module that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="session")
def timing() -> Any:
    """bench/timing.py: what prepares an emulated Pico."""
    bench = module(ROOT / "bench" / "timing.py")
    reason = bench.why_not()
    if reason:
        pytest.skip(reason)
    return bench


@pytest.fixture(scope="session")
def lockstep() -> Any:
    """lockstep.py: the link to a Pico whose time passes only when asked for."""
    return module(Path(__file__).parent / "lockstep.py")
