"""Power cuts at the flash's operations and between them, on a busy day: the short form of the campaign."""

import pytest
from faults.busyday import BusyDay
from faults.cuts import Cuts


@pytest.fixture(scope="module")
def day() -> BusyDay:
    return BusyDay(seed=5).run(samples=600)


@pytest.mark.requirement("SR-13")
@pytest.mark.requirement("SR-25")
@pytest.mark.requirement("SR-30")
@pytest.mark.requirement("SR-31")
@pytest.mark.requirement("SR-38")
def test_a_cut_in_a_flash_operation_leaves_a_command_done_or_not_and_the_log_whole(day: BusyDay) -> None:
    tally = Cuts(day).every_operation(stride=3, twice=6)
    assert tally.failures == []
    assert tally.tried > len(day.flash.tape) // 3
    assert len(tally.by_verb) >= 8


@pytest.mark.requirement("SR-13")
def test_a_cut_at_any_instant_loses_no_more_than_its_bound_and_counts_it_as_delivered(day: BusyDay) -> None:
    tally = Cuts(day).random_instants()
    assert tally.failures == []
    assert tally.tried > 400
    assert 0 < tally.worst_lost_nl <= tally.worst_bound_nl


@pytest.mark.requirement("SR-13")
def test_a_program_that_is_not_to_resume_stays_stopped_after_a_cut_anywhere() -> None:
    day = BusyDay(seed=6, on_return="stop").run()
    tally = Cuts(day).every_operation(stride=5)
    assert tally.failures == []
