"""The rig's protocol as the host speaks it: sessions, changing, staging.

Owns: sessions, numbers of changing requests, what is known of a request after the link failed.
Rules: a changing command is sent under one number only, and repeated under that number; its outcome is done, not
done or unknown, and follows from the device's own last number, never from a guess; an intent is kept before the first
byte leaves.
Units: as in pumpwire.spec; timeouts in seconds.
Leaves: greeting, reading and stopping to talk.py, limits to requests.py, keeping intents to store/.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pumpwire import auth, codec, spec

from pumprig.errors import LinkError, PumpError, RefusedError
from pumprig.rig import keys, outcome, refusals
from pumprig.rig.answers import (
    Answer,
    Greeting,
    Intents,
    NoAnswer,
    SaidNo,
    Staged,
    parts_of,
    staged_of,
)
from pumprig.rig.link import LinkBroken, Transport
from pumprig.rig.requests import Value, line_of
from pumprig.rig.talk import ANSWER_S, ATTEMPTS, Talk

DISPLACED_TIMES = 5  # that a request goes out anew after other users of a shared link
STAGING = ("stage", "rate", "discard", "clock")  # they change nothing that a person would miss
SENT = 16  # commands that are remembered
SECRET = ("access",)  # verbs whose arguments are kept nowhere


class Client(Talk):
    """One conversation with one rig."""

    def __init__(self, transport: Transport, intents: Intents | None = None) -> None:
        super().__init__(transport, intents)
        self._before: Callable[[], None] | None = None
        self.sent: deque[tuple[int, str, str]] = deque(maxlen=SENT)  # (its turn here, verb, outcome)

    @property
    def accepted_seq(self) -> int:
        """The number of the last command that the rig took from here; -1: not known."""
        return self._last_seq

    # --- changing

    @contextmanager
    def session(self) -> Generator[None]:
        """A host session: typed lines may then only read and stop. Ends with the block, or by itself when idle."""
        self._open()
        try:
            yield
        finally:
            self._mark = self._before = None
            try:
                self._tag += 1
                self._exchange(self._tag, "close", line_of(self._tag, "close", {}), ANSWER_S)
            except (LinkBroken, NoAnswer, SaidNo):
                pass  # the device ends an idle session itself; what was done is already known

    def _open(self) -> None:
        """Open a session, and prove with each line that this computer holds the rig's key, where it has one."""
        if not self._open_with(b""):
            return
        device = self.greet().device_id
        held = keys.of(device)
        if not held:
            raise refusals.no_key(device)
        for i, key in enumerate(held):
            self._open_with(key)
            if len(held) == 1:
                return
            try:  # a key whose setting was begun may be the rig's or not
                self.prove()
                return
            except RefusedError as refused:
                if refused.name != "access" or i == len(held) - 1:
                    raise

    def prove(self) -> None:
        """In a session: show that the rig takes changes from here. Nothing changes by it. Raises RefusedError."""
        self.read("prove")

    def before_first_change(self, action: Callable[[], None]) -> None:
        """Have something done before the first change of this session that is more than staging."""
        self._before = action

    def asks_for_key(self) -> bool:
        """Whether the rig takes changes only from holders of its key. Raises LinkError, RefusedError."""
        asks = self._open_with(b"")
        self.read("close")
        return asks

    def _open_with(self, key: bytes) -> bool:
        """Begin a session under a key; returns whether the rig asks for one."""
        nonce = secrets.token_hex(16)
        fields = self.read("open", {"nonce": nonce}).fields
        self._mark = None
        if fields.get("next_seq", "").isdigit():
            self._last_seq = int(fields["next_seq"]) - 1  # another host may have been here since the greeting
        session = auth.session_key(
            key, nonce, fields.get("nonce", "")
        )  # without a key no proof, but ours alone:
        self._mark = lambda body: auth.mark(
            session, body
        )  # two hosts' equal lines differ, so neither repeats the other
        return fields.get("key") == "1"

    def change(self, verb: str, values: dict[str, Value] | None = None) -> Answer:
        """A changing request, exactly once. Raises RefusedError, UsageError, and LinkError with the outcome.

        On a shared link another user's session may have ended ours, or taken the number: then nothing was done, and the
        request goes out again in a new session, under a new number.
        """
        if self._before is not None and verb not in STAGING:
            before, self._before = self._before, None
            before()
        for _ in range(DISPLACED_TIMES):
            in_session = self._mark is not None
            try:
                return self._change_once(verb, values or {})
            except RefusedError as refused:
                if not self._is_displaced(refused, in_session):
                    raise
                if in_session:
                    self._open()
                else:
                    self._reconnect(self.greet())
        return self._change_once(verb, values or {})

    def _is_displaced(self, refused: RefusedError, in_session: bool) -> bool:
        """Whether another user of a shared link came in between; a wrong mark is no such thing."""
        if not getattr(self._transport, "shared", False):
            return False
        why = str(refused.numbers.get("why", ""))
        return refused.name == "sequence" or (refused.name == "access" and in_session and "mark" not in why)

    def _change_once(self, verb: str, values: dict[str, Value]) -> Answer:
        greeting = self.greet()
        if self._last_seq < 0:
            greeting = self._reconnect(greeting)
        seq = self._last_seq + 1
        line = line_of(seq, verb, values, self._mark)
        told = f"{verb} crc={codec.name_of(line)}" if verb in SECRET else line
        intent = self._intents.begin(greeting.device_id, greeting.boot, seq, verb, told)
        self._last_seq = -1  # until the outcome is known
        turn = self.sent[-1][0] + 1 if self.sent else 1
        self.sent.append((turn, verb, "unknown"))
        try:
            answer = self._send_once(greeting, seq, verb, line)
        except SaidNo as said:
            self.sent[-1] = (turn, verb, "refused")
            self._last_seq = -1 if said.name in spec.NUMBER_FREE else seq
            self._intents.settle(intent, "refused", int(said.fields.get("code", "0")))
            raise refusals.refused(verb, said.fields) from None
        except LinkError as error:
            self.sent[-1] = (turn, verb, error.outcome)
            self._intents.settle(intent, error.outcome, 0)
            raise
        self._last_seq = seq
        self.sent[-1] = (turn, verb, "done")
        self._intents.settle(intent, "done", 0)
        return Answer(answer.rows, "done")

    def _send_once(self, greeting: Greeting, seq: int, verb: str, line: str) -> Answer:
        """Repeat one numbered line until its outcome is known. Raises SaidNo, LinkError."""
        cause = "no answer came"
        for turn in range(ATTEMPTS):
            try:
                return self._exchange(seq, verb, line, ANSWER_S)
            except NoAnswer as error:
                cause = str(error)
            except SaidNo as said:
                if turn and said.name == "sequence":  # ours may have been taken before somebody else's
                    raise self._overtaken(said, seq, verb, cause) from None
                raise
            except LinkBroken as error:
                cause = str(error)
                now = self._after_break(greeting, verb, cause)
                if not error.sent:
                    raise LinkError(
                        f"The link failed before `{verb}` was sent: {cause}.", "not done", outcome.AGAIN
                    ) from None
                if now.boot != greeting.boot:
                    return self._by_number(now, seq, verb, line, cause)
        now = self._after_break(greeting, verb, cause)
        return self._by_number(now, seq, verb, line, cause)

    def _overtaken(self, said: SaidNo, seq: int, verb: str, cause: str) -> Exception:
        """A repeated line whose number is no longer the next: the rig's last number is ours by now only if another
        host's command has it, as the rig would have repeated the answer to our own.
        """
        last = said.fields.get("last_seq", "")
        if last.isdigit() and int(last) <= seq:
            return said
        return outcome.overtaken(verb, cause)

    def _after_break(self, greeting: Greeting, verb: str, cause: str) -> Greeting:
        try:
            return self._reconnect(greeting)
        except PumpError as error:
            raise LinkError(
                f"The link failed during `{verb}`: {cause}; then: {error.happened}",
                "unknown",
                "Reconnect and run `pumprig log pull`: the rig's log settles it. The stop button always works.",
            ) from None

    def _by_number(self, now: Greeting, seq: int, verb: str, line: str, cause: str) -> Answer:
        self._last_seq = now.last_seq
        return outcome.by_number(now, seq, verb, codec.name_of(line), cause)

    # --- documents

    def stage(self, text: str) -> Staged:
        """Stage a document's canonical text in parts; returns what the device read back. Raises as `change`."""
        parts = list(parts_of(text))
        self._intents.learn(self.greet(), "stage", [{"text": text}])
        answer = Answer()
        for i, part in enumerate(parts):
            answer = self.change("stage", {"part": i + 1, "parts": len(parts), "text": part})
        return staged_of(answer)

    def commit(self, digest: str, override: bool, at_utc_s: int = 0) -> Answer:
        """Make exactly what has this hash active, now or at a time."""
        values: dict[str, Value] = {"hash": digest, "override": 1 if override else 0}
        return self.change("commit", {**values, "at_utc_s": at_utc_s} if at_utc_s else values)
