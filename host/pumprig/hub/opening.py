"""The way to a rig: through the hub where one runs, else its port itself.

Owns: that choice, made anew whenever the link broke.
Rules: whichever name a port was given, the hub is asked first; a hub that does not hold the port, or has gone, means
the port itself; what is named comes from the option, PUMPRIG_PORT or the configuration, as discovery.py says.
Units: seconds.
Leaves: the two kinds of link to link.py and rig/link.py.
"""

from __future__ import annotations

import os

from pumprig import paths
from pumprig.errors import PumpError
from pumprig.hub import wire
from pumprig.hub.link import HubLink, NotHeld
from pumprig.rig import discovery, stopping
from pumprig.rig.link import LinkBroken, SerialLink, Transport
from pumprig.rig.portshare import Desk


class RigLink:
    """A Transport to the rig that a name means."""

    def __init__(self, name: str | None, state: str | None) -> None:
        """Raises LinkError, UsageError."""
        self._name = discovery.named(name)
        self._state = state
        # Where other programs ask this one, which holds the port, for a stop
        self._beside: Desk | None = None
        self._link = self._find()

    @property
    def address(self) -> str:
        return self._link.address

    @property
    def shared(self) -> bool:
        """Whether others may change the rig between two requests."""
        return isinstance(self._link, HubLink)

    @property
    def waited_s(self) -> float:
        """When the hub last said that a request waits; 0 without a hub."""
        return self._link.waited_s if isinstance(self._link, HubLink) else 0.0

    def _find(self) -> HubLink | SerialLink:
        try:
            return HubLink(*for_hub(self._name, self._state))
        except (wire.NoHub, NotHeld):
            link = SerialLink(discovery.address_of(self._name, self._state))
        self._beside = Desk(link.address, {"stop": lambda: stopping.stop_past(link)})
        return link

    def send(self, line: str) -> None:
        self._link.send(line)

    def receive(self, timeout_s: float) -> str | None:
        return self._link.receive(timeout_s)

    def reopen(self) -> None:
        """Open again, by whichever way there is now. Raises LinkBroken."""
        if isinstance(self._link, HubLink) and self._link.is_open:
            self._link.reopen()
            return
        self.close()
        try:
            self._link = self._find()
        except PumpError as error:
            raise LinkBroken(error.happened) from None

    def let_go(self) -> None:
        """A request that waits at the hub is never written; without a hub it was written at once."""
        if isinstance(self._link, HubLink):
            self._link.let_go()

    def pause(self, seconds: float) -> None:
        self._link.pause(seconds)

    def close(self) -> None:
        """Give the port back; never raises."""
        beside, self._beside = self._beside, None
        if beside is not None:
            beside.close()
        self._link.close()


def for_hub(name: str | None, state: str | None) -> tuple[str | None, str | None]:
    """Name and state folder as they hold in any folder."""
    if name == discovery.SIM:
        return name, str(paths.simulator_folder(state))
    if name and "://" not in name and os.path.exists(name):
        return os.path.abspath(name), None
    return name, None


def link_to(name: str | None, state: str | None) -> Transport:
    """The rig's link. Raises LinkError, UsageError."""
    return RigLink(name, state)
