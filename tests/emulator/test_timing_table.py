"""The table of step timing: what the page shows is what was measured, and what was measured reaches its goal."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
OURS = ("pumprig", "whole firmware")


def test_the_page_shows_the_kept_rows(bench_timing: Any) -> None:
    page = (ROOT / "docs" / "explanation" / "timing.md").read_text(encoding="utf-8")
    assert bench_timing.table(bench_timing.kept()["rows"]) in page


def test_every_kept_row_says_of_which_commit_it_is_and_when_it_was_measured(bench_timing: Any) -> None:
    for row in bench_timing.kept()["rows"]:
        assert row.keys() >= {"commit", "measured"}, bench_timing.name_of(row)
        assert not row["commit"].endswith("+"), "measured on a firmware that nobody can get"


def test_no_kept_edge_of_ours_is_a_cycle_or_more_from_its_instant(bench_timing: Any) -> None:
    rows = [row for row in bench_timing.kept()["rows"] if row["what"] in OURS]
    assert len(rows) > 30
    for row in rows:
        assert row["worst_cycles"] < 1, bench_timing.name_of(row)
        assert row["starved"] == 0, bench_timing.name_of(row)


@given(st.fractions(100, 10**9, max_denominator=10**6), st.integers(0, 10**6), st.integers(2, 300))
@settings(max_examples=100, deadline=None)
def test_exact_edges_have_an_error_below_a_cycle_and_a_moved_one_shows(
    bench_edges: Any, period: Fraction, phase: int, count: int
) -> None:
    ideal = [Fraction(phase, 10**6 + 1) + k * period for k in range(count)]
    edges = [-(-at.numerator // at.denominator) for at in ideal]
    exact = bench_edges.figures(edges, period.numerator, period.denominator)
    assert 0 <= exact["worst_cycles"] < 1
    assert abs(exact["drift_cycles"]) < 1
    edges[count // 2] += 7
    moved = bench_edges.figures(edges, period.numerator, period.denominator)
    assert 6 < moved["worst_cycles"] < 9


def test_a_rate_that_is_wrong_by_a_millionth_shows_as_such(bench_edges: Any) -> None:
    edges = [k * 1_000_001 for k in range(1_000)]
    figures = bench_edges.figures(edges, 1_000_000, 1)
    assert figures["ppm"] == pytest.approx(-1, rel=1e-5)
    assert figures["drift_cycles"] == 999
