"""Memory runs out: the short form of the campaign's part."""

import pytest
from faults import heap


@pytest.mark.requirement("SR-13")
@pytest.mark.requirement("SR-24")
@pytest.mark.requirement("SR-30")
def test_without_memory_the_rig_goes_on_or_begins_anew_and_never_acts_wrongly() -> None:
    came, wrong = heap.exhaust(stride=1_200)
    assert wrong == []
    assert came["went on"] + came["reset"] == heap.VERBS * len(heap.sizes(1_200))
    assert min(came["went on"], came["reset"], came["logged"], came["done"]) >= 10
