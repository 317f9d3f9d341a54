"""A TMC2209 on the single wire of the emulated Pico, under a real MicroPython: set at the start, read back by `probe`.

Owns: promises of firmware/rig/board/tmc2209.py that need machine.UART.
Rules: the driver's model is the emulator's own; the values are the data sheet's.
Units: register values.
Leaves: currents and refusals to tests/sim/test_sim_tmc2209.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pumprig.api.reading import probe_of
from pumprig.rig.client import Client

LINES = {
    "rig/board/config": ("\nUART = None\n", '\nUART = (280, 50, "stealth", 60, 110)\n'),
    "rig/board/tmc2209": ("ADDRESS = 3\n", "ADDRESS = 3\n"),  # goes along where it is asked for
}
WANTED = {
    0x00: 0x1C0,  # PDN_UART off, microsteps by register, filtered; stealth
    0x10: 0x1_0000 | 8 << 8 | 3,
    0x14: 0xF_FFFF,
    0x40: 60,
    0x6C: 0x1400_0053 | 1 << 17,
}


@pytest.fixture(scope="module")
def line(timing: Any, lockstep: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The link to an emulated Pico whose configuration sets its driver by the wire."""
    folder = tmp_path_factory.mktemp("pico")
    files = timing.prepare(folder, engine_only=False, lines=LINES)
    link = lockstep.EmulatedLine(folder / "bootrom.bin", files)
    yield link
    link.end()


def wire_of(client: Client) -> Any:
    """What `probe` says of the driver."""
    return probe_of(client.read("probe").rows).wire


@pytest.mark.uf2
def test_the_driver_is_set_at_the_start_and_read_back(line: Any) -> None:
    registers = {int(place): value for place, value in line.ask(driver=True)["driver"].items()}
    assert {place: registers[place] for place in WANTED} == WANTED
    assert registers[0x01] == 0, "what was before is forgotten"
    assert registers[0x02] == 7, "every datagram was taken"
    client = Client(line)
    client.greet()
    assert client.read("alarms").rows == []
    wire = wire_of(client)
    assert (wire.version, wire.wrong) == (0x21, ())


@pytest.mark.uf2
def test_a_wire_that_never_keeps_quiet_is_silent_and_holds_nothing(line: Any) -> None:
    line.ask(chatter=True)
    client = Client(line)
    client.greet()
    assert wire_of(client).wrong == ("silent",)
    line.ask(reset=True)
    line.pause(3)
    client.greet()
    assert [row["name"] for row in client.read("alarms").rows] == ["self_test"]
    assert wire_of(client).wrong == ("silent",)
