"""Who may program: the real client with keys on the real rig, and an attacker who hears every line."""

import importlib
from pathlib import Path

import pytest
from hostline import Line, new_rig
from pumprig.cli.settings import Settings
from pumprig.errors import PumpError, RefusedError
from pumprig.rig import keys
from pumprig.rig.client import Client
from pumprig.store import Store
from pumprig.store.intents import StoredIntents
from pumpwire import codec
from rigsim.driver import SimRig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimRig:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    rig = new_rig(6)
    rig.port.listen(True)
    return rig


def keyed(rig: SimRig) -> Client:
    """A client that has given the rig a key."""
    client = Client(Line(rig))
    device = client.greet().device_id
    with client.session():
        fresh = keys.make()
        keys.begin(device, fresh)
        client.change("access", {"key": fresh.hex()})
        keys.finish(device)
    return client


def heard(rig: SimRig, line: str) -> list[str]:
    """What the rig answers to a line as it stands."""
    rig.port.pull()
    rig.port.push(line.encode() + b"\n")
    rig.run_us(200_000)
    return rig.port.pull().decode().split("\r\n")


@pytest.mark.requirement("SR-35")
def test_a_holder_of_the_key_programs_and_anyone_reads_and_stops(rig: SimRig, tmp_path: Path) -> None:
    client = keyed(rig)
    with client.session():
        client.change("refill", {"volume_nl": 1_000_000})
    keys.forget(client.greet().device_id)
    stranger = Client(Line(rig))
    assert stranger.read("status").fields["mode"] == "stopped"
    assert "delivered_steps" in stranger.stop().fields
    with pytest.raises(RefusedError) as caught, stranger.session():
        pass
    assert caught.value.exit_code == 3
    assert "Nothing was changed" in str(caught.value)


@pytest.mark.requirement("SR-30")
@pytest.mark.requirement("SR-35")
def test_a_captured_line_is_neither_replayed_nor_altered(rig: SimRig) -> None:
    client = keyed(rig)
    line = client._transport
    with client.session():
        client.change("refill", {"volume_nl": 1_000_000})
        captured = line.sent[-1]
        base = rig.rig.reservoir.base_nl
        client.change("refill", {"volume_nl": 2_000_000})
        assert any("sequence" in row for row in heard(rig, captured))
        seq = rig.rig.session.last_seq + 1
        body, mark = codec.split_mark(captured)
        altered = codec.seal(body.replace(body.split()[0], f">{seq}") + " mark=" + mark)
        assert any("access" in row for row in heard(rig, altered))
    assert rig.rig.reservoir.base_nl == 2_000_000 != base
    with client.session():  # the same number and the same words in another session carry another mark
        replayed = codec.seal(body + " mark=" + mark)
        assert not any(row.startswith(f"<{seq} ok") for row in heard(rig, replayed))


@pytest.mark.requirement("SR-35")
def test_flashing_gives_a_rig_its_first_key_and_leaves_one_that_it_has(
    rig: SimRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    flash = importlib.import_module("pumprig.cli.flash")
    interface = importlib.import_module("pumprig.api.rig")
    monkeypatch.setattr(interface, "SerialLink", lambda address: Line(rig))
    assert flash._first_key(Settings(), "here", True) == ""
    assert not rig.rig.access.has_key()
    where = flash._first_key(Settings(), "here", False)
    (key,) = keys.of(Client(Line(rig)).greet().device_id)
    assert rig.rig.access.has_key()
    assert where.endswith(".key")
    assert flash._first_key(Settings(), "here", False) == where
    assert keys.of(Client(Line(rig)).greet().device_id) == [key]
    with Client(Line(rig)).session():
        pass
    keys.forget(Client(Line(rig)).greet().device_id)
    assert flash._first_key(Settings(), "here", False) == ""


@pytest.mark.requirement("SR-36")
def test_five_wrong_keys_lock_for_a_minute_then_two_and_each_is_logged(rig: SimRig) -> None:
    client = keyed(rig)
    device = client.greet().device_id
    right = keys.of(device)[0]
    keys.keep(device, keys.make())
    records = rig.rig.journal.next_number
    for lock_s in (60, 120):
        for turn in range(5):
            client = Client(Line(rig))
            with pytest.raises(RefusedError) as caught, client.session():
                client.change("refill", {"volume_nl": 1_000_000})
            assert caught.value.name == "access", turn
        with pytest.raises(RefusedError) as caught, Client(Line(rig)).session():
            pass
        assert caught.value.name == "locked"
        assert lock_s - 5 <= int(caught.value.numbers["wait_s"]) <= lock_s
        rig.run_us((lock_s + 1) * 1_000_000)
    assert rig.rig.journal.next_number == records + 10
    keys.keep(device, right)
    with Client(Line(rig)).session():
        pass


@pytest.mark.requirement("SR-35")
def test_typed_programming_can_be_switched_off_and_stop_and_status_stay(rig: SimRig) -> None:
    client = keyed(rig)
    with client.session():
        client.change("access", {"plain": 0})
    assert any("switched off" in row for row in heard(rig, "terminal"))
    assert any(row.startswith("delivered: ") and row.endswith(" steps") for row in heard(rig, "stop"))
    assert any("state: " in row for row in heard(rig, "status"))


@pytest.mark.requirement("SR-35")
def test_no_key_lies_in_the_store_nor_in_the_rigs_log(rig: SimRig, tmp_path: Path) -> None:
    store = Store(tmp_path / "log.db")
    client = Client(Line(rig), StoredIntents(store))
    secret = keys.make()
    with client.session():
        keys.begin(client.greet().device_id, secret)
        client.change("access", {"key": secret.hex(), "pin": "86420"})
        keys.finish(client.greet().device_id)
    store.close()
    assert secret.hex().encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    journal = rig.rig.journal
    log = b"".join(journal.read(number) for number in range(1, journal.next_number))
    assert secret.hex().encode() not in log
    assert b"86420" not in log


@pytest.mark.requirement("SR-35")
def test_a_key_survives_a_lost_answer_to_its_setting(rig: SimRig) -> None:
    client = keyed(rig)
    device = client.greet().device_id
    for taken in (False, True):
        fresh = keys.make()
        keys.begin(device, fresh)
        if taken:
            with client.session():
                client.change("access", {"key": fresh.hex()})
        again = Client(Line(rig))
        with again.session():
            again.change("ack")


def test_a_key_that_others_may_read_is_refused(rig: SimRig, tmp_path: Path) -> None:
    client = keyed(rig)
    (tmp_path / "home" / "config" / "keys" / f"{client.greet().device_id}.key").chmod(0o644)
    with pytest.raises(PumpError, match="Others may read"), client.session():
        pass
