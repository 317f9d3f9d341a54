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
