"""The pump head's geometry: the displacement keeps its promises for every head, rotor angle and back-pressure.

Owns: properties of rigsim.geometry.
Rules: expected figures are derived here another way, or stand in the physics notes, never copied from a run.
Units: nL, radians, mm.
Leaves: pressure and ageing to the tests of the simulated pump.
"""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigsim.geometry import HeadError, PumpHead, head_names, load_head

HEADS = [load_head(name) for name in head_names()]
TURN = 2 * math.pi
heads = st.sampled_from(HEADS)
angles_rad = st.floats(-1e4, 1e4)
pressures_pa = st.floats(0, 70_000)


@given(heads, angles_rad, pressures_pa, st.integers(-1000, 1000))
def test_every_whole_revolution_displaces_the_same_volume(
    head: PumpHead, theta_rad: float, pressure_pa: float, turns: int
) -> None:
    lost_nl = head.rollers * head.pocket_nl(pressure_pa)
    moved_nl = head.displacement_nl(theta_rad + turns * TURN, pressure_pa) - head.displacement_nl(
        theta_rad, pressure_pa
    )
    assert moved_nl == pytest.approx(turns * (head.nl_per_rev - lost_nl), abs=1e-3)


@given(heads)
def test_nothing_has_moved_at_angle_zero(head: PumpHead) -> None:
    assert head.displacement_nl(0.0) == 0.0


@given(heads, angles_rad, pressures_pa)
def test_the_slope_is_the_derivative_of_the_displacement(
    head: PumpHead, theta_rad: float, pressure_pa: float
) -> None:
    step = 1e-6  # a head without ramps bends its slope within a cell: a wider step would span the bend
    rise_nl = head.displacement_nl(theta_rad + step, pressure_pa) - head.displacement_nl(
        theta_rad - step, pressure_pa
    )
    assert head.slope_nl_per_rad(theta_rad, pressure_pa) == pytest.approx(rise_nl / (2 * step), abs=5.0)


@given(heads, angles_rad)
def test_the_outlet_never_gets_more_than_the_sealing_roller_sweeps(head: PumpHead, theta_rad: float) -> None:
    """Nor does it between the table's half degrees, at the bend of a track that ends without a ramp."""
    assert head.slope_nl_per_rad(theta_rad) <= head.swept_nl_per_rad * (1 + 1e-9)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_the_table_bends_nowhere_beyond_what_is_swept(head: PumpHead) -> None:
    """Every cell, at twenty places of it: an overshoot that draws of an angle might miss."""
    most = max(head.slope_nl_per_rad(TURN * (k + 0.5) / 14_400) for k in range(14_400))
    assert most <= head.swept_nl_per_rad * (1 + 1e-9)


@given(st.sampled_from([3, 4]), angles_rad)
def test_equal_rollers_repeat_after_one_roller_period(rollers: int, theta_rad: float) -> None:
    head = replace(load_head(f"r{rollers}"), roller_factor=(1.0,) * rollers)
    moved_nl = head.displacement_nl(theta_rad + head.roller_period_rad) - head.displacement_nl(theta_rad)
    assert moved_nl == pytest.approx(head.nl_per_rev / rollers, abs=1e-3)


def test_the_ceilings_are_those_of_the_physics_notes() -> None:
    """10 mm track radius: 0.13 mm inside 0.8 uL a revolution, 0.25 mm 3.1, 0.51 mm 13, 1.0 mm 49, 1.6 mm 126."""
    for inside_mm, ceiling_ul in ((0.13, 0.8), (0.25, 3.1), (0.51, 13.0), (1.0, 49.0), (1.6, 126.0)):
        outer = load_head().outer_diameter_mm
        wall_mm = (outer - inside_mm) / 2
        head = replace(
            load_head(), inner_diameter_mm=inside_mm, wall_mm=wall_mm, ramp_lift_mm=2.2, seal_deg=150.0
        )
        assert head.ceiling_nl_per_rev / 1000 == pytest.approx(ceiling_ul, rel=0.05)
        assert 0 < head.nl_per_rev < head.ceiling_nl_per_rev


def test_the_default_head_gives_about_ten_microlitres_a_revolution() -> None:
    assert load_head().nl_per_rev == pytest.approx(10_000, rel=0.1)


def test_a_rollers_own_volume_is_the_closed_form_where_the_squeeze_is_a_parabola() -> None:
    """Near contact the gap grows as x^2 (1/r - 1/R) / 2; the integral of (1 - b/d)^2 over it has a closed form."""
    head = replace(load_head(), occlusion=0.0)
    r_mm, track_mm = head.roller_diameter_mm / 2, head.track_radius_mm
    curvature = (1 / r_mm - 1 / track_mm) / 2
    half_mm = math.sqrt(head.inner_diameter_mm / curvature)
    closed_nl = head.lumen_mm2 * 2 * half_mm * 8 / 15 * 1000
    assert head.roller_nl == pytest.approx(closed_nl, rel=0.12)


def test_a_track_that_ends_without_a_ramp_lets_the_flow_reverse_and_the_printed_heads_do_not() -> None:
    def least(name: str) -> float:
        head = load_head(name)
        return min(head.slope_nl_per_rad(TURN * k / 720) for k in range(720))

    assert least("r3-plain") < 0
    assert least("r3") > 0
    assert least("r4") > 0


@settings(max_examples=30)
@given(heads)
def test_300_mmhg_cost_what_measured_pumps_lost(head: PumpHead) -> None:
    share = 1 - head.displacement_nl(TURN, 40_000) / head.nl_per_rev
    assert 0.07 <= share <= 0.17


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rollers": 7, "roller_factor": (1.0,) * 7}, "divide"),
        ({"roller_factor": (1.0, 1.0)}, "3 values"),
        ({"occlusion": -0.1}, "leaks"),
        ({"seal_deg": 200.0}, "way in and out"),
        ({"seal_deg": 100.0}, "no roller seals"),
        ({"roller_diameter_mm": 12.0}, "touch"),
        ({"ramp_lift_mm": 0.3}, "never frees"),
    ],
)
def test_an_impossible_head_is_refused_with_the_dimension_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(HeadError, match=said):
        replace(load_head(), **change)  # type: ignore[arg-type]


def test_an_unknown_head_names_the_known_ones() -> None:
    with pytest.raises(HeadError, match="r3, r4, r3-plain"):
        load_head("r9")
