"""A simulated rig for tests: booted, calibrated, filled, with the host's end of its line.

Owns: the set-up that the tests of this folder share.
Rules: everything goes through the real link; nothing here knows the firmware's inside.
Units: nL, microseconds.
Leaves: the rig to rigsim.driver.
"""

from base64 import b64encode

from pumpwire import documents, records
from rigsim.commission import commission, commit
from rigsim.driver import SimRig
from rigsim.events import World, book
from rigsim.flash import NorFlash
from rigsim.wire import Wire

HOUR_US = 3_600_000_000
START_UTC_US = 1_767_225_600_000_000


class Simulation:
    """A rig, its line and its world. `records` are the log's own bytes, as they came to flash."""

    def __init__(self, seed: int = 1, slow: bool = False, flash: NorFlash | None = None) -> None:
        self.rig = SimRig(seed, flash, slow=slow)
        self.records: list[bytes] = []
        self.rig.chip.flash.on_program = self._take
        self.wire = Wire(self.rig)
        self.rig.power_on()
        if flash is None:
            commission(self.wire)
        self.world = World(self.rig, self.wire, self.rig.chip.now, START_UTC_US)

    def _take(self, page: int, data: bytes) -> None:
        if data[:2] == records.MAGIC:
            self.records.append(records.unseal(data))

    def load(self, **fields: object) -> None:
        """Commit a program; what is not given is a constant 0.5 mL/day."""
        program = {"kind": "program", "name": "test", "basal": ((0, 500_000),), **fields}
        commit(self.wire, documents.canonical(program))
        self.world.start_cycle = self.rig.chip.now

    def happen(self, *events: dict[str, object]) -> None:
        """Book events; `at_ms` counts from the last `load`."""
        book(self.world, list(events))

    def run_hours(self, hours: float) -> None:
        """Let virtual time pass."""
        self.rig.run_us(int(hours * HOUR_US))

    def status(self) -> dict[str, str]:
        """All rows of `status`."""
        return self.wire.status()

    def log(self) -> list[tuple[str, str]]:
        """(event, its text) of each record."""
        rows: list[tuple[str, str]] = []
        for raw in self.records:
            header, _, text = records.unpack(raw)
            rows.append((records.EVENTS[header["event"]], text))
        return rows

    def log_text(self) -> str:
        """The log as lines of base64."""
        return "\n".join(b64encode(raw).decode() for raw in self.records)
