"""What the commands do that move no fluid: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: a function changes state only and returns the answer's values in the table's order; what has to wait for the
record is asked of the effect; it never refuses with an error that uses up no number (pumpwire.spec.NUMBER_FREE); a
module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: doses to doses.py, what is staged to staging.py, what is rarely told to titration.py.
"""

from pumpwire import auth, terms

from rig import lend
from rig.board import flashmap
from rig.clock import ERASE_US
from rig.refused import Refused

RESET_AFTER_US = 300_000  # time for the answer to leave


# --- documents


def rate(rig, args, now_us, effect):
    """Stage a constant base flow."""
    return _preparing().stage_rate(rig, args["rate_nl_per_day"], now_us)


def stage(rig, args, now_us, effect):
    """Stage a document, or a part of it."""
    return _preparing().stage_part(rig, args, now_us)


def discard(rig, args, now_us, effect):
    """Drop what is staged."""
    rig.staging.drop()


def withdraw(rig, args, now_us, effect):
    """Give up the program that waits for its time."""
    if not rig.therapy.later[0]:
        raise Refused("nothing", (("why", "no program waits for its time"),))
    rig.give_up_later("withdraw")


def commit(rig, args, now_us, effect):
    """Make what is staged active."""
    staging = rig.staging
    staging.watch(now_us)
    text = staging.text
    if not text:
        raise Refused("nothing", ())
    digest = terms.digest(text)
    if args["hash"] != digest:
        raise Refused("hash", (("staged_hash", digest),))
    document, _text = _preparing().reading(rig, text)
    _need_erase(rig, now_us)
    if document["kind"] == "calibration":
        if rig.therapy.mode != "stopped":
            raise Refused("state", (("why", "stop the pump first"),))
        _keep(rig, flashmap.CALIBRATION, text)
        rig.use_calibration(document)
        rig.log.record("calibration", rig.dosing.told())
    elif args["at_utc_s"]:
        _commit_later(rig, document, text, args, now_us)
    else:
        begin_program(rig, document, text, args["override"], now_us)
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


def begin_program(rig, document, text, override, now_us):
    """Make a program the active one, running; motion is to follow. Returns its hash. Raises Refused."""
    digest = terms.digest(text)
    rig.delivery.settle(now_us)
    weighed = _preparing().room(rig, document, now_us)
    rig.therapy.check(document, override, weighed[0])
    rig.need_fluid(1)
    rig.need_ready()
    _keep(rig, flashmap.PROGRAM, text)
    rig.use_program(document, text, digest, now_us, weighed)
    rig.therapy.run(now_us)
    return digest


def _preparing():
    """What a document takes: in memory since its command was prepared, and only for those that have one."""
    return lend.get("rig.line.preparing")


def _keep(rig, slot, text):
    """Let a document outlast a loss of power."""
    lend.get("rig.log.kept_documents").store(rig.settings, slot, text)


def _need_erase(rig, now_us):
    """Keeping a document may erase twice. Raises Refused where the queued motion would not outlast that."""
    if rig.delivery.ahead_us(now_us) < 2 * ERASE_US:
        raise Refused("busy", (("why", "a fast flow is under way; wait for its end"),))


# --- alarms, clock, access


def ack(rig, args, now_us, effect):
    """A person has seen the alarms."""
    rig.alarms.acknowledge()
    rig.monitor.accept_rotor()
    rig.sounding.wake()
    rig.watching.wake()


def clock(rig, args, now_us, effect):
    """Set the wall clock."""
    was_restored = rig.clock.source == "restored"
    moved_us = rig.clock.set_utc(args["utc_us"], now_us, "host")
    rig.monitor.check_clock(now_us)
    rig.watching.wake()
    if was_restored and moved_us > 0:
        rig.therapy.add_outage(moved_us, now_us)
        effect.replan = True
    if abs(moved_us) > 1_000_000:
        rig.log.record("clock", (("moved_us", moved_us),))
        effect.replan = True
    return (moved_us,)


def access(rig, args, now_us, effect):
    """Set key (64 hex digits), PIN (empty: none), whether typed programming is allowed; what is not named stays."""
    key = args["key"]
    if key and (len(key) != 2 * auth.KEY_BYTES or any(c not in "0123456789abcdef" for c in key)):
        raise Refused("value", (("argument", "key"), ("why", "64 hex digits")))
    _need_erase(rig, now_us)
    held, pin = rig.access, args["pin"]
    document = {
        "kind": "access",
        "key": held.key_text() if key is None else key,
        "pin_hash": held.pin_hash if pin is None else auth.pin_hash(held.device_id, pin) if pin else "",
        "plain": held.plain if args["plain"] is None else args["plain"],
        "seq": effect.seq,
    }
    documents = lend.get("pumpwire.documents")
    text = documents.canonical(document)
    _keep(rig, flashmap.ACCESS, text)
    held.use(documents.parse(text))
    return (1 if held.has_key() else 0,)


def maintenance(rig, args, now_us, effect):
    """Stop, then start anew without the watchdog."""
    rig.stop(now_us)
    effect.reset_us = now_us + RESET_AFTER_US
