"""Odd users and odd clocks: no HOME, no entry among the system's users, a TZ that is no zone."""

import os
import subprocess
import sys

import pytest
from pumprig import paths, quantities
from pumprig.errors import UsageError

ODD_ZONES = [
    "XYZ-99",
    "UTC+25",
    ":/etc/none",
    "",
    "../../etc/passwd",
    "Nowhere/Nix",
    "a\nb",
    "EST5EDT,M3.2.0,M11.1.0",
]


def tool(*words, **environment):
    """A command in an environment that has nothing but this."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "pumprig", *words],
        env={**kept, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def nobody(monkeypatch):
    """This process as that of a user without HOME and without an entry among the system's users."""
    for name in ("PUMPRIG_HOME", "PUMPRIG_DB", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    pwd = pytest.importorskip("pwd", reason="no table of users here: not POSIX")

    def missing(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", missing)


def test_a_user_without_a_home_has_a_folder_of_its_own_and_another_s_is_not_used(
    nobody, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    home = tmp_path / f"pumprig-{os.getuid()}-home"
    assert paths.config_file() == home / "config" / "config.toml"
    assert paths.database_file() == home / "data" / "pumprig.db"
    assert not home.exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        paths.keys_folder()


@pytest.mark.parametrize("home", ["", "relative", "/proc/nowhere", None])
@pytest.mark.skipif(sys.platform == "win32", reason="HOME is POSIX's")
def test_an_odd_home_gives_whole_paths_and_makes_nothing(home, tmp_path):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PUMPRIG", "XDG", "HOME"))
    }
    kept |= {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    kept |= {} if home is None else {"HOME": home}
    code = "from pumprig import paths as p; print(*(q.is_absolute() for q in (p.database_file(), p.keys_folder())))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["~nobodyhere/x.db"])
def test_a_home_that_nobody_has_is_said_to_be_none(name):
    done = tool("log", "show", PUMPRIG_DB=name)
    assert done.returncode == 2
    assert "Write the whole path" in done.stderr


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_no_tz_at_all_keeps_an_instant_from_being_told_and_read(zone):
    code = (
        "import time; from pumprig import quantities as q;"
        "print(q.local_text(1_767_225_600_000_000), q.parse_instant('2026-01-01T00:00', '--from', 0))"
    )
    kept = {**os.environ, "TZ": zone, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told, read = done.stdout.rsplit(None, 1)
    day_us = 86_400_000_000
    assert told.startswith(("2025-12-3", "2026-01-0"))
    assert abs(int(read) - 1_767_225_600_000_000) <= 5 * day_us


def test_an_instant_is_told_in_utc_where_the_zone_is_none(monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-99")
    import time

    if not hasattr(time, "tzset"):
        pytest.skip("this system reads TZ once")
    time.tzset()
    try:
        assert quantities.local_text(1_767_225_600_000_000) == "2026-01-01 00:00 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.skipif(sys.platform == "win32", reason="a small disk is mounted in a namespace of Linux")
def test_a_full_disk_is_called_so_and_what_it_holds_is_read(tmp_path):
    """A disk of 300 KiB, filled to the last byte, with a log on it."""
    run = f"{sys.executable} -m pumprig"
    script = f"""
        set -e
        mount -t tmpfs -o size=300k tmpfs {tmp_path}/disk || exit 77
        cd {tmp_path}
        {run} rehearse program.toml --for "1 h" -o disk/log.db -q > rehearsed
        dd if=/dev/zero of=disk/rest bs=1k 2> rest || true
        for what in verify total show; do {run} log $what > $what || echo "failed $what"; done
        PUMPRIG_HOME={tmp_path}/disk/home {run} -p sim status 2> started || echo "no rig"
    """
    (tmp_path / "disk").mkdir()
    (tmp_path / "program.toml").write_text('name = "one"\n[basal]\nrate = "20 ul/h"\n')
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
            "PUMPRIG_HOME": str(tmp_path / "home"),
            "PUMPRIG_DB": str(tmp_path / "disk" / "log.db"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr.strip()[:80]}")
    assert done.stdout == "no rig\n", done.stderr
    assert "is right (digest" in (tmp_path / "verify").read_text()
    assert "20.00" in (tmp_path / "total").read_text()
    assert "is full" in (tmp_path / "started").read_text()


def test_a_folder_that_cannot_be_made_is_told_as_one_by_a_command_that_does_not_expect_it(tmp_path):
    (tmp_path / "state").write_text("no folder")
    done = tool("dashboard", "--no-browser", PUMPRIG_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "cannot be used: Not a directory." in done.stderr
    assert "did not foresee" not in done.stderr
