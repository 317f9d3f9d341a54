"""Thinned curves keep their peaks and their time; the shipped charting library is the published one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pumprig.report.series import thinned

ROOT = Path(__file__).resolve().parents[3]
STATIC = ROOT / "host" / "pumprig" / "dashboard" / "static"
NODE = ROOT / "tests" / "node_modules" / "uplot"
points = st.lists(
    st.tuples(st.floats(0, 1e9), st.one_of(st.none(), st.floats(-1e6, 1e6))), max_size=3_000
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@given(points, st.integers(8, 400))
def test_a_thinned_series_is_short_in_order_part_of_the_whole_and_keeps_its_extremes(rows, most) -> None:
    found = thinned(rows, most)
    assert len(found) <= max(most, 4)
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    left = iter(rows)
    assert all(any(row == other for other in left) for row in found)  # in the order of the whole
    if rows:
        assert (found[0], found[-1]) == (rows[0], rows[-1])
    known = [row[1] for row in rows if row[1] is not None]
    kept = [row[1] for row in found if row[1] is not None]
    assert (min(known), max(known)) == (min(kept), max(kept)) if known else kept == []


def test_a_single_spike_of_one_sample_in_a_long_log_is_still_seen() -> None:
    rows = [(float(i), 10.0) for i in range(100_000)]
    rows[54_321] = (54_321.0, 900.0)
    assert (54_321.0, 900.0) in thinned(rows, 800)


def test_a_clock_that_was_put_back_gives_no_curve_that_runs_backwards() -> None:
    rows = [(1.0, 1.0), (5.0, 2.0), (3.0, 9.0), (6.0, 3.0)]
    assert thinned(rows, 800) == [(1.0, 1.0), (3.0, 9.0), (6.0, 3.0)]


@pytest.mark.skipif(not NODE.exists(), reason="uplot is not installed from npm: make install")
@pytest.mark.parametrize(
    ("shipped", "published"),
    [
        ("uplot.js", "dist/uPlot.iife.min.js"),
        ("uplot.css", "dist/uPlot.min.css"),
        ("uplot.LICENSE", "LICENSE"),
    ],
)
def test_the_shipped_charting_library_is_the_published_one(shipped: str, published: str) -> None:
    assert (STATIC / shipped).read_bytes() == (NODE / published).read_bytes()
