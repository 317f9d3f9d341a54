"""What is still to be sent of a store's records, and when it is sent again.

Owns: the watermark that the database acknowledged, the window of messages under way, the waiting time.
Rules: nothing counts as arrived but what an acknowledgement of the database names: a broker's own confirmation is none
(it may keep a message for nobody, or lose it in a crash); after silence everything from the watermark on is sent again,
later each time, with jitter, so that many gateways do not begin at once.
Units: seconds of a steady clock.
Leaves: the store to the reader that is handed in, sending to gateway.py.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pumprig.errors import PumpError
from pumprig.lab.wire import BATCH, Ack, Batch, Place

WINDOW = 10  # messages that may be under way
FIRST_S, MOST_S = 2.0, 60.0
ASK_S = 60.0  # where there is nothing to send: a database that was restored holds less than it did

Reader = Callable[[Place | None, int], list[tuple[Place, bytes]]]  # after which, how many at the most


@dataclass
class Outbox:
    """One device's. `read` gives the store's records after a place, in the store's order."""

    read: Reader
    source: random.Random
    batch: int = BATCH  # records in a message, at the most
    acked: Place | None = None
    sent: Place | None = None
    begun: bool = False  # the database has told what it holds
    flying: deque[Place] = field(default_factory=deque[Place])  # the last record of each message under way
    held: bool = False  # a message was refused: nothing before the waiting time is over
    wait_s: float = FIRST_S
    again_at_s: float = 0.0
    heard_at_s: float = 0.0  # an answer, or that one was asked for

    def next(self, now_s: float) -> Batch | None:
        """The next message, None where there is nothing to send now. Until the database was heard it is asked.

        Raises PumpError where the store cannot be read, or has not what the database holds.
        """
        if now_s >= self.again_at_s and (self.flying or self.held or not self.begun):
            self._again_from(self.acked)
            self._wait(now_s)
            if not self.begun:
                return Batch(self.acked, [])  # empty: whoever takes records answers with what it holds
        if not self.begun or self.held or len(self.flying) >= WINDOW:
            return None
        try:
            rows = self.read(self.sent, self.batch)
        except PumpError:  # whatever the database holds, it may hold something else later
            asked = self._ask(now_s)
            if asked is None:
                raise
            return asked
        if not rows:
            return self._ask(now_s)
        batch = Batch(self.sent, [raw for _place, raw in rows])
        if not self.flying:
            self._wait(now_s)
        self.sent = rows[-1][0]
        self.flying.append(self.sent)
        return batch

    def heard(self, ack: Ack, now_s: float) -> None:
        """The database has told what it holds."""
        self.heard_at_s = now_s
        if ack.refused:
            self._again_from(ack.last)
            self.held = True
            self._wait(now_s)
        elif ack.last in self.flying:
            while self.flying.popleft() != ack.last:
                pass
            self.wait_s = FIRST_S
            self._wait(now_s)
        elif not self.begun or ack.last != self.acked:
            self._again_from(ack.last)
            self.wait_s = FIRST_S
        self.acked, self.begun = ack.last, True

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way and nothing waits."""
        return self.begun and not self.flying and not self.held

    def _ask(self, now_s: float) -> Batch | None:
        if self.flying or now_s - self.heard_at_s < ASK_S:
            return None
        self.heard_at_s = now_s
        return Batch(self.acked, [])

    def _again_from(self, place: Place | None) -> None:
        self.sent, self.held = place, False
        self.flying.clear()

    def wake(self, now_s: float) -> None:
        """Somebody who takes records has come: what waits for an answer is asked again soon, but not by all at once."""
        if not self.begun or self.flying:
            self.wait_s = FIRST_S
            self.again_at_s = min(self.again_at_s, now_s + self.source.uniform(0.0, 1.0))

    def lost(self) -> None:
        """The broker was lost: what was under way may be gone, and what the database holds is asked again."""
        self._again_from(self.acked)
        self.begun, self.again_at_s = False, 0.0

    def _wait(self, now_s: float) -> None:
        self.again_at_s = now_s + self.wait_s * self.source.uniform(0.5, 1.0)
        self.wait_s = min(MOST_S, 2 * self.wait_s)
