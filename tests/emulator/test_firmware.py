"""The whole firmware on an emulated Pico under a real MicroPython; the real host client talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pumprig.rig.client import Client
from pumpwire import spec

CALIBRATION = "kind=calibration id=3 nl_num=9973 nl_den=1 u_ppm=20000"
PROGRAM = "kind=program name=pico basal=0:4800000"
FLEX = (
    "kind=program name=flex basal=0:240000,10800:288000,21600:336000,32400:384000,43200:432000,54000:480000,"
    "64800:528000,75600:576000 periodic=600:2000:60000:0 demand=5000:120000:0:100 cap_nl=20000000"
)


@pytest.fixture(scope="module")
def line(timing: Any, lockstep: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The link to an emulated Pico that has booted what `pumprig flash` installs."""
    folder = tmp_path_factory.mktemp("pico")
    files = timing.prepare(folder, engine_only=False)
    link = lockstep.EmulatedLine(folder / "bootrom.bin", files)
    yield link
    link.end()


@pytest.mark.uf2
def test_the_first_commands_after_a_start_find_in_memory_what_they_take(line: Any) -> None:
    client = Client(line)
    client.greet()
    with client.session():
        for verb, values in (("ack", {}), ("clock", {"utc_us": 1_800_000_000_000_000}), ("tube", {})):
            client.change(verb, values)
    assert client.read("status").fields["boot"] == "1", "no command has reset the rig"


@pytest.mark.uf2
def test_the_host_client_programs_the_firmware_on_an_emulated_pico_and_no_log_pull_makes_a_tick_late(
    line: Any,
) -> None:
    client = Client(line)
    assert client.greet().protocol == spec.PROTOCOL
    with client.session():
        for text in (CALIBRATION, PROGRAM):
            if text == PROGRAM:
                client.change("refill", {"volume_nl": 18_000_000})
            staged = client.stage(text)
            client.commit(staged.hash, False)
    before = client.read("status").fields
    assert abs(int(before["clock_hz"]) - 125_000_000) <= 125_000, "measured at power-on, to 0.1 %"
    fields = before
    for _ in range(5):
        client.read("log", {"start": 0, "count": 16})
        fields = client.read("status").fields
    assert fields["state"] == "running"
    assert fields["alarms"] == "0"
    assert fields["late"] == before["late"]
    assert int(fields["delivered_steps"]) > 0
    assert abs(int(fields["delivered_nl"]) - int(fields["commanded_nl"])) <= 7
    line.ask(edges=True)
    sent = line.now
    client.stop()
    line.pause(0.5)
    edges = line.ask(edges=True)["edges"]
    assert all(edge - sent <= 0.060 * 125e6 for edge in edges), "within a tick and the link's time"
    assert client.read("status").fields["state"] == "stopped"
    client.close()


@pytest.mark.uf2
def test_a_boot_with_a_program_of_eight_steps_boluses_and_requests_finds_room_for_it(line: Any) -> None:
    """A heap in small pieces: 75 kB were free, and no hole took the 1.8 kB of a module."""
    client = Client(line)
    client.greet()
    with client.session():
        client.commit(client.stage(FLEX).hash, False)
    before = client.read("status").fields
    for boot in (1, 2):
        line.ask(reset=True)
        line.pause(3)
        client.greet()
        with client.session():
            client.stage(FLEX)
        fields = client.read("status").fields
        assert fields["state"] == before["state"]
        assert int(fields["boot"]) == int(before["boot"]) + boot
