"""A small host in the same process: speaks to the firmware over the real link, with real machine lines.

Owns: numbering, the session, waiting for answers in virtual time.
Rules: nothing reaches the firmware but bytes on its port; a refusal is an exception that names it; commands
wait in order; one to a rig without power is lost, and told with the refusals.
Units: virtual microseconds.
Leaves: the protocol to pumpwire, retries over a bad line to pumprig.client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pumpwire import codec, spec

from rigsim.driver import SimRig

ANSWER_LIMIT_US = 20_000_000
NO_POWER = "no_power"  # why nothing was heard: what stands among the refusals beside the errors' names
PART_CHARACTERS = 240  # of a staged document in a line; escaping may double or triple some of it

Fields = dict[str, str]


class Refused(Exception):
    """The firmware answered `err`; `name` is the error's, `fields` all that it said."""

    def __init__(self, verb: str, fields: Fields) -> None:
        self.verb = verb
        self.fields = fields
        self.name = fields.get("name", "")
        super().__init__(f"{verb}: {' '.join(f'{key}={value}' for key, value in fields.items())}")


class NoAnswer(Exception):
    """No answer came in time."""


@dataclass
class Exchange:
    """One request under way and what has come of it."""

    verb: str
    fields: tuple[tuple[str, str | int | None], ...]
    done: Done | None = None
    seq: int = 0
    rows: list[Fields] = field(default_factory=list)
    answer: Fields | None = None
    refusal: Refused | None = None
    unsent: bytes = b""
    renumbered: bool = False

    @property
    def settled(self) -> bool:
        """Whether the last line of the answer has come."""
        return self.answer is not None or self.refusal is not None


Done = Callable[[Exchange], None]


class Wire:
    """The host's end. `start` queues a request, `call` waits for its answer; `pump` is to run after every tick."""

    def __init__(self, rig: SimRig, shared: bool = False) -> None:
        self.rig = rig
        self.shared = shared  # with a host outside, whose lines are not ours to take
        self.last_seq: int | None = None
        self._queue: deque[Exchange] = deque()
        self._tag = 0
        self.other_lines: list[bytes] = []
        self.refusals: list[tuple[int, Refused]] = []  # of queued commands, with their cycle
        rig.after_tick = self.pump

    def start(self, exchange: Exchange) -> Exchange:
        """Queue a request; it goes out when those before it are settled."""
        self._queue.append(exchange)
        self.rig.port.tapped = True
        if len(self._queue) == 1:
            self._send()
        return exchange

    def call(self, verb: str, *fields: tuple[str, str | int | None]) -> Exchange:
        """Send and run the rig until the answer is there. Raises Refused or NoAnswer."""
        exchange = self.start(Exchange(verb, fields))
        deadline = self.rig.chip.now + ANSWER_LIMIT_US * 125
        while not exchange.settled:
            if not self.rig.powered or self.rig.chip.now >= deadline:
                self.reset()
                raise NoAnswer(f"{verb}: no answer within {ANSWER_LIMIT_US // 1_000_000} s")
            upcoming = self.rig.next_cycle()
            self.rig.run_until(deadline if upcoming is None else min(upcoming, deadline))
        if exchange.refusal is not None:
            raise exchange.refusal
        return exchange

    def greet(self) -> Fields:
        """`hello`: learn the last accepted number."""
        answer = self.call("hello", ("digest", spec.digest())).answer
        assert answer is not None
        self.last_seq = int(answer["last_seq"])
        return answer

    def command(self, verb: str, *fields: tuple[str, str | int | None], done: Done | None = None) -> None:
        """Queue a changing command in a session of its own: greet if need be, open, the command, close."""
        if self._is_unheard(verb):
            return
        self.start(Exchange("hello", (("digest", spec.digest()),), self._learn))
        self.start(Exchange("open", ()))
        self.start(Exchange(verb, fields, done))
        self.start(Exchange("close", ()))

    def load(self, text: str) -> None:
        """Queue the staging of a document and its commit by the hash that comes back."""
        if self._is_unheard("stage"):
            return
        self.start(Exchange("hello", (("digest", spec.digest()),), self._learn))
        self.start(Exchange("open", ()))
        parts = stage_parts(text)
        for fields in parts[:-1]:
            self.start(Exchange("stage", fields))
        self.start(Exchange("stage", parts[-1], self._commit))

    def rate(self, nl_per_day: int) -> None:
        """Queue the staging of a constant base flow and its commit: all else of the active program stays."""
        if self._is_unheard("rate"):
            return
        self.start(Exchange("hello", (("digest", spec.digest()),), self._learn))
        self.start(Exchange("open", ()))
        self.start(Exchange("rate", (("rate_nl_per_day", nl_per_day),), self._commit))

    def _is_unheard(self, verb: str) -> bool:
        """Whether the rig has no power: nobody answers, so that nothing may wait for it."""
        if not self.rig.powered:
            self.refusals.append((self.rig.chip.now, Refused(verb, {"name": NO_POWER})))
        return not self.rig.powered

    def _commit(self, staged: Exchange) -> None:
        """Ahead of what waits: the next command's `close` would end the session, its staging replace this one's."""
        self._queue.appendleft(Exchange("close", ()))
        if staged.answer is not None:
            self._queue.appendleft(Exchange("commit", (("hash", staged.answer["hash"]), ("override", 1))))

    def _learn(self, greeting: Exchange) -> None:
        if greeting.answer is not None:
            self.last_seq = int(greeting.answer["last_seq"])

    def status(self) -> dict[str, str]:
        """All rows of `status` as one dictionary."""
        exchange = self.call("status")
        merged: dict[str, str] = {}
        for row in [*exchange.rows, exchange.answer or {}]:
            merged.update(row)
        return merged

    def reset(self) -> None:
        """Forget everything under way, as after a power cut of the rig or a pulled cable."""
        self._queue.clear()
        self.last_seq = None

    # --- lines

    def _send(self) -> None:
        exchange = self._queue[0]
        row = spec.command(exchange.verb)
        if row is None:
            raise ValueError(f"no command {exchange.verb}")
        if row[3]:
            if self.last_seq is None:
                raise ValueError("greet() first: the number of the next command is not known")
            exchange.seq = self.last_seq + 1
        else:
            self._tag += 1
            exchange.seq = self._tag
        exchange.unsent = codec.request(exchange.seq, exchange.verb, exchange.fields).encode() + b"\n"
        self._push()

    def _push(self) -> None:
        if self._queue and self._queue[0].unsent:
            exchange = self._queue[0]
            exchange.unsent = exchange.unsent[self.rig.port.push(exchange.unsent) :]

    @property
    def busy(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self._queue)

    def pump(self) -> None:
        """Take what the firmware sent and send what waits."""
        port = self.rig.port
        if not (self._queue or port.tapped or port.waiting_output):
            return
        if port.waiting_output and (self._queue or not self.shared):
            *lines, rest = port.pull().split(b"\n")
            self.rig.wake()  # there is room again
            foreign = b""
            for line in lines:
                if not self._take(line.rstrip(b"\r")):
                    foreign += line + b"\n"
            if self.shared:
                port.put_back(foreign + rest)
            else:
                port.put_back(rest)
        self._push()
        port.tapped = bool(self._queue)

    def _take(self, line: bytes) -> bool:
        """Use a line if it answers what is under way; False for any other."""
        try:
            seq, word, fields = codec.parse(line.decode(), "<")
        except (codec.WireError, UnicodeDecodeError):
            self.other_lines = [*self.other_lines[-99:], line]
            return False
        if not self._queue or seq != self._queue[0].seq:
            return False
        exchange = self._queue[0]
        if word == "more":
            exchange.rows.append(fields)
            return True
        if word == "ok":
            exchange.answer = fields
        elif fields.get("name") == "sequence" and "last_seq" in fields and not exchange.renumbered:
            self.last_seq = int(fields["last_seq"])  # another host has been here
            exchange.renumbered = True
            self._send()
            return True
        else:
            exchange.refusal = Refused(exchange.verb, fields)
        self._settle(exchange)
        return True

    def _settle(self, exchange: Exchange) -> None:
        row = spec.command(exchange.verb)
        consumed = exchange.refusal is None or exchange.refusal.name not in spec.NUMBER_FREE
        if row is not None and row[3] and consumed:
            self.last_seq = exchange.seq
        self._queue.popleft()
        if exchange.done is not None:
            exchange.done(exchange)
        if exchange.refusal is not None:
            self.refusals.append((self.rig.chip.now, exchange.refusal))
        if self._queue and not self._queue[0].unsent:
            self._send()


def stage_parts(text: str) -> list[tuple[tuple[str, str | int | None], ...]]:
    """The fields of the `stage` commands that carry a document's text."""
    pieces = [text[at : at + PART_CHARACTERS] for at in range(0, len(text), PART_CHARACTERS)]
    return [(("part", k + 1), ("parts", len(pieces)), ("text", piece)) for k, piece in enumerate(pieces)]
