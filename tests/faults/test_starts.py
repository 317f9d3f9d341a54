"""A start that is interrupted leaves nothing that the next command trips over; a Ctrl-C at the start ends clean."""

import os
import signal
import subprocess
import sys

import pytest
from faults import starts
from pumprig.rig.simulator import PrivateRig, environment


def test_after_an_interrupted_start_the_next_command_finds_or_starts_the_rig(tmp_path):
    home = tmp_path / "home"
    try:
        assert [wrong for seed in range(6) if (wrong := starts.trial(home, seed))] == []
    finally:
        starts.end(home)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what is left behind is read from Linux' /proc"
)
@pytest.mark.parametrize("name", ["hub", "rehearse"])  # the others in `make faults`
def test_a_helper_that_was_killed_at_its_start_leaves_nothing_behind_and_can_be_begun_again(name, tmp_path):
    home = tmp_path / "home"
    try:
        assert starts.helper_trial(home, name, 0) == ""
    finally:
        starts.end(home)


def test_a_ctrl_c_while_the_program_is_loaded_ends_with_130_and_one_line(tmp_path):
    """Sent by the program itself as soon as a module is asked for: no instant between two modules is missed."""
    code = (
        "import os, signal, sys\n"
        "class Pressed:\n"
        "    left = int(sys.argv.pop(1))\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        Pressed.left -= 1\n"
        "        if Pressed.left == 0: os.kill(os.getpid(), signal.SIGINT)\n"
        "from pumprig.__main__ import main\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "main()\n"
    )
    running = []
    for at in (1, 3, 10, 30, 60):
        command = [sys.executable, "-c", code, str(at), "-p", "socket://127.0.0.1:9", "status"]
        env = {**environment(), "PUMPRIG_HOME": str(tmp_path)}
        running.append(
            subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    for process in running:
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err.strip().startswith("Interrupted")
        assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("after_s", [0.3, 0.45, 0.6])
def test_stop_ends_a_rig_whose_start_was_interrupted(tmp_path, after_s):
    home = tmp_path / "home"
    starts.interrupted_start(home, "command", signal.SIGKILL, after_s)
    rig = PrivateRig(home / "state" / "sim")
    rig.stop()
    assert rig.port() is None
    assert starts.next_command(home, "sim", "--stop")[1]["ended"] is False


@pytest.mark.parametrize("target", ["elsewhere", "/dev/null"])
def test_a_link_that_no_simulated_rig_made_is_left_alone(tmp_path, target):
    link = tmp_path / "rig"
    os.symlink(target, link)
    words = [sys.executable, "-m", "rigsim", "serve", "--link", str(link)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no simulated rig made it" in done.stderr
    assert os.readlink(link) == target


def test_the_link_of_a_killed_rig_is_taken_again_and_goes_with_the_next(tmp_path):
    link = tmp_path / "rig"
    words = [sys.executable, "-m", "rigsim", "serve", "--link", str(link)]
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as rig:
            assert rig.stdout.readline() == f"ready {link}\n"
            rig.send_signal(number)
    assert list(tmp_path.iterdir()) == []


def test_a_rig_without_a_host_ends_by_itself_with_its_state_kept(tmp_path):
    words = [sys.executable, "-m", "rigsim", "serve", "--state", str(tmp_path / "rig"), "--idle-end", "0.5"]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "rig").iterdir()) == ["flash.bin", "lock", "rig.json"]
