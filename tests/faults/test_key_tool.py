"""The key as a person meets it: the real tool, the real simulated rig on a pseudo-terminal, a real secret store."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

SPEED = 20  # virtual seconds in a second: a lock of a minute is three seconds
PATH = [part for part in sys.path if part]
Tool = Callable[..., subprocess.CompletedProcess[str]]
SECRET_SERVICE = ("dbus-daemon", "gnome-keyring-daemon")


def environment(folder: Path, secret_store: bool, bus: str = "") -> dict[str, str]:
    """Of a computer of its own: every folder of the platform lies in `folder`; `bus` leads to its Secret Service."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    paths = {"PYTHONPATH": os.pathsep.join([*PATH, str(Path(__file__).parent)]), "PYTHONUTF8": "1"}
    if not secret_store:
        return {**kept, **paths, "HOME": str(folder), "PUMPRIG_HOME": str(folder)}
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    store = {"PYTHON_KEYRING_BACKEND": "filestore.FileStore", "SECRETS_FILE": str(folder / "secrets.json")}
    if bus:
        store = {"DBUS_SESSION_BUS_ADDRESS": bus}
    return {**kept, **paths, **homes, **store}


@pytest.fixture
def port(tmp_path: Path) -> Generator[str]:
    """A rig on a pseudo-terminal that lives in a process of its own."""
    pytest.importorskip("tty", reason="pseudo-terminals need Linux or macOS")
    command = [
        sys.executable,
        "-m",
        "pumprig",
        "sim",
        "--speed",
        str(SPEED),
        "--state",
        str(tmp_path / "rig"),
    ]
    rig = subprocess.Popen(
        command, env=environment(tmp_path / "sim", False), stdout=subprocess.PIPE, text=True
    )
    assert rig.stdout is not None
    yield rig.stdout.readline().split()[1]
    rig.terminate()
    rig.wait(20)


@contextmanager
def desktop(folder: Path, login: bytes | None) -> Generator[str]:
    """The bus of a desktop session with a GNOME keyring; without a login the keyring stays locked."""
    missing = [name for name in SECRET_SERVICE if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (Debian: dbus, gnome-keyring)")
    (folder / "run").mkdir(parents=True, mode=0o700)
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
    quiet = subprocess.DEVNULL
    bus_words = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"]
    bus = subprocess.Popen(bus_words, env=home, stdout=subprocess.PIPE, stderr=quiet, text=True)
    assert bus.stdout is not None
    address = bus.stdout.readline().strip()
    keyring = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--components=secrets", *(["--unlock"] if login else [])],
        env={**home, "DBUS_SESSION_BUS_ADDRESS": address},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=quiet,
    )
    assert keyring.stdin is not None
    assert keyring.stdout is not None
    keyring.stdin.write(login or b"")
    keyring.stdin.close()
    keyring.stdout.readline()  # it serves
    yield address
    for process in (keyring, bus):
        process.terminate()
        process.wait(20)


def computer(folder: Path, port: str, secret_store: bool = False, bus: str = "") -> Tool:
    """A computer with the tool installed; call it with the tool's words."""
    folder.mkdir()

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pumprig", "-p", port, *words]
        return subprocess.run(
            command,
            env=environment(folder, secret_store, bus),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.mark.requirement("SR-35")
@pytest.mark.parametrize("secret_store", [True, False], ids=["secret store", "file"])
def test_a_key_made_by_the_tool_is_kept_in_the_store_or_a_private_file_and_carried_over(
    port: str, tmp_path: Path, secret_store: bool
) -> None:
    here = computer(tmp_path / "here", port, secret_store)
    made = here("--json", "key", "new", "--yes")
    assert made.returncode == 0, made.stderr
    device = json.loads(made.stdout)["device_id"]
    kept = list((tmp_path / "here").rglob("*.key*"))
    if secret_store:
        key = json.loads((tmp_path / "here" / "secrets.json").read_text())[f"pumprig/{device}"]
        assert kept == []
        assert "the secret store" in json.loads(made.stdout)["where"]
    else:
        (file,) = kept
        key = file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert here("key", "export").stdout.strip() == key
    assert here("refill", "15 ml", "--yes").returncode == 0
    there = computer(tmp_path / "there", port, not secret_store)
    refused = there("refill", "14 ml", "--yes")
    assert (refused.returncode, "key" in refused.stderr) == (3, True)
    (tmp_path / "carried").write_text(key + "\n")
    assert there("key", "set", str(tmp_path / "carried")).returncode == 0
    assert there("refill", "14 ml", "--yes").returncode == 0
    assert here("key", "remove", "--yes").returncode == 0
    if secret_store:
        assert json.loads((tmp_path / "here" / "secrets.json").read_text()) == {}
    assert computer(tmp_path / "anyone", port)("refill", "13 ml", "--yes").returncode == 0


@pytest.mark.requirement("SR-35")
def test_a_key_lives_in_the_secret_service_of_a_desktop_and_nowhere_else(port: str, tmp_path: Path) -> None:
    with desktop(tmp_path / "desktop", b"a login") as bus:
        here = computer(tmp_path / "here", port, secret_store=True, bus=bus)
        made = here("--json", "key", "new", "--yes")
        assert made.returncode == 0, made.stderr
        told = json.loads(made.stdout)
        assert "the secret store" in told["where"]
        key = here("key", "export").stdout.strip()
        held = subprocess.run(
            [sys.executable, "-m", "keyring", "get", "pumprig", told["device_id"]],
            env=environment(tmp_path / "here", secret_store=True, bus=bus),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert held.stdout.strip() == key
        files = [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
        assert not [path for path in files if key in path.read_text("latin-1")]
        assert here("refill", "15 ml", "--yes").returncode == 0
        assert computer(tmp_path / "there", port)("refill", "14 ml", "--yes").returncode == 3
        assert here("key", "remove", "--yes").returncode == 0
    assert computer(tmp_path / "anyone", port)("refill", "13 ml", "--yes").returncode == 0


@pytest.mark.requirement("SR-35")
def test_a_locked_secret_service_is_said_and_a_key_that_it_cannot_take_becomes_a_private_file(
    port: str, tmp_path: Path
) -> None:
    with desktop(tmp_path / "desktop", None) as bus:
        here = computer(tmp_path / "here", port, secret_store=True, bus=bus)
        made = here("--json", "key", "new", "--yes")
        assert made.returncode == 0, made.stderr
        (file,) = (tmp_path / "here").rglob("*.key*")
        assert json.loads(made.stdout)["where"] == str(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert here("refill", "15 ml", "--yes").returncode == 0
        file.rename(tmp_path / "away")
        refused = here("refill", "14 ml", "--yes")
        assert refused.returncode != 0
        assert "secret store does not answer" in refused.stderr
        assert "PUMPRIG_HOME" in refused.stderr


@pytest.mark.requirement("SR-36")
def test_five_wrong_keys_from_the_tool_lock_for_a_minute_then_two_and_the_right_one_waits_too(
    port: str, tmp_path: Path
) -> None:
    here, guesser = computer(tmp_path / "here", port), computer(tmp_path / "guesser", port)
    assert here("key", "new", "--yes").returncode == 0
    (tmp_path / "guess").write_text("5a" * 32)
    assert guesser("key", "set", str(tmp_path / "guess")).returncode == 0
    for lock_s in (60, 120):
        for _ in range(5):
            wrong = guesser("refill", "1 ml", "--yes")
            assert wrong.returncode == 3
            assert "mark" in wrong.stderr or "key" in wrong.stderr
        locked = here("unlock")
        assert locked.returncode == 3
        assert "locked" in locked.stderr.lower()
        for _ in range(lock_s):  # each call takes its time, and that is all that is waited
            if here("unlock").returncode == 0:
                break
        else:
            raise AssertionError("the lock does not end")
    assert here("log", "pull").returncode == 0
    shown = here("log", "show", "--event", "access").stdout
    assert shown.count("wrong mark") == 10
    assert "locked 1 min" in shown
    assert "locked 2 min" in shown
