"""Asked and given of a live reading: after every page of records what the whole log says, and right between records."""

from binascii import a2b_base64

import pytest
from pumprig import rehearsal
from pumprig.store import Store, ledger
from pumprig.store.record import Record
from pumprig.store.sofar import Live, Now
from sim import asked, rehearsed


def recorded(tmp_path, name):
    """(report, records, a store that knows the calibration and the program and holds no record yet)."""
    rows, _extra_nl, _why = asked.INTERFERING[name]
    request = rehearsal.request(asked.parsed(asked.CONSTANT), asked.FOR_MS, events=rows)
    request["records"] = str(tmp_path / "records")
    report = rehearsed.run(request)
    rehearsal.keep(tmp_path / "whole.db", request, report)
    whole = Store(tmp_path / "whole.db")
    store = Store(tmp_path / "growing.db")
    store.note_device(report["device_id"], "0", 1)
    for number, figures in whole.calibrations(report["device_id"]).items():
        store.note_calibration(report["device_id"], number, *figures)
    for digest, text in whole.programs(report["device_id"]).items():
        store.note_program(report["device_id"], digest, text)
    whole.close()
    pages = [a2b_base64(line) for line in (tmp_path / "records").read_text().splitlines()]
    return report, pages, store


def reading(record, log_next):
    """What a status at a record says."""
    return Now(record.boot, record.mono_us, log_next, record.kind_steps())


def what(so_far):
    """The figures, without how often a span was looked at."""
    rows = [{key: row[key] for key in row if key != "times"} for row in so_far.delivery.not_given]
    return so_far.delivery.asked_nl, so_far.delivery.delivered_nl, rows


@pytest.mark.parametrize(
    "name", ["a stop in a bolus", "a loss of power in a bolus", "an occlusion", "a bolus beyond the limit"]
)
def test_a_live_account_taken_page_by_page_ends_where_the_whole_log_ends(name, tmp_path):
    report, pages, store = recorded(tmp_path, name)
    device = report["device_id"]
    live = Live(store, device)
    for at in range(0, len(pages), 3):
        page = pages[at : at + 3]
        ledger.add(store, device, page)
        last = Record(page[-1])
        so_far = live.at(reading(last, last.number + 1))
        assert so_far is not None
        missing = sum(row["nl"] for row in so_far.delivery.not_given)
        assert so_far.delivery.asked_nl == so_far.delivery.delivered_nl + missing
        fresh = Live(store, device).at(reading(last, last.number + 1))
        assert fresh is not None
        assert what(fresh)[:2] == what(so_far)[:2]
    assert so_far.of_program
    assert so_far.unknown_steps == so_far.behind == 0
    asked_nl, given_nl, rows = what(so_far)
    assert abs(asked_nl - report["asked_nl"]) <= asked.STEP_NL  # the report begins a record earlier
    assert abs(given_nl - report["delivered_nl"]) <= asked.STEP_NL
    assert [(row["why"], row["for_s"]) for row in rows] == [
        (row["why"], row["for_s"]) for row in report["not_given"]
    ]
    store.close()


def test_between_two_records_the_time_that_passes_is_asked_and_while_stopped_not_given(tmp_path):
    report, pages, store = recorded(tmp_path, "a stop for good")
    device = report["device_id"]
    ledger.add(store, device, pages)
    last = Record(pages[-1])
    live = Live(store, device)
    hours = [
        live.at(Now(last.boot, last.mono_us + h * 3_600_000_000, last.number + 1, last.kind_steps()))
        for h in (0, 1, 3)
    ]
    before, one, three = (what(row) for row in hours)
    assert one[0] - before[0] == pytest.approx(asked.RATE_NL_PER_H, abs=1)
    assert three[0] - before[0] == pytest.approx(3 * asked.RATE_NL_PER_H, abs=1)
    assert one[1] == three[1] == before[1]
    assert [row["why"] for row in three[2]] == ["stopped"]
    store.close()


def test_what_the_store_does_not_hold_yet_is_said_and_not_guessed(tmp_path):
    report, pages, store = recorded(tmp_path, "nothing")
    device = report["device_id"]
    live = Live(store, device)
    newest = Record(pages[-1])
    assert live.at(reading(newest, newest.number + 1)) is None
    ledger.add(store, device, pages[:-5])
    so_far = live.at(reading(newest, newest.number + 1))
    assert so_far.behind == 5
    held = Record(pages[-6])
    assert what(so_far) == what(live.at(reading(held, held.number + 1)))
    store.close()
