"""A rig on the bench for tests: the very firmware in virtual time, with a host on its line and faults at hand."""

from __future__ import annotations

from typing import Any

from pumpwire import documents, records, units
from rigsim.commission import commission, commit
from rigsim.driver import SimRig
from rigsim.events import EVENTS, World, check
from rigsim.wire import Refused, Wire

START_UTC_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
STEP_NL = 4  # no head of ours has a larger step


def program(**fields: Any) -> str:
    """The canonical text of a program; basal in nL/day makes a constant rate."""
    document: dict[str, Any] = {"kind": "program", "name": "test"}
    basal = fields.pop("basal", None)
    if isinstance(basal, int):
        basal = ((0, basal),)
    if basal is not None:
        document["basal"] = basal
    document.update(fields)
    return documents.canonical(documents.parse(documents.canonical(document)))


def ms(text: str) -> int:
    """`2 h` in milliseconds."""
    return units.parse(text, "time")


class Bench:
    """A booted, calibrated, filled rig with a set clock. Every record that it writes is kept, decoded."""

    def __init__(
        self, seed: int = 1, reservoir_nl: int = 18_000_000, clock: bool = True, **options: Any
    ) -> None:
        self.records: list[tuple[dict[str, Any], dict[str, int], str]] = []
        self.sim = SimRig(seed, reservoir_nl=reservoir_nl, **options)
        self.sim.chip.flash.on_program = self._keep
        self.wire = Wire(self.sim)
        self.world = World(self.sim, self.wire, 0, START_UTC_US)
        self.sim.power_on()
        commission(self.wire)
        self.wire.call("open")
        if clock:
            self.wire.call("clock", ("utc_us", self.world.utc_us()))
        self.wire.call("refill", ("volume_nl", reservoir_nl))

    def _keep(self, page: int, data: bytes) -> None:
        if data[:2] == records.MAGIC:
            self.records.append(records.unpack(records.unseal(data)))

    # --- asking and telling

    def load(self, text: str, override: int = 0) -> str:
        """Stage and commit a document; returns its hash."""
        digest = commit(self.wire, text, override)
        self.wire.call("open")
        return digest

    def act(self, verb: str, **fields: int | str) -> dict[str, str]:
        """A changing command in an open session; returns the answer. Raises Refused."""
        self.wire.greet()
        self.wire.call("open")
        answer = self.wire.call(verb, *fields.items()).answer
        assert answer is not None
        return answer

    def refusal(self, verb: str, **fields: int | str) -> Refused:
        """A changing command that must be refused; returns the refusal."""
        try:
            answer = self.act(verb, **fields)
        except Refused as refused:
            return refused
        raise AssertionError(f"{verb} was not refused: {answer}")

    def status(self) -> dict[str, Any]:
        """All rows of status; whole numbers as int."""
        exchange = self.wire.call("status")
        merged: dict[str, Any] = {}
        for row in [*exchange.rows, exchange.answer or {}]:
            for name, value in row.items():
                merged.setdefault(name, int(value) if value.lstrip("-").isdigit() else value)
        return merged

    def type(self, line: str) -> str:
        """A line as a person types it; returns what the rig printed."""
        return self._on_the_line(line + "\r")

    def raw(self, line: str) -> list[str]:
        """A line as it is on the wire; returns the answer's lines."""
        return [text for text in self._on_the_line(line + "\n").split("\r\n") if text.startswith("<")]

    def _on_the_line(self, text: str) -> str:
        """Bytes in, bytes out, past the host of this bench."""
        self.sim.after_tick, listener = None, self.sim.after_tick
        self.sim.port.pull()
        self.sim.port.push(text.encode())
        heard = b""
        for _ in range(5):
            self.sim.run_us(20_000)
            heard += self.sim.port.pull()
        self.sim.after_tick = listener
        return heard.decode()

    # --- time and faults

    def run(self, text: str) -> None:
        """Let virtual time pass: `2 h`."""
        self.sim.run_us(ms(text) * 1000)

    def happen(self, do: str, after: str = "0 ms", **fields: Any) -> None:
        """One event of the table, so much later."""
        event = {"do": do, **fields}
        check(event)
        self.sim.after_us(ms(after) * 1000, lambda: EVENTS[do][1](self.world, event))

    def stall_three_times(self) -> None:
        """Within minutes, each taken up again but the last: that one is told as `restarts`."""
        for _ in range(3):
            self.happen("stall")
            self.run("30 s")
            self.happen("free")
            self.run("1 s")
            if "restarts" not in self.alarms():
                self.act("ack")
                self.act("resume")
                self.run("30 s")

    # --- what the log says

    def events(self, name: str) -> list[str]:
        """The texts of every record of an event, in order."""
        number = records.EVENTS.index(name)
        return [text for header, _state, text in self.records if header["event"] == number]

    def raised(self) -> list[str]:
        """Names of all alarms that were ever raised, in order."""
        return [text.split()[0].split("=")[1] for text in self.events("alarm")]

    def alarms(self) -> list[str]:
        """Names of the alarms that are active."""
        exchange = self.wire.call("alarms")
        return [row["name"] for row in [*exchange.rows, exchange.answer or {}] if "name" in row]

    def kinds(self) -> dict[str, int]:
        """Counted steps by kind."""
        status = self.status()
        return {name[: -len("_steps")]: status[name] for name in status if name in KIND_FIELDS}


KIND_FIELDS = {
    f"{kind}_steps"
    for kind in (
        "basal",
        "periodic",
        "demand",
        "single",
        "spread",
        "bridge",
        "prime",
        "relief",
        "calibration",
    )
}
