"""Which port: the option, PUMPRIG_PORT, the configuration, the only Pico found, or the private simulated rig.

Owns: the order of that choice and the list of ports.
Rules: nothing is guessed: none or several Picos is an error with the list; only `ports` and
`doctor` talk to ports unasked.
Units: none.
Leaves: opening to link.py, the simulated rig to simulator.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumprig import paths
from pumprig.errors import LinkError, PumpError, UsageError
from pumprig.rig.portshare import canonical

if TYPE_CHECKING:
    from pumprig.rig.link import Transport

PICO_VENDOR = 0x2E8A
SIM = "sim"


@dataclass(frozen=True)
class Found:
    """A serial port of this computer."""

    device: str
    description: str
    serial_number: str | None
    is_pico: bool


@dataclass(frozen=True)
class Probed:
    """A port and what answers there: `rig`, `other protocol`, `busy`, `no rig`, `not asked`."""

    device: str
    description: str
    kind: str
    device_id: str | None
    firmware: str | None
    note: str


def found() -> list[Found]:
    """The serial ports of this computer, Picos first."""
    from serial.tools import list_ports

    rows = [
        Found(info.device, info.description or "", info.serial_number, info.vid == PICO_VENDOR)
        for info in list_ports.comports()
    ]
    return sorted(rows, key=lambda row: (not row.is_pico, row.device))


def named(chosen: str | None) -> str | None:
    """The port that the option, PUMPRIG_PORT or the configuration names, in this order; None without any."""
    name = chosen or os.environ.get("PUMPRIG_PORT") or paths.configuration().get("port")
    return str(name) if name else None


def resolve(chosen: str | None, state: str | None) -> str:
    """The address to open. Raises UsageError when there is none, or more than one to choose from."""
    return address_of(named(chosen), state)


def address_of(name: str | None, state: str | None) -> str:
    """The address that a name means; without a name that of the only Pico. May start the private simulated rig."""
    if name == SIM:
        from pumprig.rig.simulator import PrivateRig

        return PrivateRig(paths.simulator_folder(state)).ensure()
    if name:
        return _checked(name)
    picos = [row for row in found() if row.is_pico]
    if len(picos) == 1:
        return picos[0].device
    found_here = ", ".join(row.device for row in picos)
    listed = f"{len(picos)} Picos were found: {found_here}" if picos else "no Pico was found"
    raise UsageError(
        f"No port was named, and {listed}.",
        "Nothing was sent.",
        "Name one with -p PORT, or PUMPRIG_PORT, or `port` in the configuration; `-p sim` is a simulated rig.",
    )


def _checked(address: str) -> str:
    if "://" in address and not re.match(r"(socket|rfc2217|loop|spy)://", address):
        raise UsageError(
            f"'{address}' is no port address.",
            "Nothing was sent.",
            "Use a device, COMx, socket://host:port, rfc2217://host:port or sim.",
        )
    return address


def probe(device: str, description: str, opened: Callable[[str], Transport]) -> Probed:
    """Open a port, greet, close: what answers there. Never raises for what is on the other end."""
    from pumprig.rig.client import Client

    def row(kind: str, note: str, device_id: str | None = None, firmware: str | None = None) -> Probed:
        return Probed(device, description, kind, device_id, firmware, note)

    try:
        client = Client(opened(device))
    except LinkError as error:
        return row("busy" if "in use" in error.happened else "no rig", error.happened)
    try:
        greeting = client.greet()
    except PumpError as error:
        return row("other protocol" if error.exit_code == 3 else "no rig", error.happened)
    finally:
        client.close()
    return row("rig", "", greeting.device_id, greeting.firmware)


def survey(state: str | None, opened: Callable[[str], Transport], held: list[str]) -> list[Probed]:
    """Every port worth asking: all Picos, the private simulated rig if it lives, what somebody holds for everybody.

    Others are listed, not asked. opened: the way to a port.
    """
    from pumprig.rig.simulator import PrivateRig

    rows = [
        probe(port.device, port.description, opened)
        if port.is_pico
        else Probed(port.device, port.description, "not asked", None, None, "no Pico by its USB number")
        for port in found()
    ]
    private = PrivateRig(paths.simulator_folder(state)).port()
    if private:
        rows.append(probe(private, "the private simulated rig (-p sim)", opened))
    known = {canonical(row.device) for row in rows if row.kind != "not asked"}
    rows += [probe(port, "held by the hub", opened) for port in held if canonical(port) not in known]
    return [row for row in rows if row.kind != "not asked" or row.device not in held]
