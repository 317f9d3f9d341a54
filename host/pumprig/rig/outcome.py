"""What the rig's last used number says of a command whose answer was lost.

Owns: the verdict done, refused, not done or unknown, and its wording.
Rules: a verdict follows from the rig's own words alone: the last number, how it ended, and which command it was; a
number that another host's command has used up was not ours, and ours cannot act any more.
Units: numbers as on the wire.
Leaves: intents of earlier runs to store/intents.py.
"""

from __future__ import annotations

from pumpwire import spec

from pumprig.errors import LinkError
from pumprig.rig.answers import Answer, Greeting, SaidNo
from pumprig.rig.understood import Fields

AGAIN = "Send it again."


def overtaken(verb: str, cause: str) -> LinkError:
    """Other commands came after ours, or in its place: the greeting alone does not tell."""
    return LinkError(
        f"The link failed during `{verb}`: {cause}; someone else has changed the rig since.",
        "unknown",
        "`pumprig log pull` settles it: the rig's log names every command with its number.",
    )


def by_number(now: Greeting, seq: int, verb: str, crc: int, cause: str) -> Answer:
    """The verdict on our command of this number and name (codec.name_of). Raises SaidNo, LinkError."""
    failed = f"The link failed during `{verb}`: {cause}"
    if now.last_seq < seq:
        raise LinkError(f"{failed}.", "not done", AGAIN)
    if now.last_seq > seq:
        raise overtaken(verb, cause)
    if now.last_crc != crc:
        raise LinkError(
            f"{failed}; another host's command was carried out instead.",
            "not done",
            "Look at `pumprig status`, then send it again.",
        )
    if now.last_code:
        raise SaidNo({"code": str(now.last_code), "name": spec.error_name(now.last_code)})
    return Answer([Fields({"repeated": "1"})], "done", verb)
