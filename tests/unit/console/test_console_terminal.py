"""The programming session on a real terminal of 80 x 24, without colour, against the simulated rig's real firmware.

Owns: what a person sees and what becomes of the pump.
Rules: the rig is asked through a second reading of its own status, by the session itself; nothing is mocked.
Units: as shown.
Leaves: grammar and completion to test_console.py.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pumprig.rig.simulator import environment
from screen import Screen

ROOT = Path(__file__).parents[3]
COLOUR = re.compile(rb"\x1b\[[0-9;]*\b(3[0-7]|38|4[0-7]|48|9[0-7])\b[0-9;]*m")


@pytest.fixture(scope="module")
def port():
    """A simulated rig on a pseudo-terminal."""
    words = [sys.executable, "-m", "rigsim", "serve", "--seed", "7"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as rig:
        yield rig.stdout.readline().split()[1]
        rig.terminate()


@pytest.fixture
def home(tmp_path):
    return {**environment(), "PUMPRIG_HOME": str(tmp_path), "NO_COLOR": "1", "TERM": "xterm", "TZ": "UTC"}


def command(port, *words):
    return [sys.executable, "-m", "pumprig", "-p", port, "console", *map(str, words)]


def session(port, home, *words):
    screen = Screen(command(port, *words), home)
    screen.wait("pumprig>", "^X stops")
    return screen


def answer(screen, line, reply, *wanted):
    """A command that asks, its answer, and what must then be seen."""
    screen.enter(line)
    screen.wait("[yes/no]")
    screen.type(reply + "\r")
    screen.wait(*wanted, "pumprig>")


@pytest.mark.requirement("SR-17")
def test_a_rate_is_reviewed_side_by_side_and_in_force_only_after_yes(port, home):
    with session(port, home) as screen:
        answer(screen, "rate 10 ul/h", "yes", "running: 10 µL/h", "RUNNING 10 µL/h |")
        screen.enter("rate 20 ul/h")
        shown = screen.wait("Commit this? [yes/no]", "staged, not yet in force")
        assert re.search(r"^\*\s+basal\s+10 ul/h\s+20 ul/h$", shown, re.MULTILINE)
        assert re.search(r"^\*\s+basal a day\s+240.00 µL\s+480.00 µL$", shown, re.MULTILINE)
        assert "reservoir low" in shown
        screen.type("no\r")
        screen.wait("Not confirmed", "RUNNING 10 µL/h |")


def test_ctrl_c_never_stops_the_pump_at_the_line_or_at_a_question(port, home):
    with session(port, home) as screen:
        answer(screen, "rate 11 ul/h", "yes", "RUNNING 11 µL/h |")
        screen.type("bolus 5 u\x03")
        screen.wait("Ctrl-C does not stop the pump")
        screen.enter("rate 22 ul/h")
        screen.wait("Commit this? [yes/no]")
        screen.type("\x03")
        screen.wait("Not confirmed", "RUNNING 11 µL/h |")


@pytest.mark.parametrize("keys", ["stop\r", "\x18", "bolus 5 ul\x18"])
def test_stop_stops_from_the_line_whatever_is_half_typed(port, home, keys):
    with session(port, home) as screen:
        answer(screen, "rate 12 ul/h", "yes", "RUNNING 12 µL/h |")
        screen.type(keys)
        screen.wait("stopped;", "STOPPED |")


@pytest.mark.parametrize("keys", ["stop\r", "\x18"])
def test_stop_in_place_of_an_answer_stops_and_nothing_is_committed(port, home, keys):
    with session(port, home) as screen:
        answer(screen, "rate 13 ul/h", "yes", "RUNNING 13 µL/h |")
        screen.enter("rate 26 ul/h")
        screen.wait("Commit this? [yes/no]")
        screen.type(keys)
        screen.wait("stopped;", "Stopped instead", "STOPPED |")
        answer(screen, "resume", "yes", "RUNNING 13 µL/h |")


def test_leaving_lets_the_pump_go_on_and_history_is_kept(port, home):
    with session(port, home) as screen:
        answer(screen, "rate 14 ul/h", "yes", "RUNNING 14 µL/h |")
        screen.type("\x04")
        assert screen.ends() == 0
    with session(port, home) as screen:
        screen.wait("RUNNING 14 µL/h |")
        screen.type("\x1b[A")
        screen.wait("pumprig> rate 14 ul/h")


def test_tab_completes_a_command_its_units_and_its_words(port, home):
    with session(port, home) as screen:
        screen.type("bol\t5 ul ov\t2 mi\t")
        screen.wait("pumprig> bolus 5 ul over 2 min", "bolus VOLUME [over TIME] [spread] | volume")
        screen.enter("status")
        screen.wait("device", "pumprig>")
        screen.type("rate 5 \t")
        screen.wait("ul/h  nl/h  ml/h")


def test_without_colour_no_colour_is_sent_and_a_refusal_says_why(port, home):
    with session(port, home) as screen:
        answer(screen, "rate 15 ul/h", "yes", "RUNNING 15 µL/h |")
        screen.enter("prime 10 ul")
        screen.wait("[yes/no]")
        screen.type("yes\r")
        screen.wait("was refused", "stop the pump first")
        assert not COLOUR.search(screen.raw)


def test_a_recorded_session_replays_as_a_script_with_its_refusals(port, home, tmp_path):
    record = tmp_path / "session.txt"
    with session(port, home, "--record", record) as screen:
        answer(screen, "rate 16 ul/h", "yes", "RUNNING 16 µL/h |")
        screen.enter("demand")
        screen.wait("[yes/no]")
        screen.type("yes\r")
        screen.wait("was refused")
        screen.enter("stop")
        screen.wait("STOPPED |")
        screen.enter("quit")
        assert screen.ends() == 0
    assert record.read_text().splitlines()[2:] == ["rate 16 ul/h", "> yes", "!3 demand", "> yes", "stop"]
    done = subprocess.run(
        command(port, "--play", record), env=home, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "running: 16 µL/h" in done.stdout
    assert "stopped;" in done.stdout


def test_a_script_ends_at_its_first_surprise_and_says_where(port, home, tmp_path):
    path = tmp_path / "script.txt"
    path.write_text("rate 17 ul/h\n> yes\n!3 silence\nstop\n")
    done = subprocess.run(command(port, "--play", path), env=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "line 3" in done.stderr
    assert "stopped;" not in done.stdout


def test_without_a_terminal_there_is_no_session(port, home):
    done = subprocess.run(
        command(port), env=home, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_a_rig_that_goes_away_is_shown_as_lost_and_stop_says_that_nothing_confirmed_it(home):
    link = (
        home["PUMPRIG_HOME"] + "/rig8"
    )  # goes with the rig; a bare /dev/pts/N may be another rig's the next moment
    words = [sys.executable, "-m", "rigsim", "serve", "--seed", "8", "--link", link]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as rig:
        port = rig.stdout.readline().split()[1]
        with session(port, home) as screen:
            rig.terminate()
            rig.wait(10)
            screen.wait("NO LINK")
            screen.enter("stop")
            screen.wait("not confirmed", "Press the stop button", timeout_s=40)


def test_a_stop_typed_while_the_link_hangs_reaches_the_rig_as_soon_as_it_listens(home):
    words = [sys.executable, "-m", "rigsim", "serve", "--seed", "9"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as rig:
        port = rig.stdout.readline().split()[1]
        with session(port, home) as screen:
            answer(screen, "rate 10 ul/h", "yes", "RUNNING 10 µL/h |")
            rig.send_signal(signal.SIGSTOP)
            screen.wait("NO LINK")
            screen.type("stop\r")
            screen.wait("pumprig> stop")
            rig.send_signal(signal.SIGCONT)
            screen.wait("stopped;", "STOPPED |")
        rig.terminate()


HEADS = re.compile(r"^\s+now\s+new$", re.MULTILINE)
NIGHT = ROOT / "examples" / "night-step.toml"


def test_a_long_review_keeps_its_heads_in_sight_and_shows_only_what_changes(port, home):
    """At 80 x 24: all of another program, some rows of a rate, nothing of the same program again."""
    with session(port, home) as screen:
        answer(screen, "rate 9 ul/h", "yes", "RUNNING 9 µL/h |")
        screen.enter(f"program load {NIGHT}")
        shown = screen.wait("Commit this? [yes/no]")
        assert len(HEADS.findall(shown)) == 1
        assert "reservoir empty" in shown
        screen.type("yes\r")
        screen.wait("RUNNING", "night step", "pumprig>")
        screen.enter("rate 16 ul/h")
        shown = screen.wait("Commit this? [yes/no]", "the same now and new")
        rows = [line for line in shown.splitlines() if re.match(r"^[* ]  \w", line)]
        assert HEADS.search(shown)
        assert len(rows) > 5
        assert all(row.startswith("*") for row in rows)
        screen.type("no\r")
        screen.wait("Not confirmed")
        screen.enter(f"program load {NIGHT}")
        shown = screen.wait("Commit this? [yes/no]", "the same now and new")
        assert "*  " not in shown
        screen.type("no\r")
        screen.wait("Not confirmed")
