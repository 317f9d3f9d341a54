"""The documents that commands are about: read and weighed in pieces that each fit a tick, then staged.

Owns: reading a document before its command acts, whether a program fits under its cap, staging.
Rules: preparing changes nothing; only a whole document that the pump can carry is staged; a module on loan (rig.lend):
functions on staging.Staging, which keeps what outlasts a command.
Units: microseconds of Clock.
Leaves: what a commit does to commits.py, what documents may say to pumpwire.documents, what has room to flow/weigh.py.
"""

from pumpwire import daily, documents, terms
from pumpwire import program as programs

from rig.flow import weigh
from rig.line.staging import NOTHING
from rig.refused import Refused

# --- before a command acts


def prepare(rig, verb, args):
    """Read what a command is about; a tick may end at each yield."""
    staging = rig.staging
    text = _about(rig, verb, args)
    if verb == "rate":
        for text in documents.written(daily.constant(rig.therapy.program, args["rate_nl_per_day"])):
            yield
    yield
    if not text:
        return
    try:
        for document in documents.parsed(text):
            yield
    except documents.DocumentError:
        return  # refused by the command itself
    written = text
    if verb != "commit":
        for written in documents.written(document):
            yield
    staging.read = (text, document, written)
    yield
    if document["kind"] == "program":
        yield from weighing(rig, document, verb == "commit" and not args["at_utc_s"], rig.clock.now_us())


def _about(rig, verb, args):
    """The text of the document that `commit` or `stage` is about; empty: none, or not a whole one."""
    staging = rig.staging
    if verb == "commit":
        return staging.text
    if verb == "stage" and args["part"] == args["parts"] == len(staging.parts) + 1:
        return "".join(staging.parts) + args["text"]
    return ""


def weighing(rig, document, wholly, now_us):
    """Find out whether a program fits under its cap, wholly: beside what has flowed, too. A generator."""
    rig.staging.weighed = NOTHING
    try:
        if wholly:
            utc_us = rig.clock.utc_us(now_us)
            therapy, elapsed_us, late_nl = rig.therapy, 0, 0
            if is_base_alone(rig, document):
                elapsed_us = now_us - therapy.start_us
                late_nl = weigh.under_way_nl((therapy, rig.cap, rig.dosing), now_us)
            parts = rig.cap, rig.dosing, therapy.bridge
            found = yield from weigh.room(document, *parts, now_us, utc_us, elapsed_us, late_nl)
        else:
            found = ((yield from weigh.own(document)), ())
    except Refused as refused:
        found = refused
    rig.staging.weighed = (document, wholly, found)


def is_base_alone(rig, document):
    """Whether a program changes nothing of the active one but its base flow."""
    return daily.is_base_alone(document, rig.therapy.program)


def room(rig, document, now_us):
    """(the most of a program's own in any 24 h, what DayCap.use takes ahead). Raises Refused."""
    return _found(rig, document, True, now_us)


def own_nl(rig, document):
    """The most of a program's own in any 24 h, nL. Raises Refused."""
    return _found(rig, document, False, 0)[0]


def _found(rig, document, wholly, now_us):
    staging = rig.staging
    if staging.weighed[0] is not document or wholly and not staging.weighed[1]:
        for _turn in weighing(rig, document, wholly, now_us):
            pass  # not prepared: in one go
    if isinstance(staging.weighed[2], Refused):
        raise staging.weighed[2]
    return staging.weighed[2]


def reading(rig, text):
    """(document, canonical text) of a text, read while the command was prepared or now. Raises Refused."""
    if rig.staging.read[0] == text:
        return rig.staging.read[1:]
    try:
        document = documents.parse(text)
    except documents.DocumentError as error:
        raise Refused("document", (("field", error.args[0]), ("why", error.args[1])))
    return document, documents.canonical(document)


def read_later(rig, text, now_us):
    """Read and weigh the program that waits, a piece a tick."""
    document = documents.parse(text)
    yield
    yield from weighing(rig, document, True, now_us)
    rig.staging.read = (text, document, text)


def _constant(rig, rate_nl_per_day):
    """The canonical text of a constant base flow; all else of the active program stays. Prepared, or made now."""
    wanted = daily.constant(rig.therapy.program, rate_nl_per_day)
    _text, document, written = rig.staging.read
    if document is not None and not [name for name in wanted if document.get(name) != wanted[name]]:
        return written
    return documents.canonical(wanted)


# --- staging


def stage_rate(rig, rate_nl_per_day, now_us):
    """Stage a constant base flow; returns the answer's values. Raises Refused."""
    return _stage(rig, _constant(rig, rate_nl_per_day), now_us)


def stage_part(rig, args, now_us):
    """Take a part of a text; the last one stages it, and returns the answer's values. Raises Refused."""
    staging = rig.staging
    if args["part"] == 1:
        staging.parts = []
    if args["part"] != len(staging.parts) + 1 or args["part"] > args["parts"]:
        staging.parts = []
        raise Refused("value", (("argument", "part"), ("why", "parts must come in order")))
    staging.parts.append(args["text"])
    if args["part"] < args["parts"]:
        return None
    text = "".join(staging.parts)
    staging.parts = []
    return _stage(rig, text, now_us)


def _stage(rig, text, now_us):
    document, text = reading(rig, text)
    if document["kind"] == "program":
        rig.therapy.check(document, True, own_nl(rig, document))
    elif document["kind"] != "calibration":
        raise Refused("document", (("field", "kind"), ("why", "is set by its own command")))
    digest = terms.digest(text)
    rig.staging.keep(text, digest, now_us)
    if document["kind"] != "program":
        return digest, None, None
    return digest, programs.max_day_nl(document), programs.max_base_rate(document)
