"""The simulated pump obeys the physics that it states: volume is kept, pressure follows it, lost steps stay lost."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigsim.chip import CYCLES_PER_S, Chip
from rigsim.geometry import load_head
from rigsim.physics.fluid import Fluid
from rigsim.physics.pump import Pump, Wiring
from rigsim.physics.rotor import Rotor
from rigsim.physics.sensors import MPRLS_FULL_SCALE_PA
from rigsim.physics.truth import draw, noise, seeded

PINS = {"dir": 3, "enable": 4, "stop": 10, "request": 11, "silence": 12, "supply": 26}
WIRING = Wiring(PINS, 3200, 1, 64, True)


class Bench:
    """A pump without firmware: the test makes the pulses."""

    def __init__(self, seed: int = 1, reservoir_nl: float = 2e7) -> None:
        self.chip = Chip(seed)
        self.chip.power_on()
        self.pump = Pump(self.chip, WIRING, reservoir_nl)
        self.chip.set_output(PINS["enable"], 0)
        self.count = 0
        self.pump.attach_pulses(lambda: self.count)

    def turn(self, steps: int, seconds: float, parts: int = 1) -> None:
        for _ in range(parts):
            self.chip.now += int(seconds / parts * CYCLES_PER_S)
            self.count += steps // parts
            self.pump.advance()


chunks = st.lists(
    st.tuples(
        st.floats(-500, 2000), st.sampled_from([1e-6, 0.02, 1.0, 10.0, 3600.0]), st.sampled_from("ofuh.")
    ),
    max_size=40,
)


@given(st.integers(0, 50), chunks)
@settings(max_examples=200)
def test_no_volume_is_made_or_lost_whatever_happens(
    seed: int, course: list[tuple[float, float, str]]
) -> None:
    fluid = Fluid(draw(seed), 30_000.0)
    before = fluid.total_nl()
    for moved_nl, elapsed_s, change in course:
        if change == "o":
            fluid.occluded = True
        elif change == "f":
            fluid.occluded = False
            fluid.set_inlet(False)
        elif change == "u":
            fluid.set_inlet(True)
        elif change == "h":
            fluid.back_pressure_pa = 2000.0
        fluid.advance(moved_nl, elapsed_s)
        assert fluid.total_nl() == pytest.approx(before, abs=1e-3)
        assert fluid.reservoir_nl >= -1e-6


@given(st.floats(1, 5000), st.floats(0.1, 1000), st.integers(2, 50))
def test_a_chunk_gives_the_same_world_however_it_is_cut_up(
    volume_nl: float, seconds: float, parts: int
) -> None:
    whole, cut = Fluid(draw(2), 1e7), Fluid(draw(2), 1e7)
    whole.advance(volume_nl, seconds)
    for _ in range(parts):
        cut.advance(volume_nl / parts, seconds / parts)
    assert cut.tip_nl == pytest.approx(whole.tip_nl, rel=1e-3, abs=1e-2)
    assert cut.pressure_pa == pytest.approx(whole.pressure_pa, rel=2e-3, abs=1e-2)


def test_a_revolution_displaces_what_the_geometry_says_times_this_tubes_stroke() -> None:
    bench = Bench()
    revolutions = 10
    bench.turn(3200 * revolutions, 3600.0 * 10)
    bench.chip.now += CYCLES_PER_S * 60
    truth = bench.pump.truth
    expected = load_head().nl_per_rev * truth.stroke_factor * revolutions
    assert bench.pump.true_nl() == pytest.approx(expected, rel=2e-3)  # the rest is slip, speed and age


def test_pulses_with_the_driver_switched_off_move_nothing() -> None:
    bench = Bench()
    bench.chip.set_output(PINS["enable"], 1)
    bench.turn(3200, 100.0)
    assert bench.pump.true_nl() == 0.0
    assert bench.pump.rotor.rotor_steps == 0


def test_behind_an_occlusion_pressure_is_volume_over_compliance_and_nothing_arrives() -> None:
    bench = Bench()
    bench.pump.change(occluded=True)
    bench.turn(3200, 1000.0, parts=10)
    pump = bench.pump
    volume_nl = 2e7 - pump.fluid.reservoir_nl
    assert pump.true_nl() == 0.0
    assert pump.fluid.pressure_pa == pytest.approx(volume_nl / pump.truth.compliance_nl_per_pa, rel=1e-6)
    assert pump.fluid.pressure_pa > 25_000


def test_an_opened_occlusion_gives_what_the_compliance_stored() -> None:
    bench = Bench()
    bench.pump.change(occluded=True)
    bench.turn(3200, 1000.0, parts=10)
    stored_nl = bench.pump.fluid.line_nl
    bench.pump.change(occluded=False)
    bench.chip.now += 10 * CYCLES_PER_S
    assert bench.pump.true_nl() == pytest.approx(stored_nl, rel=1e-3)


def test_turning_back_relieves_the_pressure_into_the_reservoir() -> None:
    bench = Bench()
    bench.pump.change(occluded=True)
    bench.turn(3200, 1000.0, parts=10)
    high_pa, reservoir_nl = bench.pump.fluid.pressure_pa, bench.pump.fluid.reservoir_nl
    bench.chip.set_output(PINS["dir"], 1)
    bench.turn(1600, 10.0, parts=10)
    assert bench.pump.fluid.pressure_pa < 0.7 * high_pa
    assert bench.pump.fluid.reservoir_nl > reservoir_nl


def test_an_empty_reservoir_gives_nothing_more() -> None:
    bench = Bench(reservoir_nl=5_000)
    bench.turn(3200 * 4, 4000.0, parts=400)
    assert bench.pump.true_nl() <= 5_000
    assert bench.pump.true_nl() == pytest.approx(5_000, abs=50)


def test_a_closed_inlet_starves_the_flow_and_an_opened_one_pays_back() -> None:
    bench = Bench()
    bench.pump.change(inlet_occluded=True)
    bench.turn(3200 * 10, 10_000.0, parts=100)
    delivered = bench.pump.true_nl()
    assert delivered < bench.pump.truth.inlet_nl
    bench.pump.change(inlet_occluded=False)
    assert bench.pump.fluid.inlet_debt_nl == pytest.approx(0.0, abs=1e-6)
    assert bench.pump.fluid.reservoir_nl == pytest.approx(2e7 - delivered, abs=5)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_jammed_rotor_stands_and_a_freed_one_never_catches_up(before: int, during: int) -> None:
    rotor = Rotor(draw(0), 3200, 1, 64)
    rotor.enabled = True
    rotor.settle(True)
    rotor.advance(before, 100.0, 12.0, 0.0)
    assert rotor.rotor_steps == before
    rotor.jammed = True
    rotor.settle(True)
    rotor.advance(during, 100.0, 12.0, 0.0)
    assert rotor.rotor_steps == before
    rotor.jammed = False
    rotor.settle(True)
    assert abs(rotor.rotor_steps - before) <= 32  # the nearest of the places 64 steps apart
    assert (rotor.field_steps - rotor.rotor_steps) % 64 == 0


def test_too_low_a_supply_loses_the_steps() -> None:
    rotor = Rotor(draw(0), 3200, 1, 64)
    rotor.enabled = True
    rotor.advance(640, 10.0, 5.0, 0.0)
    assert rotor.rotor_steps == 0


@given(st.integers(0, 20), st.integers(0, 3200))
def test_the_encoder_is_within_a_degree_and_its_noise(seed: int, steps: int) -> None:
    bench = Bench(seed)
    encoder, truth = bench.pump.encoder, bench.pump.truth
    bench.turn(steps, 1000.0)
    angle_deg = bench.pump.rotor.angle_rad * 180 / math.pi
    seen_deg = (encoder.counts() - truth.encoder_offset_counts) * 360 / 4096
    off_deg = (seen_deg - angle_deg + 180) % 360 - 180
    assert abs(off_deg) <= 1.0 + 5 * truth.encoder_noise_counts * 360 / 4096 + 0.1


def test_the_pressure_sensor_says_the_pressure_within_its_offset_and_the_weather() -> None:
    bench = Bench()
    sensor = bench.pump.pressure
    sensor.write(b"\xaa\x00\x00")
    assert sensor.read(4)[0] & 0x20
    bench.chip.now += CYCLES_PER_S // 100
    data = sensor.read(4)
    assert not data[0] & 0x20
    pa = (int.from_bytes(data[1:], "big") / (1 << 24) - 0.1) / 0.8 * MPRLS_FULL_SCALE_PA
    assert pa == pytest.approx(101_325, abs=1500)


@pytest.mark.parametrize("failure", ["absent", "stuck", "noisy"])
def test_a_failed_encoder_is_absent_stuck_or_noisy(failure: str) -> None:
    bench = Bench()
    encoder = bench.pump.encoder
    bench.turn(100, 10.0)
    encoder.counts()
    encoder.fail(failure)
    if failure == "absent":
        with pytest.raises(OSError, match="5"):
            encoder.write(b"\x0c")
        return
    seen = set()
    for _ in range(50):
        bench.turn(10, 1.0)
        seen.add(encoder.counts())
    assert (len(seen) == 1) == (failure == "stuck")


def test_noise_belongs_to_its_instant_and_looks_normal() -> None:
    values = [noise(7, 1, instant) for instant in range(20_000)]
    assert values[123] == noise(7, 1, 123)
    mean = sum(values) / len(values)
    assert abs(mean) < 0.03
    assert math.sqrt(sum(value * value for value in values) / len(values)) == pytest.approx(1.0, abs=0.03)


def test_a_pump_is_restored_as_it_was() -> None:
    bench = Bench()
    bench.turn(5000, 500.0)
    kept = bench.pump.snapshot()
    other = Pump(Chip(1), WIRING, 0.0)
    other.restore(kept)
    assert other.snapshot() == kept


def test_a_tube_that_the_rollers_do_not_close_leaks_by_pressure_alone_also_while_the_pump_stands() -> None:
    """At an occlusion of 0.10 the standing pump lets the line's pressure back; at 0.22 it holds it."""
    left: dict[float, float] = {}
    for occlusion in (0.10, 0.22):
        head = replace(load_head(), occlusion=occlusion)
        chip = Chip(3)
        pump = Pump(chip, WIRING, 1_000_000.0, head)
        pump.change(occluded=True)
        pump.fluid.pressure_pa = 50_000.0
        total = pump.fluid.total_nl()
        chip.now += 10 * CYCLES_PER_S
        pump.advance()
        left[occlusion] = pump.fluid.pressure_pa
        assert pump.fluid.total_nl() == pytest.approx(total, abs=1e-3), "what leaks is in the reservoir again"
    assert left[0.22] == pytest.approx(50_000.0)
    assert left[0.10] < 1.0


def test_the_leak_grows_with_the_gap_and_ends_where_the_tube_is_closed() -> None:
    head = load_head()
    leaks = [replace(head, occlusion=share).leak_nl_per_pa_s(0.0) for share in (0.08, 0.10, 0.12, 0.14, 0.25)]
    assert leaks[0] > leaks[1] > leaks[2] > leaks[3] == leaks[4] == 0.0
    assert head.leak_nl_per_pa_s(0.05) == 0.0, "the default closes with a printer's error, too"


@pytest.mark.parametrize(("full_step_hz", "follows"), [(800, True), (2_000, True), (3_500, False)])
def test_a_rotor_follows_while_its_motor_has_the_torque(full_step_hz: int, follows: bool) -> None:
    rotor = Rotor(draw(0), 3200, 1, 64, (((0, 183), (800, 47), (2_000, 18), (3_000, 12)), 12.0))
    rotor.enabled = True
    rotor.settle(True)
    for _ in range(3):
        rotor.advance(full_step_hz * 16 // 10, 0.1, 12.0, 0.0)
    assert (rotor.rotor_steps == rotor.field_steps) is follows


def test_no_pressure_that_a_tube_can_hold_stalls_the_motor() -> None:
    rotor = Rotor(draw(0), 3200, 1, 64, (((0, 183), (800, 47)), 12.0))
    rotor.enabled = True
    rotor.settle(True)
    for _ in range(3):
        rotor.advance(160, 0.1, 12.0, 1_000_000.0)
    assert rotor.rotor_steps == rotor.field_steps


@pytest.mark.parametrize("text", ["", "pumprig truth 7", "bounce 0 stop 123", "Ω" * 200])
def test_what_is_drawn_by_a_text_is_what_pythons_own_generator_draws_by_it(text: str) -> None:
    ours, theirs = seeded(text), random.Random(text)
    assert [ours.random() for _ in range(20)] == [theirs.random() for _ in range(20)]
