"""`pumprig stop` through a running hub, before the command line is loaded.

Owns: recognising that command in its plain forms, and its answer.
Rules: whatever is not plain, or does not go well, is left to the command itself, which does the same by every way there
is; nothing but the standard library's light modules is imported; the very words and exit code of the command.
Units: seconds, steps.
Leaves: everything else to cli/stop.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

STOP = b">0 stop *3899E072\n"
CONFIRM_S = 2.0
ANSWER = "stopped; {} steps counted so far. `pumprig resume` runs the program again."


def stop(words: list[str]) -> bool:
    """Carry `stop` out where a hub runs; whether it was done, confirmed and told."""
    wanted = _plain(words)
    if wanted is None:
        return False
    named, state, as_json = wanted
    try:
        fields = _through_hub(named, state)
    except Exception:  # no hub, or not this port: the command itself knows what to say
        return False
    text = "" if fields is None else _told(fields, as_json)
    if not text:
        return False  # what is no number comes from elsewhere: the command itself shows it
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (OSError, ValueError, UnicodeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the pump stands: output decides nothing
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write("note: the pump has stopped; the output was lost\n")
    return True


def _plain(words: list[str]) -> tuple[str, str | None, bool] | None:
    """(port, state folder, --json) of a plain `stop`; None for anything else."""
    named: str | None = None
    as_json = False
    rest: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("-p", "--port") and at + 1 < len(words):
            named = words[at + 1]
            at += 1
        elif word == "--json":
            as_json = True
        else:
            rest.append(word)
        at += 1
    if rest != ["stop"]:
        return None
    named = named or os.environ.get("PUMPRIG_PORT")
    return (named, None, as_json) if named else None


def _told(fields: dict[str, str], as_json: bool) -> str:
    """The answer to show; empty where it is not understood."""
    if "cancelled_kind" in fields:  # the pump stands: now there is time for the words' modules
        from pumprig.rig.stopped import Stopped

        stopped = Stopped.of(fields)
        if stopped.delivered_steps is None:
            return ""
        return json.dumps(stopped.document()) if as_json else stopped.told()
    steps = fields.get("delivered_steps", "")
    if not (steps.isascii() and steps.isdigit()):
        return ""
    return (
        f'{{"stopped": true, "delivered_steps": {steps}, "cancelled": null}}'
        if as_json
        else ANSWER.format(steps)
    )


def _through_hub(named: str, state: str | None) -> dict[str, str] | None:
    """The fields of a confirmed stop, None without a confirmation. Raises whatever fails."""
    from pumprig.hub import wire

    first: dict[str, str | None] = {"attach": named, "state": state}
    if named == "sim":
        from pumprig import paths

        first["state"] = str(paths.simulator_folder(None))
    elif "://" not in named and os.path.exists(named):
        first["attach"] = os.path.abspath(named)
    connection, heard, answer = wire.connect(first)
    if "address" not in answer:
        return None
    connection.settimeout(CONFIRM_S)
    connection.sendall(STOP)
    while True:
        for line in heard.split(b"\n")[:-1]:
            if line.startswith(b"<0 ok "):
                words = [word.decode().partition("=") for word in line.split(b" ")]
                return {name: text for name, _equals, text in words}
        heard = heard.rpartition(b"\n")[2]
        more = connection.recv(4096)
        if not more:
            return None
        heard += more
