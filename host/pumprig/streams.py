"""Standard output and standard error, and what happens where nothing can be printed.

Owns: the two streams of this process: signs that their encoding lacks, closed pipes, full devices, no stream.
Rules: an action's outcome alone decides its exit code: once a command acts, printing never fails; a command that
only reads fails where its answer is lost; a lost output is said on the other stream, once; a closed pipe is
what the reader wanted: it is not talked about, ends what would go on for ever, and is no failure.
Units: none.
Leaves: what is printed to terminal.py.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Generator
from typing import TextIO

import click

from pumprig import acting
from pumprig.errors import PumpError
from pumprig.sign import Sign

# what stands for a sign that the stream's encoding lacks; anything else becomes "?"
PLAIN = dict(
    zip("µμ×−·Δ²³–’\u202f", "uux-*d23-' ", strict=True),
    **{"±": "+-", "…": "...", "°": " deg ", "→": "->", "≤": "<=", "≥": ">="},
)
HANDLER = "pumprig-plain"


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error(HANDLER, _plain)


class OutputLost(PumpError):
    """The answer of a command that only reads could not be printed. `quiet`: its reader wanted no more."""

    def __init__(self, why: str, quiet: bool) -> None:
        super().__init__(f"The output was lost: {why}.", "The rig and the store are as they were.")
        self.quiet = quiet


class _State:
    """Of the command that runs."""

    told = False  # that something could not be printed
    left = False  # the reader wanted no more
    absent = False  # the process was started without a standard output


def prepare() -> None:
    """Make both streams take every text, and stand for one that is not there. Once, before anything is printed."""
    for name, descriptor in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # closed by who started us: the number must not go to a database or a port
            number = os.open(os.devnull, os.O_RDONLY if name == "stdin" else os.O_WRONLY)
            if number != descriptor:
                os.dup2(number, descriptor)
                os.close(number)
            mode = "r" if name == "stdin" else "w"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 — as long as the process
            setattr(sys, name, stream)
            if name == "stdout":
                _State.absent = True
        elif name != "stdin":
            with contextlib.suppress(AttributeError, OSError, ValueError):
                stream.reconfigure(errors=HANDLER)  # type: ignore[union-attr]


def begin(within: bool = False) -> None:
    """A command begins; it only reads until it says otherwise. `within` another: what that one told stays told."""
    acting.begin()
    _State.told = within and _State.told
    _State.left = within and _State.left


def acts() -> None:
    """The command has an effect from here on: whether its text can be printed decides nothing any more."""
    acting.acts()


def reader_has_left() -> bool:
    """Whether nobody reads any more: what prints until it is told to end has an end, with nothing to print, too."""
    return _State.left or _is_broken(1)


def encodes_all() -> bool:
    """Whether stdout can carry every sign, so that JSON needs no escapes."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-").startswith("utf")


def write(text: str, err: bool = False) -> None:
    """Write a text. Raises OutputLost for stdout while the command only reads; for stderr never."""
    with SIGN.aside(text):
        if err:
            _told(text)
            return
        with binary():
            click.echo(text, file=sys.stdout, nl=False)


def _told(text: str) -> None:
    try:
        click.echo(text, file=sys.stderr, nl=False)
        sys.stderr.flush()
    except (OSError, ValueError):
        _silence(sys.stderr, 2)


SIGN = Sign(_told)


def is_watched() -> bool:
    """Whether a person sees what goes to stderr."""
    try:
        return sys.stderr.isatty()
    except (OSError, ValueError, AttributeError):
        return False


def draw(what: Callable[[], None]) -> None:
    """Something that writes on stdout itself. Raises OutputLost while the command only reads."""
    with binary():
        what()


def draw_aside(what: Callable[[], None]) -> None:
    """Something that writes on stderr itself; where it cannot, nothing comes of it."""
    try:
        with SIGN.aside():
            what()
            sys.stderr.flush()
    except (OSError, ValueError):
        _silence(sys.stderr, 2)


@contextlib.contextmanager
def binary() -> Generator[None]:
    """A block that writes on stdout itself, bytes perhaps. Raises OutputLost while the command only reads."""
    if _State.absent:
        _lost("there is no standard output", False)
    try:
        with SIGN.aside():
            yield
    except (OSError, ValueError) as error:
        closed = isinstance(error, BrokenPipeError) or getattr(error, "errno", 0) == errno.EPIPE
        why = "standard output is closed" if closed else getattr(error, "strerror", "") or str(error)
        _silence(sys.stdout, 1)
        _lost(why, closed)


def write_bytes(data: bytes) -> None:
    """Write a file's bytes as they are. Raises OutputLost for stdout while the command only reads."""
    with binary():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def flush() -> None:
    """Hand everything over. Raises OutputLost while the command only reads."""
    draw(sys.stdout.flush)
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _silence(sys.stderr, 2)


def silence() -> None:
    """Whatever is still to be printed goes nowhere."""
    _silence(sys.stdout, 1)


def _is_broken(descriptor: int) -> bool:
    """Whether it is a pipe without a reader; False where this system cannot tell."""
    import select

    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(told & select.POLLERR for _number, told in poll.poll(0))


def _lost(why: str, closed: bool) -> None:
    _State.left = _State.left or closed
    if not acting.has_acted():
        raise OutputLost(why, closed)
    if not _State.told and not closed:
        _State.told = True
        write(f"note: what was done could not be printed: {why}\n", err=True)


def _silence(stream: TextIO, descriptor: int) -> None:
    """What is still in a broken stream goes nowhere, now and at the end of the process."""
    with contextlib.suppress(OSError, ValueError):
        if stream.fileno() == descriptor:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
