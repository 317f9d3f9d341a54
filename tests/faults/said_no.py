"""A "no" at the review, in the real program on a real terminal: the rig is as it was, to the last field.

Owns: the commands that ask, the rig's whole state, the comparison.
Rules: every command that asks is answered "n" once; a program waits for its time meanwhile; what a state holds is all
that the rig tells of itself: status, programs (active, staged, waiting), alarms, and the log's deeds.
Units: none.
Leaves: the rig to pumprig.rig.simulator.
"""

import os
import pty
import select
import subprocess
import sys
import time
from binascii import a2b_base64

from faults import deeds
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.rig.simulator import environment
from pumprig.store.intents import fields_of
from pumpwire import records

ENDS_S = 60
ASKING = (
    "rate 2ml/day",
    "program load PROGRAM",
    "program load RAMP --at +5h",
    "program withdraw",
    "calibrate nominal --per-rev 9ul",
    "calibrate apply CALIBRATION",
    "bolus 1ul",
    "demand",
    "prime 1ul",
    "dispense 1ul",
    "resume",
    "refill 10ml",
    "clock set",
    "tube new",
    "battery new",
    "key new",
)
PASSES = {
    "angle",
    "counted_nl_per_day",
    "mono_us",
    "utc_us",
    "last_seq",
    "last_code",
    "last_crc",
    "log_next",
    "log_first",
}  # time, and used numbers
PASSING = (
    "_s",
    "_us",
    "late",
    "supply_mv",
    "log_days",
    "torn",
    "erases",
    "slowest",
)  # forecasts, the loop's own times
STAGING = {"stage", "rate", "discard"}  # what a review takes; the rest would be a deed


def state(port):
    """All that the rig tells of itself, but for what passes by itself."""
    client = Client(SerialLink(port))
    try:
        told = client.read("status").fields
        programs = [tuple(sorted(row.items())) for row in client.read("program").rows]
        alarms = [(row["name"], row.get("acked")) for row in client.read("alarms").rows if "name" in row]
    finally:
        client.close()
    kept = {k: v for k, v in told.items() if k not in PASSES and not k.endswith(PASSING)}
    return kept, programs, alarms, int(told["log_next"])


def differences(before, after):
    """What is another in two states, in words."""
    old, new = before[0], after[0]
    told = [
        f"{name} was {old.get(name)}, is {new.get(name)}"
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    told += [f"programs were {before[1]}, are {after[1]}"] if before[1] != after[1] else []
    return told + ([f"alarms were {before[2]}, are {after[2]}"] if before[2] != after[2] else [])


def deeds_since(port, number):
    """The commands carried out since a record, staging apart."""
    client = Client(SerialLink(port))
    try:
        rows = client.read("log", {"start": number, "count": 60}).rows
    finally:
        client.close()
    found = []
    for row in rows:
        if "record" in row:
            header, _state, text = records.unpack(a2b_base64(row["record"]))
            if records.EVENTS[header["event"]] == "command":
                found.append(fields_of(text)["verb"])
    return [verb for verb in found if verb not in STAGING]


def answered_no(home, words):
    """Run a command on a terminal of its own and type n at its question; (exit code, all that was shown)."""
    master, slave = pty.openpty()
    env = {**environment(), "PUMPRIG_HOME": str(home), "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "pumprig", *words]
    child = subprocess.Popen(
        command, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown, answered = b"", False
    until_s = time.monotonic() + ENDS_S
    try:
        while time.monotonic() < until_s:
            if select.select([master], [], [], 0.05)[0]:
                try:
                    shown += os.read(master, 4096)
                except OSError:  # the last of its ends was closed
                    break
            elif child.poll() is not None:
                break
            if not answered and b"[y/N]" in shown:
                answered = True
                os.write(master, b"n\n")
        return child.wait(5), answered, shown.decode("utf-8", "replace")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(master)


def run(home, lines=ASKING):
    """Every command answered with no; (how many, what is wrong)."""
    place = deeds.Deeds(home)
    wrong = []
    try:
        for line in ("program load PROGRAM --yes", "stop", "program load RAMP --at +3h --yes"):
            told = place.case(line, "", "ascii")
            assert not told, told
        for line in lines:
            files = {"PROGRAM": "program.toml", "RAMP": "ramp.toml"}
            words = [
                place.number if word == "CALIBRATION" else str(home / files[word]) if word in files else word
                for word in line.split()
            ]
            before = state(place.port)
            code, answered, shown = answered_no(home, ["-p", place.port, *words])
            after = state(place.port)
            if not answered:
                wrong.append(f"{line}: it did not ask: {shown[-300:]}")
            elif code != 1:
                wrong.append(f"{line}: exit code {code}: {shown[-300:]}")
            wrong += [f"{line}: {text}" for text in differences(before, after)]
            done = deeds_since(place.port, before[3])
            if done:
                wrong.append(f"{line}: the rig carried out {done}")
    finally:
        place.private.stop()
    return len(lines), wrong
