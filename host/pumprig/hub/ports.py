"""Serial ports and who is at them, asked through the hub where one runs.

Owns: which ports a hub has open.
Rules: a port that a hub holds is asked through it, as every command goes; without a hub it is opened and given back.
Units: none.
Leaves: finding and asking to rig/discovery.py, the way to a rig to opening.py.
"""

from __future__ import annotations

from pumprig.hub import wire
from pumprig.hub.opening import link_to
from pumprig.rig import discovery
from pumprig.rig.link import Transport


def survey(state: str | None) -> list[discovery.Probed]:
    """Every serial port; those that may be rigs are asked who they are. `state`: the folder of the private rig."""
    return discovery.survey(state, _opened, _held())


def probe(device: str, description: str) -> discovery.Probed:
    """Who is at this port."""
    return discovery.probe(device, description, _opened)


def _opened(device: str) -> Transport:
    return link_to(device, None)


def _held() -> list[str]:
    try:
        return [str(row["port"]) for row in wire.ask({"status": 1})["rigs"] if row["open"]]
    except wire.NoHub:
        return []
