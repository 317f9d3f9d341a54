"""Damaged lines into the device's parser and the host's: the short form of the campaign."""

import pytest
from faults.lines import DeviceParser, HostParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pumpwire import codec


@pytest.fixture(scope="module", params=[False, True], ids=["host session", "terminal"])
def device(request: pytest.FixtureRequest) -> DeviceParser:
    return DeviceParser(by_person=request.param)


@pytest.mark.requirement("SR-30")
@pytest.mark.requirement("SR-35")
def test_no_mutated_machine_line_is_acted_on_nor_passes_for_a_typed_one(device: DeviceParser) -> None:
    assert device.feed(device.mutations(8_000, seed=1)) == []


@pytest.mark.requirement("SR-30")
def test_a_machine_line_without_its_crc_mark_is_never_acted_on(device: DeviceParser) -> None:
    bare = [line[:-10] for line in device.lines]
    assert device.feed(bare) == []
    assert device.feed(line[1:] for line in bare) == []


@pytest.mark.requirement("SR-30")
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=st.binary(max_size=600) | st.text(max_size=200).map(lambda text: b">" + text.encode()))
def test_any_bytes_at_all_are_survived_and_change_nothing(device: DeviceParser, case: bytes) -> None:
    assert device.feed([case]) == []


@pytest.mark.requirement("SR-30")
def test_no_mutated_answer_is_believed_by_the_host() -> None:
    assert HostParser().mutations(10_000, seed=2) == []


@pytest.mark.requirement("SR-30")
@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.text(max_size=120) | st.just(codec.answer(8, "ok")), max_size=4))
def test_the_host_believes_no_line_under_another_number_or_of_another_form(rows: list[str]) -> None:
    assert HostParser().hear(7, rows) is None
