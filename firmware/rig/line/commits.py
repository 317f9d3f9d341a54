"""What the commands do that bring a document into force: a function for each verb.

Owns: the effect of `rate`, `stage` and `commit` on the rig's parts.
Rules: as in acts.py: a function changes state only, returns the answer's values in the table's order, and asks the
effect for what has to wait for the record; a module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: reading, weighing and staging to preparing.py, what waits for its time to later.py.
"""

from rig import lend
from rig.board import flashmap
from rig.refused import Refused


def rate(rig, args, now_us, effect):
    """Stage a constant base flow."""
    return _preparing().stage_rate(rig, args["rate_nl_per_day"], now_us)


def stage(rig, args, now_us, effect):
    """Stage a document, or a part of it."""
    return _preparing().stage_part(rig, args, now_us)


def commit(rig, args, now_us, effect):
    """Make what is staged active."""
    staging = rig.staging
    staging.watch(now_us)
    text = staging.text
    if not text:
        raise Refused("nothing", ())
    digest = staging.digest
    if args["hash"] != digest:
        raise Refused("hash", (("staged_hash", digest),))
    document, _text = _preparing().reading(rig, text)
    rig.staging.need_erase(now_us)
    if document["kind"] == "calibration":
        if rig.therapy.mode != "stopped":
            raise Refused("state", (("why", "stop the pump first"),))
        _keep(rig, flashmap.CALIBRATION, text)
        rig.use_calibration(document)
        rig.log.record("calibration", rig.dosing.told())
    elif args["at_utc_s"]:
        _commit_later(rig, document, text, args, now_us)
    else:
        begin_program(rig, document, text, digest, args["override"], now_us)
        rig.give_up_later("commit")
        effect.replan = True
    staging.drop()
    return (digest,)


def _commit_later(rig, document, text, args, now_us):
    utc_us = rig.clock.utc_us(now_us)
    if not utc_us:
        raise Refused("state", (("why", "the clock is not set"),))
    if args["at_utc_s"] * 1_000_000 <= utc_us:
        raise Refused("value", (("argument", "at_utc_s"), ("why", "this time has passed")))
    rig.therapy.check(document, args["override"], _preparing().own_nl(rig, document))
    rig.give_up_later("commit")
    lend.get("rig.line.later").keep(rig, text, args["at_utc_s"], args["override"])
    rig.watching.wake()


def begin_program(rig, document, text, digest, override, now_us):
    """Make a program the active one, running; motion is to follow, and all is settled. Raises Refused."""
    weighed = _preparing().room(rig, document, now_us)
    therapy = rig.therapy
    alone = _preparing().is_base_alone(rig, document)
    goes_on = therapy.begun() if alone and therapy.mode == "running" else ()
    therapy.check(document, override, weighed[0], goes_on)
    rig.need_fluid(1)
    rig.need_ready()
    _keep(rig, flashmap.PROGRAM, text)
    rig.use_program(document, text, digest, now_us, weighed, alone=alone)
    therapy.run(now_us)


def _preparing():
    """What a document takes: in memory since its command was prepared, and only for those that have one."""
    return lend.get("rig.line.preparing")


def _keep(rig, slot, text):
    """Let a document outlast a loss of power."""
    lend.get("rig.log.kept_documents").store(rig.settings, slot, text)
