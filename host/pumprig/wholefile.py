"""A file that somebody asked for by name: whole, or as it was before.

Owns: writing beside the file and putting it in its place.
Rules: a device, a pipe and a socket are written to and never replaced; a link stays a link, and what it points at keeps
its permissions; a failure leaves nothing beside the file. A file that is written is an effect: whether
its command's text can be printed decides nothing from then on.
Units: none.
Leaves: what is written to its caller, as the words for a failure.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pumprig import acting


@contextmanager
def whole(path: Path) -> Generator[IO[bytes]]:
    """The file to write to; at the end of the block it stands under its name. Raises OSError."""
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        acting.acts()
        return
    place = Path(os.path.realpath(path))
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            os.chmod(part, place.stat().st_mode & 0o7777)
        os.replace(part, place)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    acting.acts()


def put(path: Path, content: bytes) -> None:
    """Write a whole file. Raises OSError."""
    with whole(path) as file:
        file.write(content)
