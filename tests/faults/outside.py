"""What comes from outside, at length: strangers at the port, rewritten answers, interrupted starts, hostile names.

Owns: the parts of `make faults` about them.
Rules: as in the modules that it runs.
Units: seconds.
Leaves: the cases and their judgement to strangers.py, rewritten.py, starts.py, names.py.
"""

import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import strangers
from faults import names, rewritten, starts
from faults.test_time_limits import COMMANDS, ended
from pumprig.rig.simulator import PrivateRig


@contextmanager
def home():
    """A folder that holds everything of the tool's, for this process."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(PUMPRIG_HOME=folder, NO_COLOR="1", COLUMNS="200")
        yield Path(folder)


def strangers_at_ports():
    """Every command against every device that is no honest rig, six programs at a time: they mostly wait."""
    cases = [(name, words) for name in strangers.ALL for words in COMMANDS]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda case: _at_a_stranger(*case, folder), cases))
    told = f"commands at {len(strangers.ALL)} strangers in {time.monotonic() - began_s:.0f} s"
    return len(cases), told, [text for text in found if text]


def _at_a_stranger(name, words, folder):
    """What is wrong with a command at a stranger, or an empty text; hanging is wrong."""
    try:
        with strangers.at_a_port(strangers.ALL[name]()) as port:
            code, _document, printed = ended(port, words, f"{folder}/{name}-{words.split()[0]}")
    except (subprocess.TimeoutExpired, ValueError) as error:
        return f"{name}, {words}: {error}"
    wrong = rewritten.judged(code, 0.0, printed, "", as_json=False)
    return f"{name}, {words}: {wrong}" if wrong else ""


def rewritten_answers(count, first_seed):
    """Commands whose answers are rewritten on the way."""
    failures = []
    with home() as folder, rewritten.rig(first_seed) as descriptor:
        for seed in range(first_seed, first_seed + count):
            words = rewritten.COMMANDS[seed % len(rewritten.COMMANDS)]
            wrong = rewritten.trial(descriptor, folder, words, seed)
            if wrong:
                failures.append(wrong[:600])
    return count, f"commands with rewritten answers, {len(rewritten.COMMANDS)} kinds", failures


def interrupted_starts(count):
    """The private rig's start, interrupted at random."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "home"
        wrong = [text for seed in range(count) if (text := starts.trial(place, 1_000 + seed))]
        starts.end(place)
    return count, "starts of the private rig interrupted, each followed by a command", wrong


def interrupted_helpers(count):
    """The start of every helper process, interrupted at random."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "home"
        cases = [(name, 2_000 + seed) for name in starts.HELPERS for seed in range(count)]
        wrong = [text for name, seed in cases if (text := starts.helper_trial(place, name, seed))]
        starts.end(place)
    return len(cases), f"starts of {', '.join(starts.HELPERS)} interrupted, each begun again", wrong


def hostile_names():
    """Every name through every output."""
    failures, tried = [], 0
    with home() as folder:
        for name in names.PRINTABLE:
            path = names.program(folder, name)
            for words in names.OUTPUTS:
                tried += 1
                told = rewritten.run("sim", folder, words.replace("{file}", str(path)), as_json=False)
                wrong = rewritten.judged(*told, as_json=False) or ("" if told[0] == 0 else told[3][:200])
                if wrong:
                    failures.append(f"{name!r}, {words}: {wrong}")
            if "<script>alert" in (folder / "report.html").read_text(encoding="utf-8"):
                failures.append(f"{name!r}: markup in the report")
        PrivateRig(folder / "state" / "sim").stop()
    return tried, f"outputs of {len(names.PRINTABLE)} hostile names", failures
