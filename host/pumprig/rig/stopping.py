"""The stop, and the silence: requests without number, session or greeting.

Owns: sending it, past everything else if need be, and what confirms it.
Rules: it is repeated until it is confirmed; a stop that nothing confirms is said to be unknown, never to be done.
Units: seconds.
Leaves: the line's form to requests.py, what the rig does to the firmware.
"""

from __future__ import annotations

from pumpwire import codec

from pumprig.errors import LinkError
from pumprig.rig.answers import Answer, NoAnswer
from pumprig.rig.link import LinkBroken, Transport, Urgent
from pumprig.rig.patience import Patience
from pumprig.rig.requests import line_of
from pumprig.rig.understood import Fields, understood

ANSWER_S = 1.0
ATTEMPTS = 4


def stop(transport: Transport) -> Answer:
    """Stop the pump. Raises LinkError if nothing confirms it."""
    return _confirmed(transport, "stop", "Press the stop button on the rig.")


def silence(transport: Transport) -> Answer:
    """Silence the tone. Raises LinkError if nothing confirms it."""
    return _confirmed(transport, "silence", "Press the silence button on the rig.")


def _confirmed(transport: Transport, verb: str, else_do: str) -> Answer:
    cause = "no answer came"
    sent = False
    for _ in range(ATTEMPTS):
        try:
            transport.send("")
            transport.send(line_of(0, verb, {}))
            sent = True
            return _confirmation(transport)
        except NoAnswer as error:
            cause = str(error)
        except LinkBroken as error:
            cause = str(error)
            try:
                transport.reopen()
            except LinkBroken:
                transport.pause(0.2)
    raise LinkError(
        f"The {verb} was not confirmed: {cause}.",
        "unknown" if sent else "not done",
        else_do,
    )


def _confirmation(transport: Transport) -> Answer:
    patience = Patience(ANSWER_S)
    for _ in range(1000):
        got = transport.receive(patience.left_s())
        if got is None or got.startswith("<0 err"):
            break
        fields = confirmed(got)
        if fields is not None:
            return Answer([Fields(fields)], "done")
    raise NoAnswer("no answer came")


def stop_past(link: Urgent) -> dict[str, str]:
    """Stop the pump past whatever conversation is under way, for another program. Raises LinkBroken."""
    line = link.overtake(line_of(0, "stop", {}), lambda line: confirmed(line) is not None)
    return confirmed(line) or {}


def confirmed(line: str) -> dict[str, str] | None:
    """The fields of a line that confirms a stop; None for any other."""
    try:
        number, word, fields = codec.parse(line, "<")
    except codec.WireError:
        return None
    return understood(fields, "stop") if number == 0 and word == "ok" else None
