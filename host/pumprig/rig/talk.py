"""Asking a rig: greeting, reading, stopping, and coming back after the link broke.

Owns: tags and repeats of reading requests, the greeting, opening the link anew.
Rules: a reading request is repeated where its answer was lost; a stop needs no greeting, no session and no number;
reconnecting never resets the device.
Units: as in pumpwire.spec; timeouts in seconds.
Leaves: changing to client.py, bytes to link.py, wording of refusals to refusals.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pumpwire import codec, spec

from pumprig.errors import LinkError, OtherRigError
from pumprig.rig import refusals, stopping
from pumprig.rig.answers import Answer, Greeting, Intents, NoAnswer, NoIntents, SaidNo
from pumprig.rig.link import LinkBroken, Transport, Urgent
from pumprig.rig.patience import EXCHANGE_S, QUESTION_S, RETURN_S, Patience
from pumprig.rig.portshare import Desk
from pumprig.rig.requests import Value, line_of
from pumprig.rig.understood import Fields, understood
from pumprig.shown import DEVICE_ID

ANSWER_S = 1.0  # beyond the longest stall of the device: a flash erase of 0.4 s and two ticks
ATTEMPTS = 4
GREETING_S = 0.6
RECONNECTS = 25
MOST_LINES = 10_000
RECONNECT_PAUSE_S = 0.2
FIRST_TAG = 1 << 32  # reading requests carry a tag above every number that a changing one can have
SILENCE = "nothing came back"


def device_id_of(text: str) -> str:
    """The id in a greeting; files and rows are named by it. Raises ValueError for what is none."""
    if not DEVICE_ID.fullmatch(text):
        raise ValueError("no id of a rig")
    return text


class Talk:
    """One conversation with one rig, as far as it changes nothing."""

    def __init__(self, transport: Transport, intents: Intents | None = None) -> None:
        self._transport = transport
        self._intents: Intents = intents or NoIntents()
        self._tag = FIRST_TAG + time.time_ns() // 1_000_000 % 1_000_000_000
        self._greeting: Greeting | None = None
        self._last_seq = -1  # -1: not known
        self._mark: Callable[[str], str] | None = None  # of a session, over each of its lines
        self._desk: Desk | None = None
        self._other = ""  # the rig that has come in the place of the one that was greeted
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

    def _other_rig(self, outcome: str) -> LinkError:
        return OtherRigError(
            f"Another rig ({self._other}) now answers at {self.address}.", outcome, "Connect anew to use it."
        )

    def greet(self) -> Greeting:
        """Learn who answers. Raises LinkError for a port that is no rig (within 3 s) or another protocol version.

        Once another rig has answered in the place of the one that was greeted, nothing but a stop is sent any more.
        """
        if self._other:
            raise self._other_rig("not done")
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

    def greet_again(self) -> Greeting:
        """Learn what has happened since the greeting. Raises LinkError."""
        return self._reconnect(self.greet())

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
                int(fields.get("last_crc", 0)),
            )
        except (LinkError, ValueError, SaidNo):
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
        except SaidNo as said:
            raise refusals.refused(verb, said.fields) from None
        if verb in ("status", "program"):
            self._intents.learn(greeting, verb, answer.rows)
        return answer

    def _read_rows(self, verb: str, values: dict[str, Value], timeout_s: float) -> Answer:
        heard = SILENCE
        question = Patience(QUESTION_S, QUESTION_S)
        row = spec.command(verb)
        mark = None if row is None or spec.may(row, "none") else self._mark
        for _ in range(ATTEMPTS):
            if not question.left_s():
                break
            self._tag += 1
            try:
                line = line_of(self._tag, verb, values, mark)
                answer = self._exchange(self._tag, verb, line, timeout_s, min(EXCHANGE_S, question.left_s()))
                return Answer(answer.rows, verb=verb)
            except NoAnswer as error:
                heard = str(error)
        raise NoAnswer(heard)

    def _exchange(
        self, seq: int, verb: str, line: str, timeout_s: float, most_s: float = EXCHANGE_S
    ) -> Answer:
        """Send one line of a verb, collect its answer. Raises NoAnswer, SaidNo, LinkBroken."""
        self._transport.send(line)
        rows: list[Fields] = []
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
                raise SaidNo(understood(fields, ""))
            if fields:
                rows.append(understood(fields, verb))
            if word == "ok":
                return Answer(rows)
        raise NoAnswer(heard)

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
                self._other = now.device_id
                raise self._other_rig("unknown")
            self._greeting = now
            self._last_seq = now.last_seq
            return now
        raise LinkError(f"{self.address} cannot be reached again: {why}.", "unknown")

    def silence(self) -> Answer:
        """Silence the tone: needs as little as a stop. Raises LinkError if nothing confirms it."""
        return stopping.silence(self._transport)

    def stop(self) -> Answer:
        """Stop the pump: needs no greeting, no session and no number. Raises LinkError if nothing confirms it."""
        return stopping.stop(self._transport)
