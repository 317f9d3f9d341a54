"""Every command ends within its time, whatever sits at the other end of the port."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import strangers
from pumprig.rig.simulator import environment

READ_S, CHANGE_S, STOP_S = 14.0, 34.0, 8.0  # the limits that docs/explanation/threat-model.md states
FLASH_S, BALANCE_S = 45.0, 45.0
COMMANDS = {
    "status": READ_S,
    "stop": STOP_S,
    "doctor": READ_S,
    "ports": READ_S,
    "alarms": READ_S,
    "log pull": READ_S,
    "program show": READ_S,
    "watch --count 1": READ_S,
    "key": READ_S,
    "rate 20ul/h --yes": CHANGE_S,
    "bolus 10ul --yes": CHANGE_S,
    "refill 18ml --yes": CHANGE_S,
    "unlock": CHANGE_S,
    "clock set --yes": CHANGE_S,
    "log pull --follow": READ_S,
    "dispense 10ul --yes": CHANGE_S,
    "calibrate list": READ_S,
    "calibrate nominal --per-rev 10ul --yes": CHANGE_S,
    "flash --yes": FLASH_S,
    "balance test {port}": BALANCE_S,  # every setting that a balance may have is tried
    "calibrate record --balance {port} --for 1s -o {home}.csv": READ_S + BALANCE_S,
}
GATE = (  # all at once, in under half a minute; `make faults` runs every command against every device
    ("dripping", "status"),
    ("dripping", "stop"),
    ("dripping", "log pull"),
    ("dripping", "rate 20ul/h --yes"),
    ("dripping", "doctor"),
    ("flooding", "status"),
    ("flooding", "stop"),
    ("endless", "status"),
    ("modem", "bolus 10ul --yes"),
    ("echo", "status"),
    ("mute", "rate 20ul/h --yes"),
    ("babbling", "log pull"),
    ("dripping", "flash --yes"),
    ("flooding", "balance test {port}"),
)
SAY_NO_OUTCOME = ("doctor", "balance test {port}")
START_S = 25.0  # a dozen programs begin at once on a busy machine


def ended(port, words, home):
    """Run a command; returns (exit code, JSON document, all that was printed). Raises TimeoutExpired."""
    told = words.format(port=port, home=home).split()
    command = [sys.executable, "-m", "pumprig", "-p", port, "--json", *told]
    env = {**environment(), "PUMPRIG_HOME": str(home)}
    done = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=COMMANDS[words] + START_S,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), (done.stdout + done.stderr).decode()


def test_a_command_ends_within_its_time_and_says_what_is_there(tmp_path):
    with ExitStack() as stack, ThreadPoolExecutor(len(GATE)) as pool:
        ports = [stack.enter_context(strangers.at_a_port(strangers.ALL[name]())) for name, _words in GATE]
        rows = [
            (*case, pool.submit(ended, port, case[1], tmp_path / str(number)))
            for number, (case, port) in enumerate(zip(GATE, ports, strict=True))
        ]
        for name, words, run in rows:
            code, told, printed = run.result()
            assert code == (1 if words in SAY_NO_OUTCOME else 4), (name, words, printed)
            assert words in SAY_NO_OUTCOME or told["outcome"] in ("not done", "unknown"), (
                name,
                words,
                printed,
            )
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", printed), (name, words, printed)
