"""When a squeezed tube closes: a model of the tube itself against the straight line that the simulator leaks by.

Owns: the figures of lumen and gap on which the head's occlusion rests.
Rules: the model knows the tube's two sizes and nothing of rigsim; it was not measured, and the pages say so.
Units: mm, shares of the free lumen.
Leaves: the model to tests/tube_model.py.
"""

import math

import pytest
from rigsim.geometry import CLOSED_AT, OPEN_PER_SQUEEZE, load_head
from tube_model import Tube, open_shares

GAPS = [1.60, 1.548, 1.52, 1.49, 1.47, 1.34]


@pytest.fixture(scope="module")
def opened() -> dict[float, float]:
    return open_shares(0.51, 0.86, GAPS)


def test_a_free_tube_is_open_and_round() -> None:
    tube = Tube(0.51, 0.86)
    tube.squeeze(0.51 + 2 * 0.86)
    assert tube.open_share() == pytest.approx(1.0)
    x, y = tube.at[tube.inner].T
    assert max(abs(math.hypot(a, b) - 0.255) for a, b in zip(x, y, strict=True)) < 1e-6


def test_a_thin_walls_tube_keeps_the_perimeter_of_its_lumen() -> None:
    """The model against a closed form: a thin wall bends and does not stretch, the lumen becomes nearly a stadium."""
    tube = Tube(2.0, 0.1)
    for gap in (2.1, 2.0, 1.9, 1.8, 1.7, 1.6):
        tube.squeeze(gap)
    height = 2 * float(tube.at[tube.inner[-1], 1])
    stadium = 1 - (1 - height / 2.0) ** 2
    assert tube.open_share() == pytest.approx(stadium, abs=0.03)


def test_an_occlusion_of_a_tenth_leaves_an_eighth_of_the_lumen_open_and_the_heads_leave_nothing(
    opened: dict[float, float],
) -> None:
    assert 0.10 < opened[1.548] < 0.17  # 0.10 of two walls squeezed
    assert opened[1.49] < 0.01  # closed between 0.13 ...
    assert opened[1.47] < 1e-3  # ... and 0.15
    assert load_head("r3").gap_mm == pytest.approx(1.34, abs=0.005)
    assert opened[1.34] < 1e-3


@pytest.mark.parametrize("gap", GAPS[1:])
def test_the_simulators_line_is_near_the_model_and_closes_no_sooner(
    opened: dict[float, float], gap: float
) -> None:
    line = max(0.0, (CLOSED_AT - (1 - gap / (2 * 0.86))) * OPEN_PER_SQUEEZE)
    assert line == pytest.approx(opened[gap], abs=0.04)
    assert line >= opened[gap] - 1e-3
