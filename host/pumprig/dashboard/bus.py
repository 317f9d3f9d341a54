"""What is new, to everybody who listens: the newest state of each thing, never a queue of old ones.

Owns: the subscribers and what each of them has not been told yet.
Rules: a slow listener is told less often and never an outdated state; it delays nobody, and what waits for it does not
grow; publishing is safe from any thread.
Units: none.
Leaves: what a message means to its publishers.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Listener:
    """One open stream."""

    def __init__(self) -> None:
        self._waiting: dict[str, Any] = {}
        self._there = asyncio.Event()

    def put(self, topic: str, message: Any) -> None:
        """In the loop's thread: the newest of a topic takes the place of the one before."""
        self._waiting.pop(topic, None)
        self._waiting[topic] = message
        self._there.set()

    async def news(self, limit_s: float) -> list[Any]:
        """What has come since the last call; empty after limit_s without anything."""
        try:
            await asyncio.wait_for(self._there.wait(), limit_s)
        except TimeoutError:
            return []
        told, self._waiting = list(self._waiting.values()), {}
        self._there.clear()
        return told


class Bus:
    """All streams of one server."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._listeners: set[Listener] = set()

    def publish(self, topic: str, message: Any) -> None:
        """From any thread."""

        def put() -> None:
            for listener in self._listeners:
                listener.put(topic, message)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(put)

    def listen(self) -> Listener:
        """In the loop's thread: a new listener."""
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """In the loop's thread: one has gone."""
        self._listeners.discard(listener)
