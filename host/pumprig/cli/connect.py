"""The rig at the other end, for a command: open, greet, settle what earlier runs left open, close.

Owns: the order of these, and the host session around changing commands.
Rules: whatever an earlier run left without an outcome is told before anything new is sent; the rig's clock is set
only where it has never been set by a host since its power-on; the port is given back in every exit.
Callers: the commands of this folder.
Units: microseconds UTC.
Leaves: the wire to client.py, intents to store/.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pumprig.cli.settings import Settings
from pumprig.errors import PumpError
from pumprig.quantities import local_text, now_utc_us
from pumprig.rig import discovery
from pumprig.rig.answers import NoIntents
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.store import Store
from pumprig.store.intents import Settled, StoredIntents


@contextmanager
def reading(settings: Settings) -> Generator[Client]:
    """A rig to read from: no store, no session."""
    settings.met = True
    if settings.held is not None:
        with settings.held.exclusive() as held:
            yield held
        return
    client = Client(SerialLink(discovery.resolve(settings.port, settings.state)), NoIntents())
    try:
        client.greet()
        yield client
    finally:
        client.close()


@contextmanager
def store_open(settings: Settings, archive: bool = False) -> Generator[Store]:
    """The delivery log's database; an archive: also one that may only be read."""
    if settings.held is not None:
        yield settings.held.store
        return
    store = Store(settings.database(), archive=archive)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def store_read(settings: Settings) -> Generator[Store]:
    """The delivery log's database, which has to be there. Raises PumpError."""
    path = settings.database()
    if settings.held is None and not path.exists():
        raise PumpError(
            f"There is no database {path}.",
            "Nothing was read.",
            "`pumprig log pull` makes it; PUMPRIG_DB names another.",
        )
    with store_open(settings, archive=True) as store:
        yield store


@contextmanager
def pulling(settings: Settings) -> Generator[tuple[Client, Store]]:
    """A rig and the store. The store takes in what the rig says: from here on the command acts."""
    settings.met = True
    settings.acts()
    if settings.held is not None:
        with settings.held.exclusive() as held:
            tell(settings, settings.held.settle())
            yield held, settings.held.store
        return
    with store_open(settings) as store:
        intents = StoredIntents(store)
        client = Client(SerialLink(discovery.resolve(settings.port, settings.state)), intents)
        try:
            greeting = client.greet()
            tell(settings, intents.settle_by_number(greeting.device_id, greeting.last_seq))
            yield client, store
        finally:
            client.close()


@contextmanager
def changing(settings: Settings) -> Generator[Client]:
    """A rig in a host session; every change is kept as an intent before it is sent."""
    with pulling(settings) as (client, store):
        greeting = client.greet()
        for verb, _line in StoredIntents(store).unknown(greeting.device_id):
            settings.say(f"note: an earlier `{verb}` has no known outcome; `pumprig log pull` settles it")
        with client.session():
            status = client.read("status").fields
            if status.get("clock_source", "") != "host":
                client.change("clock", {"utc_us": now_utc_us()})
            yield client


def tell(settings: Settings, settled: list[Settled]) -> None:
    """Say what became of earlier commands."""
    for row in settled:
        settings.say(
            f"note: the `{row.verb}` of {local_text(row.begun_utc_us)} is now settled: {row.outcome}"
        )
