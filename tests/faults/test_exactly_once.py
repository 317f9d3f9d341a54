"""Each changing command, the link cut, the host restarted: the short form of the campaign."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.exactly import COMMANDS, Campaign, uncovered


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    folder: Path = tmp_path_factory.mktemp("exactly")
    campaign = Campaign(folder)
    yield campaign
    campaign.close()


def test_every_changing_command_of_the_table_is_tried() -> None:
    assert uncovered() == []


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("verb", list(COMMANDS))
def test_a_cut_link_and_a_restarted_host_never_double_a_command(campaign: Campaign, verb: str) -> None:
    campaign.failures.clear()
    campaign.run(verb, stride=5)
    campaign.run(verb, stride=17, restart=False)
    assert campaign.failures == []
