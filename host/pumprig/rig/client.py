"""The rig's protocol as the host speaks it: greeting, reading, changing, staging.

Owns: numbers and repeats of requests, the greeting, what is known of a request after the link failed.
Rules: a changing command is sent under one number only, and repeated under that number; its outcome is done, not
done or unknown, and follows from the device's own last number, never from a guess; an intent is kept before the first
byte leaves.
Callers: the command line, pull.py, flash.py; one client at a time on a transport.
Units: as in pumpwire.spec; timeouts in seconds.
Leaves: bytes to link.py, limits to requests.py, keeping intents to store/, wording of refusals to refusals.py.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pumpwire import auth, codec, spec

from pumprig.errors import LinkError, PumpError, RefusedError
from pumprig.rig import keys, refusals, stopping
from pumprig.rig.answers import (
    Answer,
    Greeting,
    Intents,
    NoAnswer,
    NoIntents,
    Said,
    Staged,
    parts_of,
    staged_of,
)
from pumprig.rig.link import LinkBroken, Transport, Urgent
from pumprig.rig.patience import EXCHANGE_S, QUESTION_S, RETURN_S, Patience
from pumprig.rig.portshare import Desk
from pumprig.rig.requests import Value, line_of
from pumprig.shown import DEVICE_ID

ANSWER_S = 1.0  # beyond the longest stall of the device: a flash erase of 0.4 s and two ticks
ATTEMPTS = 4
GREETING_S = 0.6
RECONNECTS = 25
MOST_LINES = 10_000
RECONNECT_PAUSE_S = 0.2
FIRST_TAG = 1 << 32  # reading requests carry a tag above every number that a changing one can have
SILENCE = "nothing came back"
NOT_CONSUMED = ("form", "crc", "unknown", "sequence", "access", "locked", "storage")
SECRET = ("access",)  # verbs whose arguments are kept nowhere


def device_id_of(text: str) -> str:
    """The id in a greeting; files and rows are named by it. Raises ValueError for what is none."""
    if not DEVICE_ID.fullmatch(text):
        raise ValueError("no id of a rig")
    return text


class Client:
    """One conversation with one rig."""

    def __init__(self, transport: Transport, intents: Intents | None = None) -> None:
        self._transport = transport
        self._intents: Intents = intents or NoIntents()
        self._tag = FIRST_TAG + time.time_ns() // 1_000_000 % 1_000_000_000
        self._greeting: Greeting | None = None
        self._last_seq = -1  # -1: not known
        self._mark: Callable[[str], str] | None = None
        self._desk: Desk | None = None
        if isinstance(transport, Urgent):
            self._desk = Desk(transport.address, {"stop": lambda: stopping.stop_past(transport)})

    @property
    def address(self) -> str:
        return self._transport.address

    def close(self) -> None:
        """Give the port back."""
        if self._desk is not None:
            self._desk.close()
        self._transport.close()

    # --- greeting

    def greet(self) -> Greeting:
        """Learn who answers. Raises LinkError for a port that is no rig (within 3 s) or another protocol version."""
        if self._greeting is None:
            try:
                self._transport.send("")  # ends a half command that someone left behind
                self._greeting = self._hello()
            except NoAnswer as error:
                raise refusals.no_rig(self.address, str(error)) from None
            except LinkBroken as error:
                raise LinkError(f"The link to {self.address} failed: {error}.") from None
            self._last_seq = self._greeting.last_seq
        return self._greeting

    def _hello(self) -> Greeting:
        try:
            fields = self._read_rows("hello", {"digest": spec.digest()}, GREETING_S).fields
            greeting = Greeting(
                device_id_of(fields["device_id"]),
                fields["firmware"],
                int(fields["protocol"]),
                fields["digest"],
                int(fields["boot"]),
                int(fields["last_seq"]),
                int(fields["last_code"]),
            )
        except (KeyError, ValueError, Said):
            raise NoAnswer("it answered, but not as a pump rig of this kind does") from None
        if greeting.digest != spec.digest():
            raise refusals.other_protocol(greeting.firmware, greeting.protocol, greeting.digest)
        return greeting

    # --- reading

    def read(self, verb: str, values: dict[str, Value] | None = None) -> Answer:
        """A reading request, repeated where its answer was lost. Raises LinkError, RefusedError, UsageError."""
        greeting = self.greet()
        try:
            try:
                answer = self._read_rows(verb, values or {}, ANSWER_S)
            except LinkBroken:
                self._reconnect(greeting)
                answer = self._read_rows(verb, values or {}, ANSWER_S)
        except LinkBroken as error:
            raise LinkError(f"The link to {self.address} failed: {error}.") from None
        except NoAnswer as error:
            raise LinkError(
                f"{self.address} no longer answers: {error}.", "not done", "Check the cable."
            ) from None
        except Said as said:
            raise refusals.refused(verb, said.fields) from None
        if verb in ("status", "program"):
            self._intents.learn(greeting, verb, answer.rows)
        return answer

    def _read_rows(self, verb: str, values: dict[str, Value], timeout_s: float) -> Answer:
        heard = SILENCE
        question = Patience(QUESTION_S, QUESTION_S)
        for _ in range(ATTEMPTS):
            if not question.left_s():
                break
            self._tag += 1
            try:
                line = line_of(self._tag, verb, values)
                return self._exchange(self._tag, line, timeout_s, min(EXCHANGE_S, question.left_s()))
            except NoAnswer as error:
                heard = str(error)
        raise NoAnswer(heard)

    def _exchange(self, seq: int, line: str, timeout_s: float, most_s: float = EXCHANGE_S) -> Answer:
        """Send one line, collect its answer. Raises NoAnswer, Said, LinkBroken."""
        self._transport.send(line)
        rows: list[dict[str, str]] = []
        heard = SILENCE
        patience = Patience(timeout_s, most_s)
        for _ in range(MOST_LINES):  # a device that talks without end is not listened to without end
            got = self._transport.receive(patience.left_s())
            if got is None:
                break
            try:
                number, word, fields = codec.parse(got, "<")
            except codec.WireError:
                if got.startswith("<"):
                    raise NoAnswer("the answer was damaged on the way") from None
                if got.strip() and heard == SILENCE:
                    heard = "what came back is no answer of a pump rig: " + repr(got[:40])
                continue
            if number == 0 and word == "err":
                raise NoAnswer("the request was damaged on the way")
            if number != seq:
                continue
            patience.renew()
            heard = "its answer does not end"
            if word == "err":
                raise Said(fields)
            if fields:
                rows.append(fields)
            if word == "ok":
                return Answer(rows)
        raise NoAnswer(heard)

    # --- changing

    @contextmanager
    def session(self) -> Generator[None]:
        """A host session: typed lines may then only read and stop. Ends with the block, or by itself when idle."""
        self._open()
        try:
            yield
        finally:
            self._mark = None
            try:
                self._tag += 1
                self._exchange(self._tag, line_of(self._tag, "close", {}), ANSWER_S)
            except (LinkBroken, NoAnswer, Said):
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
            try:  # a key whose setting was begun may be the rig's or not: a harmless change tells
                self.change("discard")
                return
            except RefusedError as refused:
                if refused.name != "access" or i == len(held) - 1:
                    raise

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
        if key:
            session = auth.session_key(key, nonce, fields.get("nonce", ""))
            self._mark = lambda body: auth.mark(session, body)
        return fields.get("key") == "1"

    def change(self, verb: str, values: dict[str, Value] | None = None) -> Answer:
        """A changing request, exactly once. Raises RefusedError, UsageError, and LinkError with the outcome."""
        greeting = self.greet()
        if self._last_seq < 0:
            greeting = self._reconnect(greeting)
        seq = self._last_seq + 1
        line = line_of(seq, verb, values or {}, self._mark)
        told = verb if verb in SECRET else line
        intent = self._intents.begin(greeting.device_id, greeting.boot, seq, verb, told)
        self._last_seq = -1  # until the outcome is known
        try:
            answer = self._send_once(greeting, seq, verb, line)
        except Said as said:
            consumed = said.name not in NOT_CONSUMED
            self._last_seq = seq if consumed and said.name != "argument" else -1
            self._intents.settle(intent, "refused", int(said.fields.get("code", "0")))
            raise refusals.refused(verb, said.fields) from None
        except LinkError as error:
            self._intents.settle(intent, error.outcome, 0)
            raise
        self._last_seq = seq
        self._intents.settle(intent, "done", 0)
        return answer

    def _send_once(self, greeting: Greeting, seq: int, verb: str, line: str) -> Answer:
        """Repeat one numbered line until its outcome is known. Raises Said, LinkError."""
        cause = "no answer came"
        for _ in range(ATTEMPTS):
            try:
                return self._exchange(seq, line, ANSWER_S)
            except NoAnswer as error:
                cause = str(error)
            except LinkBroken as error:
                cause = str(error)
                now = self._after_break(greeting, verb, cause)
                if now.boot != greeting.boot:
                    return self._by_number(now, seq, verb, cause)
        now = self._after_break(greeting, verb, cause)
        return self._by_number(now, seq, verb, cause)

    def _after_break(self, greeting: Greeting, verb: str, cause: str) -> Greeting:
        try:
            return self._reconnect(greeting)
        except PumpError as error:
            raise LinkError(
                f"The link failed during `{verb}`: {cause}; then: {error.happened}",
                "unknown",
                "Reconnect and run `pumprig status`: the rig's own number settles it. The stop button always works.",
            ) from None

    def _by_number(self, now: Greeting, seq: int, verb: str, cause: str) -> Answer:
        """What the device's last accepted number says of ours."""
        self._last_seq = now.last_seq
        if now.last_seq == seq:
            if now.last_code:
                raise Said({"code": str(now.last_code), "name": spec.error_name(now.last_code)})
            return Answer([{"repeated": "1"}])
        if now.last_seq < seq:
            raise LinkError(f"The link failed during `{verb}`: {cause}.", "not done", "Send it again.")
        raise LinkError(
            f"The link failed during `{verb}`: {cause}; someone else has changed the rig since.",
            "unknown",
            "`pumprig log pull` and `pumprig log show` list every command that the rig accepted.",
        )

    def _reconnect(self, before: Greeting) -> Greeting:
        """Greet again, opening the port anew where it broke. Raises LinkError; never resets the device."""
        why = "it does not come back"
        patience = Patience(RETURN_S, RETURN_S)
        for turn in range(RECONNECTS):
            if not patience.left_s():
                break
            try:
                if turn:
                    self._transport.reopen()
                self._transport.send("")
                now = self._hello()
            except (LinkBroken, NoAnswer) as error:
                why = str(error)
                self._transport.pause(RECONNECT_PAUSE_S)
                continue
            if now.device_id != before.device_id:
                raise LinkError(f"Another rig ({now.device_id}) now answers at {self.address}.", "unknown")
            self._greeting = now
            self._last_seq = now.last_seq
            return now
        raise LinkError(f"{self.address} cannot be reached again: {why}.", "unknown")

    def stop(self) -> Answer:
        """Stop the pump: needs no greeting, no session and no number. Raises LinkError if nothing confirms it."""
        return stopping.stop(self._transport)

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
