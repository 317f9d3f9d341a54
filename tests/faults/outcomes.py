"""A command that acts, with every output that can fail it: closed, full, in another encoding, absent.

Owns: the outputs, and running a command with one of them in a process of its own.
Rules: a real process, real file descriptors; nothing is patched.
Units: none.
Leaves: which commands act, and what they must have done, to its callers.
"""

import os
import subprocess
import sys

OUTPUTS = ("closed pipe", "full device", "cp932", "cp936", "ascii", "no stdout", "neither")


def left(home, lines, *words):
    """(exit code, stderr) of a command whose reader goes away after so many lines; 0: before it began."""
    environment = {**os.environ, "PUMPRIG_HOME": str(home), "NO_COLOR": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "pumprig", *map(str, words)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _line in range(lines):
        child.stdout.readline()
    child.stdout.close()
    err = child.stderr.read().decode("utf-8", "replace")
    child.stderr.close()
    return child.wait(120), err


def run(home, output, *words):
    """(exit code, stderr, what came on stdout) of a command with an output that fails it."""
    environment = {**os.environ, "PUMPRIG_HOME": str(home), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "pumprig", *map(str, words)]
    options = {"env": environment, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    if output in ("cp932", "cp936", "ascii"):
        environment["PYTHONIOENCODING"] = output
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=False, **options)
        return done.returncode, done.stderr.decode("ascii", "replace"), done.stdout
    if output == "closed pipe":
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run(command, stdout=writer, timeout=120, check=False, **options)
        finally:
            os.close(writer)
    elif output == "full device":
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=full, timeout=120, check=False, **options)
    else:
        closing = " >&-" + (" 2>&-" if output == "neither" else "")
        shell = ["sh", "-c", 'exec "$@"' + closing, "sh", *command]
        done = subprocess.run(shell, timeout=120, check=False, **options)
    return done.returncode, done.stderr.decode("utf-8", "replace"), b""
