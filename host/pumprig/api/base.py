"""What every part of a Rig stands on: its thread, its session, quantities as text or as numbers.

Owns: opening and closing, the session around a change, what earlier runs left open.
Rules: what an earlier run left without an outcome is settled before anything new is sent; the rig's clock is set only
where no host has set it since its power-on; sessions are short, so that nobody waits for a person's thinking.
Units: as the arguments' names say; text carries its unit.
Leaves: the thread to worker.py, the protocol to rig/client.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pumprig import paths, quantities
from pumprig.api.holding import Holding
from pumprig.api.worker import Worker
from pumprig.errors import UsageError
from pumprig.rig.answers import Greeting
from pumprig.rig.client import Client
from pumprig.rig.link import Transport
from pumprig.store.intents import Settled

T = TypeVar("T")


class RigBase:
    """One rig, open."""

    def __init__(self, link: Transport, database: str | Path | None) -> None:
        place = Path(database) if database is not None else paths.chosen_database()
        self._held = Holding(link, place)
        self._database = place
        self._worker = Worker(self._held)
        try:
            self._greeting = self._call(lambda held: held.client.greet())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back. The pump goes on as programmed."""
        self._worker.close()

    @property
    def device_id(self) -> str:
        """Which rig it is."""
        return self._greeting.device_id

    @property
    def firmware(self) -> str:
        """The rig's firmware version."""
        return self._greeting.firmware

    @property
    def address(self) -> str:
        """The port behind which it was found."""
        return self._held.link.address

    @property
    def is_shared(self) -> bool:
        """Whether the hub holds its port, so that other programs use it at the same time."""
        return self._held.link.shared

    @property
    def database(self) -> Path:
        """Where its log is kept on this computer."""
        return self._database

    def greeting(self) -> Greeting:
        """What the rig said of itself."""
        return self._greeting

    def settle(self) -> list[Settled]:
        """What became of commands of earlier runs whose outcome was not known.

        Every change does this first by itself. Raises LinkError, StoreError.
        """

        def work(held: Holding) -> list[Settled]:
            known = len(held.settled)
            held.settle()
            return held.settled[known:]

        return self._call(work)

    def unsettled(self) -> list[str]:
        """Commands of earlier runs whose outcome only the rig's log can tell: `pull` settles them."""
        return self._call(lambda held: [verb for verb, _line in held.intents.unknown(self.device_id)])

    def sent(self) -> list[tuple[int, str, str]]:
        """The last commands of this connection that change something: which turn it was, its verb, its outcome (done,
        refused, not done or unknown). After an interrupt it says what was under way.
        """
        return list(self._held.client.sent)

    # --- for the parts of a Rig

    def _call(self, work: Callable[[Holding], T], reads: bool = True) -> T:
        return self._worker.call(work, reads)

    def _change(self, work: Callable[[Holding], T]) -> T:
        """Do something in a session of its own."""

        def in_session(held: Holding) -> T:
            with session(held):
                return work(held)

        return self._call(in_session, reads=False)

    def _change_one(self, verb: str, values: dict[str, int | str | None] | None = None) -> dict[str, str]:
        """One command in a session of its own; -> the answer's fields. Raises RefusedError, LinkError."""
        return self._change(lambda held: held.client.change(verb, values or {}).fields)


@contextmanager
def session(held: Holding) -> Generator[None]:
    """A host session, with everything settled; the clock is set before its first change. Raises LinkError."""
    held.settle()
    with held.client.session():
        held.client.before_first_change(lambda: _set_clock(held.client))
        yield


def _set_clock(client: Client) -> None:
    """A rig whose clock no host has set since its start is told the time: before the first change, not before a no."""
    if client.read("status").fields.get("clock_source", "") != "host":
        client.change("clock", {"utc_us": quantities.now_utc_us()})


def whole_numbers(fields: dict[str, str]) -> dict[str, int]:
    """The whole numbers of an answer."""
    return {name: int(text) for name, text in fields.items() if text.lstrip("-").isdigit()}


def quantity(text: str | None, number: float | None, scale: int, kind: str, what: str) -> int | None:
    """A quantity given as text with its unit, or as a number under a name with its unit; None for neither.

    `scale` makes the number the wire's unit. Raises UsageError.
    """
    if text is not None and number is not None:
        raise UsageError(f"{what} is given twice, as text and as a number.", "Nothing was sent.")
    if text is not None:
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            example = {"rate": "'20 ul/h'", "volume": "'50 ul'", "time": "'10 min'"}[kind]
            raise UsageError(
                f"{what}: {text!r} has no unit.", "Nothing was sent.", f"Write it as text, like {example}."
            )
        return quantities.parse(text, kind, what)
    if number is None:
        return None
    value = number * scale
    if value != value or abs(value) > 1e18:
        raise UsageError(f"{what}: {number!r} is no number that a rig could take.", "Nothing was sent.")
    if round(value) != value and abs(round(value) - value) > 1e-6 * abs(value):
        raise UsageError(f"{what}: {number!r} is finer than the rig's smallest unit.", "Nothing was sent.")
    return round(value)


def needed(value: int | None, what: str, example: str) -> int:
    """A quantity that has to be given. Raises UsageError."""
    if value is None:
        raise UsageError(f"{what} is missing.", "Nothing was sent.", f"Write it like {example}.")
    return value


Fields = dict[str, Any]
