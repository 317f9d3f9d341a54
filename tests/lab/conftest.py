"""A cluster of PostgreSQL and a store with a history, for the whole folder."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from lab.servers import EXAMPLES, broker, postgres
from pumprig import rehearsal
from pumprig.lab.servers import Broker, Postgres
from pumprig.therapy.program import load

DAY_MS = 86_400_000
EVENTS = [
    {"at_ms": 20_000_000, "do": "stop"},
    {"at_ms": 29_000_000, "do": "resume"},
    {"at_ms": 40_000_000, "do": "power_cut", "for_ms": 5_000_000},
    {"at_ms": 60_000_000, "do": "press_bolus"},
    {"at_ms": 61_000_000, "do": "press_bolus"},  # within the lockout: refused
    {"at_ms": 80_000_000, "do": "occlude"},
    {"at_ms": 95_000_000, "do": "release"},
]


@pytest.fixture(scope="session", name="postgres")
def a_postgres() -> Generator[Postgres]:
    server = postgres()
    yield server
    server.end()


@pytest.fixture
def server(tmp_path: Path) -> Generator[Broker]:
    """A broker of the test's own, gone at its end whatever happens."""
    made = broker(tmp_path)
    yield made
    made.kill()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of two days of a busy program: a stop, a power cut, a refused request, an occlusion."""
    folder = tmp_path_factory.mktemp("store")
    program = load(EXAMPLES / "night-step.toml", rehearsal.START_UTC_US)
    asked = rehearsal.request(program, 2 * DAY_MS, seed=5, events=EVENTS)
    asked["records"] = str(folder / "records.txt")
    rehearsal.keep(folder / "store.db", asked, rehearsal.run(asked))
    return folder / "store.db"
