"""Whose turn it is to change something on a rig, and whose session is open there.

Owns: the turn, the session, and what each user has had on the line.
Rules: who changes something has the turn from its `open` to its `close`; unused for a moment, it passes on to who
waits; a change in a session that was superseded never reaches the rig, where under a key it would count as a wrong
one, but for a line that was on the wire before: what became of that the rig knows.
Units: seconds of the loop's clock.
Leaves: the order of requests to line.py.
"""

from __future__ import annotations

from pumpwire import spec

from pumprig.hub.exchange import Exchange, User

IDLE_S = 0.3  # an unused turn passes on when somebody else waits
VERBS = ("open", "close")  # readings by the table, that begin and end a turn


class Turn:
    """The turn on one line."""

    def __init__(self) -> None:
        self.user: User | None = None
        self._used_s = 0.0
        self._session: User | None = None  # whose `open` the rig has answered last
        self._written: dict[User, str] = {}  # each one's last numbered request that was on the line

    def is_others(self, user: User) -> bool:
        """Whether somebody else has it."""
        return self.user is not None and self.user is not user

    def until_s(self) -> float:
        """When it passes on, unused."""
        return self._used_s + IDLE_S

    def take(self, exchange: Exchange, now_s: float) -> bool:
        """Give it to the one who asks, if it is free; whether it was."""
        if not exchange.users:
            return self.user is None  # to end the session of one who left
        user = exchange.users[0][0]
        if self.is_others(user) and now_s < self.until_s():
            return False
        self.user, self._used_s = user, now_s
        return True

    def is_superseded(self, exchange: Exchange) -> bool:
        """Whether it is a change in a session that is no longer its user's."""
        row = spec.command(exchange.verb)
        if row is None or row[2] != "session" or not exchange.users:
            return False
        user = exchange.users[0][0]
        return user is not self._session and self._written.get(user) != exchange.body

    def note_written(self, user: User, line: str) -> None:
        """A numbered request goes onto the line."""
        self._written[user] = line

    def note_answered(self, exchange: Exchange, now_s: float) -> None:
        """A request of the turn was answered, or given up."""
        if not (exchange.changes and exchange.users and exchange.users[0][0] is self.user):
            return
        self._used_s = now_s
        if exchange.verb == "open":
            self._session = self.user
        elif exchange.verb == "close":
            self.user = self._session = None

    def leave(self, user: User) -> bool:
        """A user has gone; whether the turn was its."""
        self._written.pop(user, None)
        if self.user is not user:
            return False
        self.user = self._session = None
        return True

    def end(self) -> None:
        """The port is gone: nobody has the turn; the rig's session may outlast it."""
        self.user = None
