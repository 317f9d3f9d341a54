"""The stop of a command that has no rig open: by the shortest way there is.

Owns: the order of the ways: the hub, the program that holds the port, the port itself.
Rules: no greeting, no session, no store; what was not confirmed is never said to be done.
Units: seconds.
Leaves: the line to rig/stopping.py, the hub to link.py, other holders to rig/portshare.py.
"""

from __future__ import annotations

import time
from contextlib import closing

from pumprig.errors import LinkError
from pumprig.hub import wire
from pumprig.hub.link import HubLink, NotHeld
from pumprig.hub.opening import for_hub
from pumprig.rig import discovery, portshare, stopping
from pumprig.rig.link import SerialLink

AGAIN_S = 0.05
TRIES_S = 1.0  # a program that has just opened the port opens its desk a moment later


def stop(chosen: str | None, state: str | None) -> dict[str, str]:
    """Stop the pump; -> what the rig said. Raises LinkError, UsageError."""
    name = discovery.named(chosen)
    try:
        with closing(HubLink(*for_hub(name, state))) as link:
            return stopping.stop(link).fields
    except (wire.NoHub, NotHeld, LinkError):
        address = discovery.address_of(name, state)
    return _past_holder(address)


def _past_holder(address: str) -> dict[str, str]:
    """Through whoever holds the port, else over the port itself. Raises LinkError."""
    until_s = time.monotonic() + TRIES_S
    while True:
        answer = portshare.ask(address, "stop")
        if answer is not None and "error" not in answer:
            return answer
        try:
            with closing(SerialLink(address)) as link:
                return stopping.stop(link).fields
        except LinkError as error:
            if "in use" not in error.happened or time.monotonic() > until_s:
                raise
            time.sleep(AGAIN_S)
