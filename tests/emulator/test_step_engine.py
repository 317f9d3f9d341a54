"""The step engine on an emulated Pico under a real MicroPython: assembler, DMA, counting, stops."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pio_machine
import pytest
import step_rig
from rig.step import coils

CLOCK_HZ = 125_000_000


@pytest.fixture(scope="module")
def seen(timing: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return timing.run(Path(__file__).parent / "engine.mjs", tmp_path_factory.mktemp("pico"))


@pytest.mark.uf2
def test_the_picos_assembler_gives_the_words_that_the_pio_tests_run(seen: dict[str, Any]) -> None:
    assert seen["words"] == [program.words for program in pio_machine.PROGRAMS.values()]


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


@pytest.mark.uf2
@pytest.mark.requirement("SR-12")
def test_a_stop_from_40000_steps_per_s_ramps_down_within_200_ms_and_counts_every_edge(
    seen: dict[str, Any],
) -> None:
    counted, appended = seen["ramp"]
    edges = seen["ramp_edges"]
    assert counted == appended == len(edges) > 10_000
    gaps = [after - before for before, after in pairwise(edges)]
    assert CLOCK_HZ / min(gaps) == pytest.approx(40_000, rel=0.001)
    setup = step_rig.chosen().setup()
    gain = setup.accel_hz_per_s // 500
    assert CLOCK_HZ / gaps[0] <= setup.start_hz * 1.01
    assert CLOCK_HZ / gaps[-1] <= setup.start_hz + gain
    assert (edges[-1] - seen["brake_at"]) / CLOCK_HZ <= 0.2


@pytest.mark.uf2
def test_relief_turns_back_by_as_many_pulses_as_were_asked_for(seen: dict[str, Any]) -> None:
    assert seen["back"] == [60]
    assert seen["back_edges"] == 60


@pytest.mark.uf2
def test_coils_show_the_librarys_sequence_at_each_pulse_forward_and_back(seen: dict[str, Any]) -> None:
    assert seen["coils"] == [24, 5]
    forward = coils.record(2, backwards=False)
    positions = [*range(19), *range(17, 12, -1)]
    assert seen["coil_patterns"] == [forward[position % 8] for position in positions]


@pytest.mark.uf2
def test_the_current_goes_off_10_ms_after_a_slow_step_and_is_back_at_the_next_while_the_cpu_stands_still(
    seen: dict[str, Any],
) -> None:
    edges, shown = seen["dark_edges"], seen["dark_shown"]
    assert seen["dark"] == [16] == [len(edges)]
    forward = coils.record(2, backwards=False)
    for number, edge in enumerate(edges):
        at_once = [pattern for cycle, pattern in shown if cycle <= edge + 20][-1]
        assert at_once == forward[number % 8]
    for edge, after in pairwise(edges):
        late = [pattern for cycle, pattern in shown if cycle < after][-1]
        assert (late == 0) is (after - edge > 1_300_000)
    offs = [cycle for cycle, pattern in shown if not pattern and edges[0] < cycle < edges[-1]]
    assert [0 <= off - edge - 1_250_000 < 1_000 for off, edge in zip(offs, edges, strict=False)] == [True] * 5
