"""The step engine on an emulated Pico under a real MicroPython: assembler, DMA, counting, stops."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path
from typing import Any

import pio_machine
import pytest

ROOT = Path(__file__).resolve().parents[2]


def timing() -> Any:
    """The module bench/timing.py."""
    spec = importlib.util.spec_from_file_location("bench_timing", ROOT / "bench" / "timing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    bench = timing()
    reason = bench.why_not()
    if reason:
        pytest.skip(reason)
    return bench.run(Path(__file__).parent / "engine.mjs", tmp_path_factory.mktemp("pico"))


@pytest.mark.uf2
def test_the_picos_assembler_gives_the_words_that_the_pio_tests_run(seen: dict[str, Any]) -> None:
    assert seen["words"] == [pio_machine.PROGRAMS[name].words for name in ("step", "count", "coils")]


@pytest.mark.uf2
@pytest.mark.requirement("SR-29")
def test_no_edge_moves_while_erases_of_400_ms_and_collections_stop_the_cpu(seen: dict[str, Any]) -> None:
    counted, appended, starved = seen["erase"]
    edges = seen["erase_edges"]
    assert counted == appended == len(edges) > 10_000
    assert starved == 0
    period = Fraction(125_000_000, 7_777)
    start = edges[0] - -(-period.numerator // period.denominator)
    assert all(0 <= edge - start - (k + 1) * period <= 1 for k, edge in enumerate(edges))


@pytest.mark.uf2
@pytest.mark.requirement("SR-12")
def test_the_count_is_exact_at_each_of_40_cuts(seen: dict[str, Any]) -> None:
    before = seen["erase"][0]
    for running, end, later, appended in seen["cuts"]:
        assert before <= running <= end == later == appended
        before = end
    assert before - seen["erase"][0] == seen["cut_edges"] > 100


@pytest.mark.uf2
@pytest.mark.requirement("SR-28")
def test_the_stop_button_acts_within_a_pulse_while_an_erase_stops_the_cpu(seen: dict[str, Any]) -> None:
    halted, counted, cut = seen["halt"]
    edges = seen["halt_edges"]
    assert halted == 1
    assert seen["press"] > 0
    assert sum(edge > seen["press"] for edge in edges) <= 1
    assert counted == cut == seen["cuts"][-1][1] + len(edges)
