"""One rig's port, shared: whose request is on the line, who waits, who hears the answer.

Owns: the order of requests, the turn to change something, the stop, what each user hears of the port's state.
Rules: one request is on the line at a time, and the next one follows in the order of arrival; a stop is written at
once, whatever is on the line, and confirmed next; a reading that was asked for before its request was written is
answered by one request for all who asked; a change waits for its user's turn; a numbered request is announced to its
user before it is written, and never changed; after a new opening each user has to greet again. Nothing here blocks: a
user that does not listen is the server's business.
Units: seconds of the loop's clock.
Leaves: bytes to portio.py, turns to turn.py, connections to server.py, the protocol's meaning to both ends.
"""

from __future__ import annotations

import asyncio
from collections import deque

from pumpwire import codec, spec

from pumprig.errors import LinkError
from pumprig.hub import turn
from pumprig.hub.exchange import Caller, Exchange, Openings, User, fewer_rows, parts_of
from pumprig.hub.portio import PortIO
from pumprig.hub.turn import Turn
from pumprig.rig.link import SerialLink
from pumprig.rig.portshare import Desk

ANSWER_S = 1.0  # as the client's own limit: beyond the longest stall of the device
GREETING_S = 0.6
LOOK_S = 0.1
WAIT_S = 0.25  # between two signs of life for those who wait
FIRST_TAG = 1 << 40  # beyond every tag that a client makes by itself
MOST_WAITING = 8  # requests of one user
SHARED = ("status", "alarms", "hello", "program")  # readings that all who wait may share
STOP = codec.request(0, "stop")
SUPERSEDED = (("code", spec.ERRORS["access"]), ("name", "access"), ("why", "another user came in between"))


class RigLine:
    """One port of the hub."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port: PortIO | None = None
        self._beside: Desk | None = None  # where programs that do not find the hub ask for a stop
        self.trouble = "it was not opened yet"
        self.users = 0
        self.lent = False  # another program has the port for a while
        self.answers = False  # a rig has spoken there
        self.counts = {"requests": 0, "answered together": 0, "stops": 0}
        self._loop = asyncio.get_running_loop()
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._stops: list[User] = []
        self._tag = FIRST_TAG
        self._turn = Turn()
        self._openings = Openings()
        self._pulse: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Open the port where it is not open. Raises LinkError; never resets the device."""
        async with self._opening:
            if self.port is not None:
                return
            try:
                link = await asyncio.to_thread(self._opened)
            except LinkError as error:
                self.trouble = error.happened
                raise
            if self.lent:
                link.close()
                return
            self.port = PortIO(link, self._heard, self._broke)
            self._openings.times += 1
            self._beside = Desk(self.address, {"stop": self.stop_from_elsewhere})
            self.trouble = ""
            self.port.write("")  # ends a half command that someone left behind

    def _opened(self) -> SerialLink:
        if self.lent:
            raise LinkError(
                f"{self.address} is lent to another program: firmware is being installed.",
                "not done",
                "Wait for its end.",
            )
        return SerialLink(self.address)

    def lend(self) -> None:
        """Let go of the port for another program."""
        self.lent = True
        self.close("it is lent to another program")

    def close(self, why: str = "the hub ends") -> None:
        """Give the port back."""
        port, self.port = self.port, None
        if port is not None:
            port.close()
            self._broke(why)

    def _broke(self, why: str) -> None:
        self.port = None
        self.trouble = why
        beside, self._beside = self._beside, None
        if beside is not None:
            beside.close()
        self._turn.end()
        current, self._current = self._current, None
        concerned = [] if current is None else [user for user, _number in current.users]
        concerned += [user for exchange in self._waiting for user, _number in exchange.users]
        concerned += self._stops
        self._waiting.clear()
        self._stops = []
        for user in dict.fromkeys(concerned):
            user.tell(f"!broken {why}")

    # --- what users want

    def ask(self, user: User, line: str) -> None:
        """One line of a user."""
        if line == "!reopen":
            self._tasks.add(task := asyncio.ensure_future(self._reopen(user)))
            task.add_done_callback(self._tasks.discard)
            return
        try:
            body = codec.unseal(line)
            number, verb, rest = parts_of(body)
        except (codec.WireError, ValueError):
            return user.tell("!none the request was damaged on the way to the hub")
        if self.port is None:
            return user.tell(f"!broken {self.trouble}")
        if number == "0" and verb == "stop":
            self._stop(user)
            return
        if self._openings.are_news_to(user):
            return user.tell("!broken the port was opened anew: another rig may be there")
        if verb == "close" and self._turn.is_others(user):
            user.tell(codec.answer(int(number), "ok"))  # another user's session is open by now
            return
        row = spec.command(verb)
        changes = row is not None and bool(row[3])
        whole = line if changes else rest
        self._enqueue(user, Exchange(verb, whole, [(user, number)], changes or verb in turn.VERBS))

    async def _reopen(self, user: User) -> None:
        try:
            await self.open()
            self._openings.told(user)
        except LinkError as error:
            return user.tell(f"!broken {error.happened}")
        user.tell("!open")

    def _enqueue(self, user: User, wanted: Exchange) -> None:
        mine = [exchange for exchange in self._waiting if exchange.users and exchange.users[0][0] is user]
        current = self._current
        for exchange in mine if current is None else [current, *mine]:
            if exchange.body == wanted.body and wanted.users[0] in exchange.users:
                return  # asked again by one who could not wait
        if len(mine) >= MOST_WAITING:
            user.tell("!none too many requests at once")
            return
        if wanted.verb in SHARED:
            for exchange in self._waiting:
                if exchange.verb == wanted.verb and exchange.body == wanted.body:
                    exchange.users += wanted.users
                    self.counts["answered together"] += 1
                    return
        self._waiting.append(wanted)
        self._next()
        self._keep_alive()

    def leave(self, user: User) -> None:
        """A user has gone: what it waited for is given up; its session on the rig ends."""
        for exchange in list(self._waiting):
            exchange.users = [row for row in exchange.users if row[0] is not user]
            if not exchange.users:
                self._waiting.remove(exchange)
        if self._current is not None:
            self._current.users = [row for row in self._current.users if row[0] is not user]
        self._stops = [other for other in self._stops if other is not user]
        if self._turn.leave(user):
            self._waiting.appendleft(Exchange("close", "close", [], True))
        self._next()

    def _stop(self, user: User) -> None:
        """Write it at once: the rig acts on it whatever is on the line; its answer may have no room, so ask again."""
        if self.port is None:
            user.tell(f"!broken {self.trouble}")
            return
        self.counts["stops"] += 1
        self._stops.append(user)
        self.port.write("")
        self.port.write(STOP)
        if self._current is None:
            self._await_stop()
        self._keep_alive()

    def stop_from_elsewhere(self) -> dict[str, str]:
        """A stop of a program that knows the port and not the hub; in a thread of its own. Raises LinkError."""
        caller = Caller()
        self._loop.call_soon_threadsafe(self._stop, caller)
        return caller.confirmed()

    def _await_stop(self) -> None:
        self._begin(Exchange("stop", STOP, [], False, "0"))

    # --- the line

    def _next(self) -> None:
        """Put the next request on the line, if it is free."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self._current is not None or self.port is None:
            return
        if self._stops:
            self.port.write(STOP)
            self._await_stop()
            return
        now_s = self._loop.time()
        for exchange in list(self._waiting):
            if exchange.changes and not self._turn.take(exchange, now_s):
                continue
            self._waiting.remove(exchange)
            if self._turn.is_superseded(exchange):
                user, number = exchange.users[0]
                user.tell(codec.answer(int(number), "err", SUPERSEDED))
                continue
            self._write(exchange, now_s)
            return
        if self._waiting:  # all of them wait for the turn
            self._look = self._loop.call_later(max(0.01, self._turn.until_s() - now_s), self._next)

    def _write(self, exchange: Exchange, now_s: float) -> None:
        assert self.port is not None
        self.counts["requests"] += 1
        if exchange.changes and exchange.verb not in turn.VERBS:
            user, exchange.number = exchange.users[0]
            self._turn.note_written(user, exchange.body)
            user.tell(f"!going {exchange.number}")
            user.flush()
            self.port.write(exchange.body)
        else:
            body = exchange.body
            exchange.number = exchange.users[0][1] if len(exchange.users) == 1 else self._next_tag()
            if exchange.verb == "log" and self.users > 1:
                body = fewer_rows(body)
            self.port.write(codec.seal(f">{exchange.number} {body}"))
        self._begin(exchange)

    def _next_tag(self) -> str:
        self._tag += 1
        return str(self._tag)

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        self._wait(exchange)

    def _wait(self, exchange: Exchange) -> None:
        limit_s = GREETING_S if exchange.verb == "hello" else ANSWER_S
        exchange.until_s = self._loop.time() + limit_s
        if self._watch is None:
            self._watch = self._loop.call_later(LOOK_S, self._watch_on)

    def _watch_on(self) -> None:
        """One timer for all requests: each line of an answer only moves its end."""
        self._watch = None
        current = self._current
        if current is not None and self._loop.time() >= current.until_s:
            self._fail("no answer came")
        elif current is not None:
            self._watch = self._loop.call_later(LOOK_S, self._watch_on)

    def _heard(self, line: str) -> None:
        """A line from the port."""
        current = self._current
        if not line.startswith("<"):
            if current is not None and line.strip():
                for user, _number in current.users:
                    user.tell(line)
            return
        try:
            body = codec.unseal(line)
            number, word, rest = parts_of(body)
        except (codec.WireError, ValueError):
            self._fail("the answer was damaged on the way")
            return
        self.answers = True
        if number == "0":
            self._heard_unnumbered(word, line)
            return
        if current is None or number != current.number:
            return  # of a request that was given up
        for user, asked in current.users:
            user.tell(line if asked == number else codec.seal(f"<{asked} {rest}"))
        if word == "more":
            self._wait(current)
            return
        self._finish(current)

    def _heard_unnumbered(self, word: str, line: str) -> None:
        current = self._current
        if word == "ok" and self._stops:
            stopped, self._stops = self._stops, []
            for user in stopped:
                user.tell(line)
            if current is not None and current.verb == "stop":
                self._finish(current)
        elif current is not None and current.number == "0" and current.users:
            for user, _number in current.users:
                user.tell(line)
            self._finish(current)
        elif word == "err":
            self._fail("the request was damaged on the way")

    def _finish(self, current: Exchange) -> None:
        self._current = None
        self._turn.note_answered(current, self._loop.time())
        self._next()

    def _fail(self, why: str) -> None:
        """The request on the line got no answer, or none that can be believed: who asked may ask again."""
        current = self._current
        if current is None:
            return
        if current.verb == "stop":
            concerned, self._stops = self._stops, []
        else:
            concerned = [user for user, _number in current.users]
        for user in concerned:
            user.tell(f"!none {why}")
        self._finish(current)

    def _keep_alive(self) -> None:
        if self._pulse is None:
            self._pulse = self._loop.call_later(WAIT_S, self._tell_alive)

    def _tell_alive(self) -> None:
        self._pulse = None
        waiting = [user for exchange in self._waiting for user, _number in exchange.users]
        if self._current is not None:
            waiting += [user for user, _number in self._current.users]
        waiting += self._stops
        for user in dict.fromkeys(waiting):
            user.tell("!wait")
        if waiting:
            self._keep_alive()
