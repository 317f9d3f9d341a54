"""TLS, users and their rights, as docs/how-to/lab.md sets them up: a real broker, an authority of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
import trustme
from lab.servers import broker, ended, fresh, held_by, in_database, program, until
from pumprig.lab.servers import Broker, Postgres

ACL = """user bench-1
topic write pumprig/bench-1/+/status
topic write pumprig/bench-1/+/alarm
topic write pumprig/bench-1/+/records
topic readwrite pumprig/bench-1/+/birth
topic read pumprig/ingester
topic read pumprig/bench-1/+/ack
topic read pumprig/bench-1/+/command
topic write pumprig/bench-1/+/command/answer
user ingest
topic read pumprig/+/+/records
topic write pumprig/+/+/ack
topic write pumprig/ingester
"""


@pytest.fixture
def secure() -> Generator[tuple[Broker, Path]]:
    """A broker that speaks TLS alone, knows two users, and its authority's file."""
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        pytest.skip("mosquitto_passwd is not installed; on Debian: apt-get install mosquitto")
    place = Path(tempfile.mkdtemp(prefix="pumprig-broker-"))  # pytest's own is closed to other users
    place.chmod(0o755)
    authority = trustme.CA()
    of_broker = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(place / "ca.pem"))
    of_broker.cert_chain_pems[0].write_to_path(str(place / "broker.pem"))
    of_broker.private_key_pem.write_to_path(str(place / "broker.key"))
    users = place / "users"
    for number, user in enumerate(("bench-1", "ingest")):
        flags = ["-c"] if number == 0 else []
        subprocess.run([tool, "-b", *flags, str(users), user, f"of {user}"], check=True, capture_output=True)
    (place / "rights").write_text(ACL, "utf-8")
    for file in ("broker.pem", "broker.key", "users", "rights"):
        (place / file).chmod(0o644)  # mosquitto gives root away before it reads them
    lines = [f"certfile {place}/broker.pem", f"keyfile {place}/broker.key", "allow_anonymous false"]
    made = broker(place, lines=[*lines, f"password_file {users}", f"acl_file {place}/rights"])
    yield made, place / "ca.pem"
    made.kill()
    shutil.rmtree(place, ignore_errors=True)


def test_records_go_over_tls_with_users_of_few_rights(
    secure: tuple[Broker, Path], postgres: Postgres, store: Path
) -> None:
    server, authority = secure
    address = fresh(postgres, "secure")
    rows = held_by(store)[1]
    trusted = ("--ca", authority)

    def at(user: str) -> str:
        return f"mqtts://{user}:of%20{user}@localhost:{server.port}"

    ingest = program("ingest", *trusted, PUMPRIG_BROKER=at("ingest"), PUMPRIG_LAB_DB=address)
    stranger = program(  # with a right password, at a site that is not its own
        "gateway", "--site", "bench-2", *trusted, PUMPRIG_BROKER=at("bench-1"), PUMPRIG_DB=str(store)
    )
    until(lambda: in_database(address) == [] and b"bench-2" in _log(server), "the stranger's connection")
    gateway = program(
        "gateway", "--site", "bench-1", *trusted, PUMPRIG_BROKER=at("bench-1"), PUMPRIG_DB=str(store)
    )
    running = [("ingest", ingest), ("stranger", stranger), ("gateway", gateway)]
    until(lambda: in_database(address) == rows, "every record in the database", running)
    ended(gateway, stranger, ingest)
    import psycopg

    with psycopg.connect(address) as db:
        assert db.execute("SELECT DISTINCT site FROM sources").fetchall() == [("bench-1",)]


def test_a_broker_whose_certificate_nobody_vouches_for_is_not_spoken_to(
    secure: tuple[Broker, Path], store: Path, tmp_path: Path
) -> None:
    server, _authority = secure
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    address = f"mqtts://bench-1:of%20bench-1@localhost:{server.port}"
    gateway = program(
        "gateway", "--site", "bench-1", "--ca", other, PUMPRIG_BROKER=address, PUMPRIG_DB=str(store)
    )
    until(lambda: b"unknown ca" in _log(server), "the refusal in the broker's log", [("gateway", gateway)])
    assert b"pumprig-bench-1" not in _log(server)
    ended(gateway)


def _log(server: Broker) -> bytes:
    return server.log.read_bytes()
