"""A line for the person who waits: said where a computation takes longer than a moment, and only then.

Owns: when that line comes. Rules: one line, on stderr, none with --quiet; it changes nothing of the result.
Units: seconds. Leaves: what is said to the command.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from pumprig.cli.settings import Settings

AFTER_S = 0.9


@contextmanager
def told(settings: Settings, text: str) -> Generator[None]:
    """Say `text` where what is done within takes longer than AFTER_S."""
    timer = threading.Timer(AFTER_S, settings.say, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
