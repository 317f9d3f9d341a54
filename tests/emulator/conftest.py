"""What the tests on the emulated Pico share.

Owns: the way to bench/timing.py, bench/edges.py and lockstep.py, which belong to no package; the reason where no
Pico runs here.
Rules: a test that asks for `timing` is skipped with the reason where the emulated Pico cannot run.
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
def bench_timing() -> Any:
    """bench/timing.py."""
    return module(ROOT / "bench" / "timing.py")


@pytest.fixture(scope="session")
def timing(bench_timing: Any) -> Any:
    """bench/timing.py, which prepares an emulated Pico."""
    reason = bench_timing.why_not()
    if reason:
        pytest.skip(reason)
    return bench_timing


@pytest.fixture(scope="session")
def bench_edges() -> Any:
    """bench/edges.py."""
    return module(ROOT / "bench" / "edges.py")


@pytest.fixture(scope="session")
def lockstep() -> Any:
    """lockstep.py: the link to a Pico whose time passes only when asked for."""
    return module(Path(__file__).parent / "lockstep.py")
