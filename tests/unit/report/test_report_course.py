"""The report draws what flowed: exact rates, all of a rehearsal, few points of a long log, and says who it is of."""

import dataclasses
import itertools
import re

import pytest
from pumprig import rehearsal
from pumprig.report import course, series
from pumprig.report.page import render
from pumprig.store import Store, ledger
from pumprig.store.totals import total
from pumprig.store.verify import verify
from sim import asked, rehearsed

HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """20 uL/h for 3 h, with a bolus of 10 uL over 20 min at 1 h, and a stop from 2 h to 2 h 10 min."""
    folder = tmp_path_factory.mktemp("run")
    rows = [
        asked.event(1, "bolus", volume_nl=10_000, over_ms=1_200_000),
        asked.event(2, "stop"),
        asked.event(2 + 1 / 6, "resume"),
    ]
    request = rehearsal.request(asked.parsed(asked.CONSTANT), 3 * asked.HOUR_MS, events=rows)
    request["records"] = str(folder / "records.txt")
    report = rehearsed.run(request)
    rehearsal.keep(folder / "run.db", request, report)
    opened = Store(folder / "run.db")
    yield opened
    opened.close()


def test_the_rate_s_course_is_that_of_program_bolus_and_stop_to_the_second(store):
    drawn = course.course(store, total(store, store.devices()[0], None, None))
    since = rehearsal.START_UTC_US
    changes = [((at_us - since) / 1e6, rate / 24_000) for at_us, rate in drawn.rates]
    kept = [row for row, after in itertools.pairwise(changes) if after[0] - row[0] > 2]
    wanted = [(0, 20), (3600, 50), (4800, 20), (7200, 0), (7800, 20)]
    assert [rate for _at, rate in kept] == pytest.approx([rate for _at, rate in wanted], abs=0.01)
    assert [at for at, _rate in kept] == pytest.approx([at for at, _rate in wanted], abs=1.5)
    assert changes[-1][0] == pytest.approx(10_800, abs=1)


def test_the_series_end_where_the_rehearsal_ends_and_add_up(store):
    sums = total(store, store.devices()[0], None, None)
    drawn = course.course(store, sums)
    assert drawn.points[-1].delivered_nl == pytest.approx(sums.volume_nl, abs=4)
    assert drawn.points[-1].asked_nl == pytest.approx(70_000, abs=8)
    assert sum(sum(day.values()) for day in drawn.bins.values()) == pytest.approx(sums.volume_nl, abs=4)
    counted = sum(rate * (until - since) / 86_400e6 for since, until, rate in drawn.counted)
    assert counted == pytest.approx(sums.volume_nl, abs=4)


def test_the_page_says_what_was_asked_given_and_not_given_that_it_is_simulated_and_its_digest(store):
    verdict = verify(store, store.devices()[0])
    page = render(store, verdict, None, None)
    assert "SIMULATED" in page
    told = re.search(r"asked (\S+) µL, given (\S+) µL, not given (\S+) µL<", page)
    assert [float(figure) for figure in told.groups()] == pytest.approx([70, 66.67, 3.33], abs=0.02)
    assert "stopped by a person, for 10 min" in page
    assert verdict.digest in page


def test_a_long_log_is_drawn_with_few_points(store, monkeypatch):
    monkeypatch.setattr(course, "MOST_POINTS", 10)
    drawn = course.course(store, total(store, store.devices()[0], None, None))
    assert len(drawn.points) <= 13 + 2 * 2  # and two for each refill
    assert drawn.points[-1].asked_nl == pytest.approx(70_000, abs=8)


def test_a_refusal_that_is_the_log_s_last_word_is_booked_once(tmp_path):
    request = rehearsal.request(
        asked.parsed(asked.CONSTANT),
        asked.HOUR_MS,
        events=[asked.event(0.5, "press_bolus"), asked.event(0.6, "press_bolus")],  # the second: locked out
    )
    request["records"] = str(tmp_path / "records.txt")
    rehearsal.keep(tmp_path / "run.db", request, rehearsed.run(request))
    opened = Store(tmp_path / "run.db")
    device = opened.devices()[0]
    sums = total(opened, device, None, None)
    (end,) = ledger.read(opened, device, events=("refused",))
    short = dataclasses.replace(sums, last=end)
    given = course.course(opened, short).given
    opened.close()
    assert sum(row["nl"] for row in given.not_given if row["why"] == "refused") == 8_000


@pytest.mark.parametrize("ahead_h", [-2, 0, 2])
def test_a_rig_whose_clock_was_wrong_until_a_restart_gives_no_curve_that_runs_backwards(tmp_path, ahead_h):
    """20 uL/h for 6 h less a power cut of 6 min: the curves end with the log, and know no rate that never was."""
    rows = [
        asked.event(0.5, "set_clock", by_ms=ahead_h * asked.HOUR_MS),
        asked.event(4, "power_cut"),
        asked.event(4.1, "power_on"),
    ]
    request = rehearsal.request(asked.parsed(asked.CONSTANT), 6 * asked.HOUR_MS, events=rows)
    request["records"] = str(tmp_path / "records.txt")
    rehearsal.keep(tmp_path / "run.db", request, rehearsed.run(request))
    opened = Store(tmp_path / "run.db")
    sums = total(opened, opened.devices()[0], None, None)
    drawn = course.course(opened, sums)
    opened.close()
    assert drawn.put_back == (1 if ahead_h > 0 else 0)
    for times in ([point.at_us for point in drawn.points], [at for at, _rate in drawn.rates]):
        assert times == sorted(times)
        assert times[-1] == sums.last.at_utc_us
    assert [row[1] for row in drawn.counted] == sorted(row[1] for row in drawn.counted)
    assert drawn.points[-1].delivered_nl == pytest.approx(118_000, abs=40)
    assert [point.delivered_nl for point in drawn.points] == sorted(p.delivered_nl for p in drawn.points)
    for begin_us, end_us, rate in drawn.counted:  # a mean over a short time is a whole number of steps
        a_step = 3.2 * 24 * asked.HOUR_MS * 1000 / (end_us - begin_us)
        assert 0 <= rate <= 20_000 * 24 * 1.001 + a_step


def test_a_refill_is_drawn_as_a_step_at_its_instant(tmp_path):
    """From what was left by counting to what was filled in, both at the instant of the refill's record."""
    request = rehearsal.request(
        asked.parsed(asked.CONSTANT),
        6 * asked.HOUR_MS,
        events=[asked.event(3.05, "refill", volume_nl=9_000_000)],
    )
    request["records"] = str(tmp_path / "records.txt")
    rehearsal.keep(tmp_path / "run.db", request, rehearsed.run(request))
    opened = Store(tmp_path / "run.db")
    drawn = course.course(opened, total(opened, opened.devices()[0], None, None))
    refill = next(r for r in drawn.events if "verb=refill" in r.text and "9000000" in r.text)
    opened.close()
    levels_ml = [row.reservoir_nl / 1e6 for row in drawn.points if row.at_us == refill.at_utc_us]
    assert levels_ml == pytest.approx([18 - 0.061, 9], abs=0.002)
    before = [
        row.reservoir_nl / 1e6 for row in drawn.points if row.at_us < refill.at_utc_us and row.reservoir_nl
    ]
    assert min(before[2:]) > 17.9


def test_the_counted_rate_is_drawn_as_means_and_no_rate_in_between(tmp_path):
    """20 uL/h, and 5 uL in 30 s on top: only these rates flowed, and a drawn line shows no third one."""
    rows = [asked.event(1, "bolus", volume_nl=5_000, over_ms=30_000)]
    request = rehearsal.request(asked.parsed(asked.CONSTANT), 2 * asked.HOUR_MS, events=rows)
    request["records"] = str(tmp_path / "records.txt")
    rehearsal.keep(tmp_path / "run.db", request, rehearsed.run(request))
    opened = Store(tmp_path / "run.db")
    drawn = course.course(opened, total(opened, opened.devices()[0], None, None))
    opened.close()
    steps = series.counted_rates(drawn)
    assert [at for at, _rate in steps] == sorted(at for at, _rate in steps)
    held = [(rate, until - since) for (since, rate), (until, _next) in itertools.pairwise(steps)]
    assert sum(rate * for_s / 3600 for rate, for_s in held) == pytest.approx(45.0, abs=0.1)
    long = [
        rate for rate, for_s in held if for_s > 60
    ]  # in seconds only few steps fall, and their mean is coarse
    assert len(long) > 10
    assert long == pytest.approx([20.0] * len(long), rel=0.01)
    assert sum(for_s for rate, for_s in held if rate > 30) == pytest.approx(30.0, abs=1.0)
