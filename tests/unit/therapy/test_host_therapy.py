"""Programs and events as TOML: what goes in comes back, every fault has its line, forecasts follow the calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pumprig.errors import InputFileError
from pumprig.quantities import to_utc_us
from pumprig.therapy import events, forecast, program, zones
from pumprig.therapy.save import to_toml
from pumpwire import documents, units

NOW_US = to_utc_us(datetime(2026, 3, 20, tzinfo=UTC))
DAY_US = 86_400_000_000

rates = st.integers(1_000, 6_000_000)
volumes = st.integers(1, 20_000_000)


@st.composite
def steps(draw):
    minutes = sorted(draw(st.sets(st.integers(1, 1439), max_size=5)))
    return tuple((60 * minute, draw(rates)) for minute in (0, *minutes))


@st.composite
def programs(draw):
    document = {"kind": "program", "name": draw(st.text("abc \"\\'é", min_size=1, max_size=12))}
    document["basal"] = draw(steps())
    for day in draw(st.sets(st.sampled_from(documents.WEEKDAYS), max_size=2)):
        document[day] = draw(steps())
    document["periodic"] = tuple(
        draw(st.lists(st.tuples(st.just(21_600), volumes, st.just(3_600_000), st.just(0)), max_size=2))
    )
    if draw(st.booleans()):
        document["demand"] = (
            (draw(volumes), 240_000, draw(st.integers(0, 604_800)), draw(st.integers(0, 1000))),
        )
    document["catheter_nl"] = draw(st.integers(0, 5_000_000))
    document["zone"] = draw(st.sampled_from([(), zones.transitions("Europe/Zurich", NOW_US // 1_000_000)]))
    document["on_return"] = draw(st.sampled_from(["resume", "stop"]))
    return program.of_text(documents.canonical(document))


@settings(max_examples=40, deadline=None)
@given(programs())
def test_a_program_written_as_toml_and_read_back_is_the_same_program(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("toml") / "p.toml"
    path.write_text(to_toml(written.document), encoding="utf-8")
    assert program.load(path, NOW_US).text == written.text


@pytest.mark.parametrize(
    "name",
    ["Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Africa/Casablanca"],
)
@pytest.mark.requirement("SR-32")
def test_the_transitions_sent_to_the_rig_give_the_zones_own_offset_at_every_hour_of_two_years(name):
    listed = zones.transitions(name, NOW_US // 1_000_000)
    zone = ZoneInfo(name)
    moment = datetime.fromtimestamp(NOW_US / 1e6, UTC)
    for _ in range(2 * 365 * 8):
        moment += timedelta(hours=3)
        second = int(moment.timestamp())
        held = [offset - zones.DAY_S for from_s, offset in listed if from_s <= second]
        assert (held[-1] if held else 0) == moment.astimezone(zone).utcoffset().total_seconds()


@pytest.mark.parametrize(
    "name", ["Europe/Zurich", "Australia/Lord_Howe", "Africa/Casablanca", "America/New_York"]
)
def test_a_program_with_a_zone_has_one_hash_through_a_year_and_knows_ten_years_both_ways(name, tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(f'name = "x"\n[basal]\nrate = "1 ml/day"\n[time]\nzone = "{name}"\n')
    first, last = (datetime(2026, *day, tzinfo=UTC) for day in ((1, 1), (12, 31, 23, 59, 59)))
    hashes = {
        program.load(path, to_utc_us(moment)).hash for moment in (first, first + timedelta(seconds=1), last)
    }
    assert len(hashes) == 1
    listed = zones.transitions(name, int(last.timestamp()))
    assert listed[0][0] <= datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert listed[-1][0] >= datetime(2036, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert program.load(path, to_utc_us(last + timedelta(days=1))).hash not in hashes, (
        "a new year, a new list"
    )


def test_an_unknown_zone_and_a_lone_fault_are_named_with_line_and_range(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(
        'name = "x"\n[basal]\nrate = "9 ml/day"\n[limits]\nhard_max_rate = "6 ml/day"\n[time]\nzone = "Mars"\n'
    )
    with pytest.raises(InputFileError) as caught:
        program.load(path, NOW_US)
    assert caught.value.faults[0].startswith(f'{path}:3: basal.rate = "9 ml/day": allowed: ')
    assert caught.value.faults[0].endswith("to 250 ul/h")
    assert caught.value.faults[1].startswith(f'{path}:7: time.zone = "Mars"')


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_no_text_at_all_makes_the_reader_fail_otherwise_than_by_naming_faults(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("toml") / "p.toml"
    path.write_text('name = "x"\n' + text, encoding="utf-8", errors="replace")
    with pytest.raises(InputFileError):
        program.load(path, NOW_US)


def test_a_first_turn_at_the_very_start_is_one_fault_that_says_what_is_allowed(tmp_path):
    path = tmp_path / "p.toml"
    rows = 'every = "1 h"\nvolume = "10 ul"\nover = "1 min"\nfirst = "0 s"\n'
    path.write_text(f'name = "x"\n[basal]\nrate = "20 ul/h"\n[[periodic_bolus]]\n{rows}')
    with pytest.raises(InputFileError) as caught:
        program.load(path, NOW_US)
    (fault,) = caught.value.faults
    assert fault.startswith(f'{path}:8: periodic_bolus[0].first = "0 s": allowed: 1 s to 31 d')


@pytest.mark.parametrize("key", ["rate", "volume", "time", "concentration", "length"])
@settings(max_examples=40, deadline=None)
@given(value=st.integers(0, 10**12))
def test_every_quantity_shown_is_read_back_unchanged(key, value):
    assert units.parse(units.show(value, key), key) == value


def test_a_dose_as_mass_becomes_the_volume_that_holds_it(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(
        'name = "x"\n[drug]\nname = "saline"\nconcentration = "0.5 mg/ml"\n[basal]\nrate = "100 ug/day"\n'
        '[[periodic_bolus]]\nevery = "6 h"\nvolume = "5 ug"\nover = "5 min"\n'
    )
    loaded = program.load(path, NOW_US)
    assert loaded.document["basal"] == ((0, 200_000),)
    assert loaded.document["periodic"][0][1] == 10_000
    assert forecast.check(loaded, NOW_US)["doses"] == [
        {"drug": "saline", "ug_per_day": 120.0, "ug_per_day_max": 120.0}
    ]


@pytest.mark.requirement("SR-32")
def test_the_forecast_of_a_day_with_a_repeated_hour_has_25_hours_of_wall_clock_rates(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(
        'name = "x"\n[basal]\nsteps = [{from = "00:00", rate = "24 ul/day"}, {from = "02:00", rate = "240 ul/day"}, '
        '{from = "03:00", rate = "24 ul/day"}]\n[time]\nzone = "Europe/Zurich"\n'
    )
    loaded = program.load(path, NOW_US)
    midnight_us = to_utc_us(
        datetime(2026, 10, 24, 22, tzinfo=UTC)
    )  # 00:00 local; the clock goes back at 03:00
    volume = forecast.base_volume_nl(
        loaded.document, midnight_us, midnight_us, midnight_us + 25 * 3_600_000_000
    )
    assert volume == 23 * 1_000 + 2 * 10_000


def test_events_become_milliseconds_since_the_start_and_every_fault_is_told(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(
        '[[event]]\nat = "1 d 2 h"\ndo = "refill"\nvolume = "18 ml"\n'
        '[[event]]\nat = 2026-03-20T01:00:00Z\ndo = "occlude"\n'
    )
    assert events.load(path, NOW_US) == [
        {"at_ms": 3_600_000, "do": "occlude"},
        {"at_ms": 93_600_000, "do": "refill", "volume_nl": 18_000_000},
    ]
    path.write_text(
        '[[event]]\nat = "soon"\ndo = "explode"\n[[event]]\nat = "1 h"\ndo = "refill"\nflavour = 3\n'
    )
    with pytest.raises(InputFileError) as caught:
        events.load(path, NOW_US)
    assert [fault.split(": ")[1].split(" =")[0] for fault in caught.value.faults] == [
        "event[0].at",
        "event[0].do",
        "event[1].volume",
        "event[1].flavour",
    ]


def test_the_tool_and_the_simulator_know_the_same_events():
    from rigsim.events import EVENTS

    assert set(events.EVENTS) == set(EVENTS)
    for name, (needed, possible) in events.EVENTS.items():
        allowed = {*EVENTS[name][0], "document"}
        sent = {"to": "utc", "program": "document"}
        assert {sent.get(key, key) for key in needed + possible} <= allowed, name
