"""Kills at the start of every helper process, and what the next command finds.

Owns: one interrupted start, judged by the command that follows it.
Rules: the processes are the real ones; a start is interrupted at an instant drawn by a seed; the next command has to
work within its time, and nothing but the interrupted process may be lost.
Units: seconds.
Leaves: kills in the middle of a command to host_kills.py.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from pumprig.rig.simulator import environment

PUMPRIG = [sys.executable, "-m", "pumprig"]
LATEST_S = 1.5  # by then a start is over
NEXT_S = 40.0


def surroundings(home):
    return {**environment(), "PUMPRIG_HOME": str(home), "PUMPRIG_PORT": "sim"}


def helper_pid(home):
    """The simulated rig's process as it told of itself; None before it did."""
    try:
        return json.loads((home / "state" / "sim" / "process.json").read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return None


def interrupted_start(home, whom, number, after_s):
    """Begin `status`, which starts the private rig, and send a signal to the command or to the rig it starts."""
    command = subprocess.Popen(
        [*PUMPRIG, "status"],
        env=surroundings(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until_s = time.monotonic() + after_s
    while time.monotonic() < until_s and command.poll() is None:
        if whom == "rig" and helper_pid(home) is not None:
            break
        select_nothing(0.01)
    pid = command.pid if whom == "command" else helper_pid(home)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    out, err = command.communicate(timeout=NEXT_S)
    return command.returncode, out, err


def select_nothing(seconds):
    """Let time pass for another process."""
    signal.sigtimedwait([], seconds)


def next_command(home, *words):
    done = subprocess.run(
        [*PUMPRIG, "--json", *words],
        env=surroundings(home),
        capture_output=True,
        text=True,
        timeout=NEXT_S,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def end(home):
    subprocess.run(
        [*PUMPRIG, "sim", "--stop"], env=surroundings(home), capture_output=True, timeout=NEXT_S, check=False
    )


def trial(home, seed):
    """One interrupted start of a rig that is new or was there before; returns what is wrong, or an empty text."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        end(home)
        shutil.rmtree(home, ignore_errors=True)
    elif chance.random() < 0.7:
        end(home)
    whom = chance.choice(("command", "rig"))
    number = chance.choice((signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
    after_s = chance.uniform(0.0, LATEST_S)
    told = f"seed {seed}: {signal.Signals(number).name} to the {whom} after {after_s:.2f} s: "
    _code, _out, err = interrupted_start(home, whom, number, after_s)
    if "Traceback" in err and "pumprig" in err:
        return told + err[-300:]
    code, answer = next_command(home, "status")
    if code or not answer.get("device_id") or answer.get("calibration_id") != 1:
        return told + f"the next status ended with {code}: {answer}"
    return ""


HELPERS = {
    "hub": ["hub"],
    "rehearse": ["rehearse", "{program}", "--for", "6 h", "-o", "{home}/run.db"],
    "study": ["study", "{study}", "-o", "{home}/study", "--workers", "2"],
    "gateway": ["gateway", "sim", "--broker", "mqtt://127.0.0.1:9", "--site", "here"],
}
PROGRAM = 'name = "a"\n[basal]\nrate = "1 ml/day"\n'
STUDY = 'name = "s"\nprograms = ["a.toml"]\nfor = "1 h"\nruns = 4\n[[figure]]\nname = "delivered_nl"\n'
AGAIN = ("rehearse", "study")  # the same command once more ends with 0


def left_behind(home):
    """Simulators of this home that still run, but for the private rig. Empty where the system does not tell."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            surrounding = (folder / "environ").read_bytes().split(b"\0")
            ours = f"PUMPRIG_HOME={home}".encode() in surrounding
            if ours and "rigsim" in line and "--idle-end" not in line:
                found.append(line)
    return found


def helper_trial(home, name, seed):
    """A helper's command, interrupted at an instant drawn by the seed; returns what is wrong, or an empty text."""
    chance = random.Random(seed)
    home.mkdir(parents=True, exist_ok=True)
    program, study = home / "a.toml", home / "study.toml"
    program.write_text(PROGRAM)
    study.write_text(STUDY)
    words = [word.format(home=home, program=program, study=study) for word in HELPERS[name]]
    number = chance.choice((signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
    after_s = chance.uniform(0.0, LATEST_S)
    told = f"{name}, seed {seed}, {signal.Signals(number).name} after {after_s:.2f} s: "
    with subprocess.Popen(
        [*PUMPRIG, *words],
        env=surroundings(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as helper:
        select_nothing(after_s)
        helper.send_signal(number)
        try:
            _out, err = helper.communicate(timeout=NEXT_S)
        except subprocess.TimeoutExpired:
            helper.kill()
            return told + "it does not end"
    if "Traceback" in err and "pumprig" in err:  # the first instants are Python's own
        return told + err[-300:]
    until_s = time.monotonic() + NEXT_S
    while (left := left_behind(home)) and time.monotonic() < until_s:
        select_nothing(0.05)
    if left:
        return told + f"left behind: {left}"
    code, answer = next_command(home, "status")
    if code or answer.get("calibration_id") != 1:
        return told + f"the next status ended with {code}: {answer}"
    if name in AGAIN:
        (home / "run.db").unlink(missing_ok=True)
        code, answer = next_command(home, *words)
        return told + f"once more it ended with {code}: {answer}" if code else ""
    return _hub_again(home, told) if name == "hub" else ""


def _hub_again(home, told):
    """A hub begins after one that was killed, and ends."""
    with subprocess.Popen(
        [*PUMPRIG, "hub"], env=surroundings(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as hub:
        line = hub.stdout.readline()
        if not line.startswith("ready "):
            hub.kill()
            return told + f"the next hub says {line!r}"
        code, answer = next_command(home, "stop")
        ended, _answer = next_command(home, "hub", "--stop")
        hub.communicate(timeout=NEXT_S)
    return (
        ""
        if not code and answer.get("stopped") and not ended
        else told + f"stop through the next hub: {answer}"
    )
