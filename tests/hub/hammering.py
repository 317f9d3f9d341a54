"""Ten users of one hub who poll and pull as fast as they can, for the test of the stop and for its figure."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pumprig

USERS = 10


@contextmanager
def ten_users(folder: Path) -> Generator[list[pumprig.Rig]]:
    """They hammer the private simulated rig until the block ends; each has a store of its own, every second pulls."""
    ending = threading.Event()
    users = [pumprig.connect("sim", database=folder / f"{i}.db") for i in range(USERS)]

    def hammer(user: pumprig.Rig, pulls: bool) -> None:
        while not ending.is_set():
            user.pull() if pulls else user.status()

    threads = [threading.Thread(target=hammer, args=(user, i % 2 == 0)) for i, user in enumerate(users)]
    for thread in threads:
        thread.start()
    try:
        yield users
    finally:
        ending.set()
        for thread in threads:
            thread.join()
        for user in users:
            user.close()
