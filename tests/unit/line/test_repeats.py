"""What comes again: an open command is counted and not recorded, a number is repeated only for its own command."""

from __future__ import annotations

from pathlib import Path

import pytest
from pumpwire import answers, codec, records
from upy.softhost import Host


@pytest.mark.requirement("SR-25")
def test_three_thousand_silences_and_stops_from_a_stranger_take_two_records(tmp_path: Path) -> None:
    host = Host(tmp_path / "flash")
    host.start()
    host.change("clock", utc_us=1_767_225_600_000_000)
    host.request(1, "close")
    host.send(b"stop\r", 200_000)
    before = host.rig.journal.next_number
    for _ in range(150):
        machine = codec.request(0, "silence").encode() + b"\n" + codec.request(0, "stop").encode() + b"\n"
        numbered = codec.request(host.rig.session.last_seq + 1, "silence").encode() + b"\n"
        host.send(machine + numbered + b"silence\rstop\r", 200_000)
    assert len([text for text in _texts(host, before) if text.startswith("verb=")]) <= 2
    host.request(1, "open")
    host.change("ack")
    texts = _texts(host, before)
    told = {text.split()[0]: int(text.split("n=")[1].split()[0]) for text in texts if " n=" in text}
    assert told["verb=silence"] + told["verb=stop"] >= 700
    assert all("first=17672256" in text and "last=17672256" in text for text in texts if " n=" in text)
    host.bench.power_off()


def _texts(host: Host, first: int) -> list[str]:
    """The words of the records from one number on."""
    journal = host.rig.journal
    return [records.unpack(journal.read(number))[2] for number in range(first, journal.next_number)]


@pytest.mark.requirement("SR-30")
def test_after_a_boot_a_number_is_repeated_only_for_its_own_command(tmp_path: Path) -> None:
    host = Host(tmp_path / "flash")
    host.start()
    host.change("refill", volume_nl=5_000_000)
    seq = host.rig.session.last_seq
    host.bench.power_off()
    host.bench.power_on()
    host.bench.run(60_000)
    host.request(1, "open")
    assert host.request(seq, "refill", volume_nl=6_000_000)[2]["name"] == "sequence"
    assert host.request(seq, "ack")[2]["name"] == "sequence"
    assert host.request(seq, "refill", volume_nl=5_000_000)[1:] == ("ok", {answers.REPEATED: "1"})
    assert host.rig.reservoir.base_nl == 5_000_000
    host.bench.power_off()
