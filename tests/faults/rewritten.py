"""Answers rewritten on the way: what a host command says and does when the other end lies in right form.

Owns: a cable between a real simulated rig and the port that the tool opens, on which whole answers are changed; the
judgement of one command.
Rules: every rewritten line carries a right CRC, so that only its content is wrong; whatever comes, the command ends in
time with an exit code of the contract, in words of its own, and nothing of what came is interpreted.
Units: seconds.
Leaves: damaged lines to lines.py, devices that are no rig to strangers.py.
"""

import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import time

import strangers
from pumprig import cli
from pumprig.rig.simulator import environment
from pumpwire import codec

LIMIT_S = 45.0
EVIL = (
    "\x1b[2J\x1b]0;title\x07", "[bold]x[/] [/min]", "=cmd|'/C calc'!A0", "../../evil", "a\nstate running", "\u202e100",
    "\x9b31m", "{{7*7}} {x} %s", "$\\frac$", "", "-1", "1e9", "9" * 19, "nan", "x" * 300, "0", "\x00",
)  # fmt: skip
COMMANDS = (
    "status", "alarms", "log pull", "program show", "rate 20ul/h --yes", "bolus 10ul --yes", "refill 18ml --yes",
    "stop", "resume --yes", "doctor", "ports", "clock set --yes", "unlock", "key", "tube",
    "report -o {folder}/report.html",
    "prime 10ul --yes", "demand --yes", "watch --count 1", "alarms ack --yes", "program save {folder}/saved.toml",
    "dispense 10ul --yes", "battery", "log show", "log verify", "log total", "log export -o {folder}/log.csv",
)  # fmt: skip


class Rewriter:
    """Changes one answer in a few, in a way drawn by the seed."""

    def __init__(self, seed):
        self._chance = random.Random(seed)
        self.done = []

    def lines(self, line):
        """The lines that stand in the place of one from the rig."""
        try:
            seq, word, fields = codec.parse(line, "<")
        except codec.WireError:
            return [line]
        if self._chance.random() < 0.7:
            return [line]
        ways = (self._value, self._value, self._less, self._more, self._word, self._again, self._none)
        how = self._chance.choice(ways)
        rows = how(seq, word, dict(fields))
        self.done.append((how.__name__, line, rows))
        return [codec.answer(*row[:2], list(row[2].items())) for row in rows]

    def _value(self, seq, word, fields):
        if fields:
            fields[self._chance.choice(sorted(fields))] = self._chance.choice(EVIL)
        return [(seq, word, fields)]

    def _less(self, seq, word, fields):
        if fields:
            del fields[self._chance.choice(sorted(fields))]
        return [(seq, word, fields)]

    def _more(self, seq, word, fields):
        return [(seq, word, {**fields, "extra": self._chance.choice(EVIL)})]

    def _word(self, seq, word, fields):
        other = self._chance.choice(("ok", "more", "err", "perhaps"))
        return [
            (seq, other, {**fields, "code": self._chance.choice(EVIL), "name": self._chance.choice(EVIL)})
        ]

    def _again(self, seq, word, fields):
        return [(seq, "more", fields)] * 3 + [(seq, word, fields)]

    def _none(self, seq, word, fields):
        return []


class Cable(strangers.Stranger):
    """A stranger that passes on what a real rig says, rewritten."""

    def __init__(self, rig, rewriter):
        self._rig = rig  # a descriptor of the rig's terminal
        self.rewriter = rewriter
        self.pause_s = 0.002
        self._heard = b""

    def hears(self, line):
        os.write(self._rig, line + b"\n")
        return b""

    def says(self):
        with contextlib.suppress(BlockingIOError):
            self._heard += os.read(self._rig, 4096)
        *lines, self._heard = self._heard.split(b"\n")
        told = [
            each
            for line in lines
            for each in self.rewriter.lines(line.rstrip(b"\r").decode("ascii", "replace"))
        ]
        return b"".join(line.encode() + b"\r\n" for line in told)


@contextlib.contextmanager
def rig(seed):
    """A real simulated rig; the block gets a descriptor of its terminal."""
    import tty

    words = [sys.executable, "-m", "rigsim", "serve", "--seed", str(seed)]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().split()[1]
            descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(descriptor)
            yield descriptor
            os.close(descriptor)
        finally:
            process.terminate()


def trial(descriptor, folder, words, seed):
    """One command over the cable; returns what is wrong, or an empty text."""
    rewriter = Rewriter(seed)
    with strangers.at_a_port(Cable(descriptor, rewriter)) as port:
        told = run(port, folder, words, as_json=bool(seed % 2))
    wrong = judged(*told, as_json=bool(seed % 2))
    return f"seed {seed}, {words}: {wrong}; rewritten: {rewriter.done[-2:]}" if wrong else ""


def run(port, folder, words, as_json):
    """(exit code, seconds, stdout, stderr) of one command line."""
    out, err = io.StringIO(), io.StringIO()
    command = ["-p", port, *(["--json"] if as_json else []), *words.format(folder=folder).split()]
    begun_s = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(command)
    return code, time.monotonic() - begun_s, out.getvalue(), err.getvalue()


def judged(code, taken_s, out, err, as_json):
    """What breaks the rules, or an empty text."""
    if code not in (0, 1, 2, 3, 4):
        return f"exit code {code}"
    if taken_s > LIMIT_S:
        return f"took {taken_s:.0f} s"
    if "did not foresee" in err or "Traceback" in err:
        return err.strip()[:300]
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out + err):
        return f"a control character was printed: {(out + err)!r}"[:300]
    if as_json and out:
        try:
            for line in out.splitlines():
                json.loads(line)
        except ValueError:
            return f"no JSON alone on stdout: {out!r}"[:300]
    return ""
