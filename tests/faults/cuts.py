"""What must hold after a power cut at any operation on the flash, and at any instant between two of them.

Owns: the checks, and their tally.
Rules: the truth is the simulated world's (pulses that left, what the host was told, the choices of the undisturbed
day), never what the log says of itself; every cut is booted by the very firmware from a copy of the cells.
Units: steps, nL, operations on the tape.
Leaves: the day to busyday.py, the cells to tape.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.busyday import BusyDay, Facts, choices
from faults.tape import Memory, memories
from pumpwire import records
from rigsim.driver import SimRig

SETTLE_US = 2_000_000


@dataclass
class Tally:
    """What was tried and what came of it."""

    tried: int = 0
    failures: list[str] = field(default_factory=list)
    worst_lost_nl: int = 0
    worst_bound_nl: int = 0
    by_verb: Counter[str] = field(default_factory=Counter)

    def check(self, holds: bool, what: str) -> None:
        """Note a failure."""
        if not holds:
            self.failures.append(what)


@dataclass(frozen=True)
class Reboot:
    """What a rig came back with."""

    sim: SimRig
    counted_steps: int
    newly_assumed_steps: int
    image: dict[str, Any]
    last_seq: int
    last_code: int


def reboot(memory: Memory, last: bytes, seed: int = 1) -> Reboot:
    """Boot the firmware from a memory whose last whole record is `last`, and let it settle.

    Raises what the firmware raises.
    """
    before = records.unpack(last)[1]["assumed_steps"] if last else 0
    sim = SimRig(seed, memory)
    sim.power_on()
    rig = sim.rig
    assert rig is not None, "the rig did not come up"
    found = Reboot(
        sim,
        rig.dosing.net_steps() + rig.dosing.lost_steps,
        rig.assumed_steps - before,
        choices(sim),
        rig.session.last_seq,
        rig.session.last_code,
    )
    sim.run_us(SETTLE_US)
    return found


def whole_records(memory: bytes) -> dict[int, bytes]:
    """{number: bytes} of every whole record that lies in the cells."""
    found: dict[int, bytes] = {}
    for at in range(0, len(memory), records.PAGE):
        if memory[at : at + 2] == records.MAGIC:
            try:
                raw = records.unseal(memory[at : at + records.PAGE])
            except records.RecordError:
                continue
            found[int.from_bytes(raw[6:10], "little")] = raw
    return found


class Cuts:
    """All cuts of one day."""

    def __init__(self, day: BusyDay) -> None:
        self.day = day
        self.tally = Tally()
        self.step_nl = day.bench.sim.rig.dosing.volume_num / day.bench.sim.rig.dosing.volume_den
        self._starts = [act.first for act in day.acts]

    def every_operation(self, stride: int = 1, twice: int = 0) -> Tally:
        """Cut in each operation; `twice` of them are cut again in each operation of the boot that follows."""
        tape = self.day.flash.tape
        doubled = set(range(0, len(tape), max(1, len(tape) // twice))) if twice else set()
        for i, operation, torn, before in memories(self.day.flash.first, tape, self.day.bench.sim.chip.seed):
            if i % stride:
                continue
            self.one(f"operation {i}", torn, before, operation.facts, i)
            if i in doubled:
                self.again(f"operation {i}", torn)
        return self.tally

    def random_instants(self) -> Tally:
        """Cut at the sampled instants: the cells are those of the last operation before; the pump was further on."""
        by_operation: dict[int, list[Facts]] = {}
        for done, facts in self.day.samples:
            by_operation.setdefault(done, []).append(facts)
        whole = Memory(self.day.flash.first)
        for done, operation in enumerate([None, *self.day.flash.tape]):
            if operation is not None:
                whole.do(operation)
            rows = by_operation.get(done)
            if rows:
                memory = Memory(bytes(whole))
                self.one(f"instant after operation {done - 1}", memory, bytes(whole), rows[0], None, rows[1:])
        return self.tally

    def one(
        self,
        name: str,
        memory: Memory,
        before: bytes,
        facts: Facts,
        index: int | None,
        more: Sequence[Facts] = (),
    ) -> None:
        """Boot from a memory and judge."""
        kept = whole_records(bytes(memory))
        tally = self.tally
        tally.tried += 1 + len(more)
        try:
            found = reboot(memory, kept[max(kept)] if kept else b"")
        except Exception as error:
            tally.failures.append(f"{name}: no boot: {type(error).__name__}: {error}")
            return
        for row in [facts, *more]:
            self.totals(name, found, row)
        self.log(name, found, memory, before, kept, index)
        self.numbers(name, found, facts, index)

    def totals(self, name: str, found: Reboot, facts: Facts) -> None:
        """What is lost is bounded, and counted as delivered."""
        lost = facts.pulses - found.counted_steps
        tally = self.tally
        tally.check(lost >= 0, f"{name}: {-lost} steps too many restored")
        tally.check(
            lost <= found.newly_assumed_steps,
            f"{name}: {lost} steps lost, only {found.newly_assumed_steps} assumed ({facts.choices['mode']})",
        )
        tally.worst_lost_nl = max(tally.worst_lost_nl, round(lost * self.step_nl))
        tally.worst_bound_nl = max(tally.worst_bound_nl, round(found.newly_assumed_steps * self.step_nl))

    def log(
        self,
        name: str,
        found: Reboot,
        memory: Memory,
        before: bytes,
        kept: dict[int, bytes],
        index: int | None,
    ) -> None:
        """No record that was whole is lost, none is changed, and the chain holds across the cut."""
        journal = found.sim.rig.journal
        numbers = range(journal.oldest(), journal.next_number)
        raws = {number: journal.read(number) for number in numbers}
        missing = [number for number, raw in raws.items() if raw is None]
        self.tally.check(not missing, f"{name}: records {missing} cannot be read")
        self.tally.check(
            all(raws.get(number, raw) == raw for number, raw in kept.items()), f"{name}: a record has changed"
        )
        unread = [number for number in kept if number >= journal.oldest() and number not in raws]
        self.tally.check(not unread, f"{name}: records {unread} are no longer found")
        newer = [
            number for number in whole_records(before) if number >= journal.oldest() and number not in raws
        ]
        self.tally.check(not newer, f"{name}: records {newer} were lost, which are not the oldest")
        previous: bytes | None = None
        for number in numbers:
            raw = raws[number]
            if raw is not None and previous is not None:
                self.tally.check(
                    records.unpack(raw)[0]["chain"] == records.link(previous),
                    f"{name}: chain breaks at {number}",
                )
            previous = raw

    def numbers(self, name: str, found: Reboot, facts: Facts, index: int | None) -> None:
        """A command was done if and only if its number was taken; what was told to the host stays true."""
        tally = self.tally
        tally.check(found.last_seq >= facts.told_seq, f"{name}: number {facts.told_seq} is forgotten")
        tally.check(
            found.last_seq <= max(facts.told_seq, facts.acting),
            f"{name}: number {found.last_seq} was never sent",
        )
        if not facts.acting or index is None:
            return
        act = self.day.acts[bisect_right(self._starts, index) - 1]
        while act.first == act.end or index >= act.end or index < act.first:  # several begin at one operation
            act = next(other for other in self.day.acts if other.first <= index < other.end)
        tally.by_verb[act.verb] += 1
        taken = found.last_seq == act.seq
        want = act.after if taken else act.before
        if self._stops(want):
            want = {**want, "mode": "stopped", "bolus": [], "spread": None}
        tally.check(
            found.image == want,
            f"{name} ({act.verb}, number {act.seq} {'taken' if taken else 'not taken'}): "
            + ", ".join(f"{k} {found.image[k]} not {want[k]}" for k in want if found.image[k] != want[k]),
        )
        if taken:
            tally.check(
                found.last_code == act.code, f"{name}: {act.verb} ended {act.code}, now {found.last_code}"
            )

    def _stops(self, want: dict[str, Any]) -> bool:
        """Whether a pump in this mode comes back stopped: as configured, or because it was priming."""
        return want["mode"] == "priming" or (want["mode"] == "running" and self.day.on_return == "stop")

    def again(self, name: str, torn: Memory) -> None:
        """The power goes again at each operation of the boot after a cut."""
        for turn in range(1, 12):
            memory = Memory(bytes(torn), seed=turn)
            memory.cut_at = turn
            sim = SimRig(1, memory)
            self.tally.tried += 1
            try:
                sim.power_on()
                if sim.rig is not None:
                    return  # the boot has fewer operations
                memory.powered = True
                sim.power_on()
            except Exception as error:
                self.tally.failures.append(f"{name}, again in {turn}: {type(error).__name__}: {error}")
                continue
            self.tally.check(sim.rig is not None, f"{name}, again in operation {turn} of the boot: not up")
