"""What a record says of the program's own time, and of the boluses under way.

Owns: the names of a bolus's fields in a record's state.
Rules: a record's state is read as it is; nothing is added up here.
Units: microseconds, steps.
Leaves: the bytes to record.py, the account to asked.py.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pumpwire import spec

from pumprig.store.not_given import Reason
from pumprig.store.record import Record, fields_of

SPREAD = spec.KINDS.index("spread") + 1
BRIDGE = spec.KINDS.index("bridge") + 1
PERIODIC = spec.KINDS.index("periodic") + 1
EDGES = ("bolus_start", "bolus_end")  # these records tell of an instant before their state's
ROUNDED_US = 100  # of a record's time, at the most
AHEAD_US = 250_000  # by which a record may tell of what is about to begin
OVERLAYS = (
    ("bolus_steps", "bolus_done_steps", "bolus_kind"),
    ("spread_steps_asked", "spread_done_steps", "second_kind"),
)
STOPPING = {row[1]: row[0] for row in spec.alarms() if row[1] and row[3] == "stop"}  # their bits, by name
RATES = ("bolus_rate_nl_per_day", "spread_rate_nl_per_day")  # of each of these


def elapsed_us(record: Record) -> int:
    """The program's time at a record."""
    state = record.state
    return state["program_elapsed_s"] * 1_000_000 + state["elapsed_part"] * 1_000_000 // 65_536


def number_of(fields: dict[str, str | int], name: str) -> int:
    """A number that a record tells; 0 where it does not."""
    value = fields.get(name, 0)
    return value if isinstance(value, int) else 0


def bridge_of(record: Record) -> tuple[int, int]:
    """(steps that are left, nL/day) of the bridge that flows instead of the base flow; (0, 0): none is under way."""
    state = record.state
    for (steps, done, kind), rate in zip(OVERLAYS, RATES, strict=True):
        if state[kind] == BRIDGE and state[done] < state[steps]:
            return state[steps] - state[done], state[rate]
    return 0, 0


def lost_by_boluses(last: Record, record: Record) -> Iterator[tuple[str, int]]:
    """(kind, steps) that boluses lost between two records: what one gained and does not have."""
    now, then = record.kind_steps(), last.kind_steps()
    ended = fields_of(record.text) if record.event == "bolus_end" else {}
    for name, done, kind in OVERLAYS:
        if record.state[name]:
            what = spec.KINDS[(record.state[kind] or SPREAD) - 1]
            gained, before = record.state[done], last.state[done]
            if last.state[name] == record.state[name]:
                gained -= before
            elif last.state[name] and ended.get("kind") == what:  # the one before has ended
                gained += number_of(ended, "done_steps") - before
            yield what, then[what] + gained - now[what]


@dataclass
class Untold:
    """Boluses that were cancelled, until their ends are told: some ticks later, or never, where the power goes."""

    rows: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])  # kind, steps that were left

    def look(self, last: Record, record: Record) -> list[tuple[str, int]]:
        """The next record; -> those whose end no record will tell, after a boot."""
        if record.boot != last.boot:
            rows, self.rows = self.rows, []
            return rows
        now, then = record.kind_steps(), last.kind_steps()
        ended = fields_of(record.text).get("kind") if record.event == "bolus_end" else None
        self.rows = [row for row in self.rows if row[0] != ended]
        anew = record.program_hash != last.program_hash and elapsed_us(record) < AHEAD_US
        kept = [record.state[which] or SPREAD for name, _done, which in OVERLAYS if record.state[name]]
        for name, done, which in OVERLAYS:
            number, rest = last.state[which] or SPREAD, last.state[name] - last.state[done]
            kind = spec.KINDS[number - 1]
            goes_on = number in kept and (
                not anew or (number == BRIDGE and _goes_on(last, record, name, done))
            )
            if rest > 0 and kind != ended and not goes_on:
                self.rows.append((kind, max(0, rest - (now[kind] - then[kind]))))
        return []


def _goes_on(last: Record, record: Record, name: str, done: str) -> bool:
    """Whether the bridge of a slot is still under way, in whichever: a new program without one keeps it."""
    return any(
        record.state[which] == BRIDGE
        and record.state[steps] == last.state[name]
        and record.state[given] >= last.state[done]
        for steps, given, which in OVERLAYS
    )


def standing_why(record: Record) -> Reason:
    """Why the pump stands, as far as a record tells it by itself: the first alarm that keeps it, or a stop."""
    names = [name for name, bit in STOPPING.items() if record.state["alarms"] >> bit & 1]
    return ("alarm", names[0]) if names else ("stopped", "")


def told_us(record: Record) -> int:
    """By how much a titration is behind, as a record has it: to the second below."""
    return record.state["ramp"] // 2 * 1_000_000


def titrated_us(record: Record) -> int:
    """The program's time at a record, less what a titration is behind: where its base flow is. To the second above."""
    return max(0, elapsed_us(record) - told_us(record))


@dataclass
class OwnTime:
    """The program's own time between records. A record shortly before a bolus tells of its first instant already."""

    zero_us: int = 0  # where the rig's clock stood, by the records, when the program began
    fallen_us: int = 0  # up to which its turns are counted
    behind_us: int = 0  # by how much a titration is behind: its records tell of it to a second
    held_us: int | None = None  # where one that is held stands

    def look(self, record: Record, anew: bool) -> None:
        """What a record says of it; anew: after a boot. Another program's time shows by itself."""
        zero_us = record.mono_us - elapsed_us(record)
        written = record.event not in EDGES
        if anew or zero_us > self.zero_us + AHEAD_US:
            self.fallen_us = elapsed_us(record)
        if anew or zero_us > self.zero_us or (written and zero_us < self.zero_us - AHEAD_US):
            self.zero_us = zero_us
        now_us = elapsed_us(record)
        if self.held_us is not None:
            self.behind_us = now_us - self.held_us
        self.behind_us = told_us(record) if anew else self.behind_at(record)
        self.held_us = now_us - self.behind_us if record.state["ramp"] & 1 else None

    def behind_at(self, record: Record) -> int:
        """By how much a titration is behind in the state of a record; exactly, where it is the one last looked at."""
        is_it = -AHEAD_US < self.behind_us - told_us(record) < 1_000_000 + AHEAD_US
        return self.behind_us if is_it else told_us(record)

    @staticmethod
    def stood(record: Record) -> int | None:
        """Where a titration is that was held at a loss of power which no clock has told of yet; None: it went on.

        `record` is the first one after the last of them.
        """
        return titrated_us(record) if record.state["ramp"] & 1 or record.state["stood"] else None

    @contextmanager
    def without_power(self, outage_us: int, stood_us: int | None) -> Generator[None]:
        """As it was while there was no power for so long; a titration that was held then stood."""
        now, held_us = self.zero_us, self.held_us
        self.zero_us, self.held_us = now + outage_us, held_us if stood_us is None else stood_us
        yield
        self.zero_us, self.held_us = now, held_us

    def goes_on(self, record: Record) -> bool:
        """Whether the program's time at a record of the same boot is what it was to be: no program began since."""
        return abs(elapsed_us(record) - self.at(record.mono_us)) < AHEAD_US

    def at(self, mono_us: int) -> int:
        """The program's own time at an instant of the rig's clock."""
        return mono_us - self.zero_us

    def fall(self, from_us: int, until_us: int) -> tuple[int, int]:
        """The stretch in which turns are to be counted, each once."""
        if abs(self.fallen_us - from_us) < 1_000_000:
            from_us = self.fallen_us
        self.fallen_us = max(from_us, until_us)
        return from_us, self.fallen_us

    def is_unseen(self, record: Record | None) -> bool:
        """Whether at a record a turn is under way whose first step has not left: no record tells of it yet."""
        if record is None:
            return False
        state = record.state
        begun = record.event in EDGES or self.at(record.mono_us) > elapsed_us(record) - ROUNDED_US
        return begun and state["bolus_kind"] == PERIODIC and not state["bolus_done_steps"]


@dataclass
class Assumed:
    """Steps of boluses that a boot takes for given, because no record tells of them: done less counted."""

    _less: dict[str, int] = field(
        default_factory=dict[str, int]
    )  # the same, of one whose end is told in a moment
    _unstepped: set[str] = field(
        default_factory=set[str]
    )  # had none at the last record: its start is told in a moment
    _booting: bool = False

    def copy(self) -> Assumed:
        """As it is now."""
        return replace(self, _less=dict(self._less), _unstepped=set(self._unstepped))

    def boot(self, last: Record, first: Record) -> Iterator[tuple[str, int]]:
        """(kind, steps) of what goes on; `first` is the first record after a loss of power, `last` the one before."""
        self._less.clear()
        self._unstepped.clear()
        self._booting = True
        now, then = first.kind_steps(), last.kind_steps()
        for name, done, number in OVERLAYS:
            if not last.state[name]:
                continue
            what = spec.KINDS[(last.state[number] or SPREAD) - 1]
            if not last.state[done]:
                self._unstepped.add(what)
            if last.state[name] == first.state[name] and not _tells_its_end(first, what):
                yield what, first.state[done] - last.state[done] - (now[what] - then[what])
            else:
                self._less[what] = last.state[done] - then[what]

    def told(self, last: Record, record: Record, fields: dict[str, str | int]) -> int:
        """Steps that the start or the end of a bolus tells of and nothing has counted."""
        kind, done = str(fields.get("kind", "")), number_of(fields, "done_steps")
        now = record.kind_steps().get(kind, 0)
        if record.event == "bolus_end":
            return done - self._less.pop(kind) - now if kind in self._less else 0
        if not self._booting or kind in self._unstepped:
            self._unstepped.discard(kind)
            return 0
        return done - (now - last.kind_steps().get(kind, 0))  # it waited, and may have begun

    def booted(self) -> None:
        """All that the boot took for given is told."""
        self._booting = False


def _tells_its_end(record: Record, kind: str) -> bool:
    fields = fields_of(record.text) if record.event in EDGES else {}
    whole = number_of(fields, "done_steps") >= number_of(fields, "asked_steps")
    return fields.get("kind") == kind and (record.event == "bolus_end" or whole)
