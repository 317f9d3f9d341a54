"""Spans that tile a log add up to the whole, wherever they are cut."""

import pytest
from pumprig import rehearsal
from sim import asked, tiles


@pytest.mark.parametrize("seed", range(12))
def test_spans_that_tile_a_log_add_up_to_the_whole(tmp_path, seed):
    store, device, _report = tiles.kept(tmp_path, seed)
    whole = tiles.told(store, device, None, None)
    for tiling in range(3):
        at_us = tiles.cuts(store, device, seed * 100 + tiling)
        assert tiles.differences(whole, tiles.added(store, device, at_us)) == {}, at_us
    store.close()


FORTY = asked.CONSTANT.replace("20 ul/h", "40 ul/h")
CUT = [
    {"at_ms": 370 * 60_000, "do": "power_cut"},
    {"at_ms": 380 * 60_000, "do": "power_on"},
]


@pytest.fixture(
    scope="module", params=["the clock is set at the end", "the clock is set at 7:30", "stopped meanwhile"]
)
def outage(request, tmp_path_factory):
    """40 uL/h for 8 h, without power from 6:10 to 6:20; how long is known only later."""
    rows = list(CUT)
    if request.param != "the clock is set at the end":
        rows.append({"at_ms": 450 * 60_000, "do": "set_clock"})
    if request.param == "stopped meanwhile":  # which does not make the outage a stop
        rows += [{"at_ms": 440 * 60_000, "do": "stop"}, {"at_ms": 460 * 60_000, "do": "resume"}]
    made = tiles.run(tmp_path_factory.mktemp("outage"), FORTY, rows, 8 * asked.HOUR_MS)
    yield made
    made[0].close()


# minutes since the start, and how many of them were without power
@pytest.mark.parametrize(
    ("begin", "end", "without"),
    [(365, 420, 10), (0, 365, 0), (420, 445, 0), (390, 480, 0), (360, 390, 10), (385, 400, 0)],
)
def test_an_outage_is_told_where_the_power_was_lost_and_not_where_the_clock_was_set(
    outage, begin, end, without
):
    store, device, _report = outage
    minute_us = 60_000_000
    told = tiles.told(
        store,
        device,
        rehearsal.START_UTC_US + begin * minute_us,
        rehearsal.START_UTC_US + end * minute_us,
    )
    by_hand_nl = 40_000 * without / 60
    assert abs(told["power  nl"] - by_hand_nl) <= 3 * asked.STEP_NL
    assert abs(told["power  tenths of a second"] - without * 600) <= 5
    assert told["power  times"] == (without > 0)


def test_a_rehearsal_says_what_its_log_says_since_the_start(outage):
    store, device, report = outage
    since = tiles.told(store, device, rehearsal.START_UTC_US + 2_000_000, None)
    flowed_nl = 2 * asked.STEP_NL  # in these two seconds, and what a record's steps are rounded to
    assert abs(since["asked"] - report["asked_nl"]) <= flowed_nl + 40_000 * 2 / 3600
    rows = {row["why"]: row for row in report["not_given"]}
    assert since["power  nl"] == rows["power"]["nl"]
    assert since["power  tenths of a second"] == round(rows["power"]["for_s"] * 10)
