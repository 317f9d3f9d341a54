"""What the commands do that move no fluid: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: a function changes state only and returns the answer's values in the table's order; what has to wait for the
record is asked of the effect; it never refuses with an error that uses up no number (pumpwire.spec.NUMBER_FREE); a
module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: doses to doses.py, documents to commits.py, what is staged to staging.py, what is rarely told to titration.py.
"""

from pumpwire import auth

from rig import lend
from rig.board import flashmap
from rig.flow.day_cap import UNCAPPED_NL
from rig.refused import Refused

MOVED_US = 1_000_000  # a clock that is set by no more has not moved
RESET_AFTER_US = 300_000  # time for the answer to leave


# --- what is staged or waits


def discard(rig, args, now_us, effect):
    """Drop what is staged."""
    rig.staging.drop()


def withdraw(rig, args, now_us, effect):
    """Give up the program that waits for its time."""
    if not rig.therapy.later[0]:
        raise Refused("nothing", (("why", "no program waits for its time"),))
    rig.give_up_later("withdraw")


# --- alarms, clock, access


def ack(rig, args, now_us, effect):
    """A person has seen the alarms."""
    rig.alarms.acknowledge()
    rig.monitor.accept_rotor()
    rig.sounding.wake()
    rig.watching.wake()


def clock(rig, args, now_us, effect):
    """Set the wall clock."""
    outage_us = _outage_us(rig, args["utc_us"], now_us)
    moved_us = rig.clock.set_utc(args["utc_us"], now_us, "host")
    rig.monitor.check_clock(now_us)
    rig.watching.wake()
    if outage_us:
        rig.therapy.add_outage(outage_us, now_us)
        effect.replan = True
    program, _wholly, ahead_nl = rig.staging.weighed
    if program is not None and program is rig.therapy.program:
        rig.cap.use(program["cap_nl"], rig.cap.own_day_nl, ahead_nl, now_us)
    if abs(moved_us) > MOVED_US:
        rig.log.record("clock", (("moved_us", moved_us),))
        effect.replan = True
    return (moved_us,)


def _moves_us(clock, utc_us, now_us):
    """By how much it would move if it were set so; 0 the first time."""
    return utc_us - clock.utc_us(now_us) if clock.offset_us else 0


def _outage_us(rig, utc_us, now_us):
    """How long the program was without power, as the first setting after a boot tells; 0 at any other."""
    if rig.clock.source != "restored" or not rig.therapy.is_taken:
        return 0
    return max(0, _moves_us(rig.clock, utc_us, now_us))


def weighing(rig, _verb, args):
    """Before the clock is set under a cap: what comes then, of another place of a pattern, perhaps. A generator."""
    clock, program, utc_us = rig.clock, rig.therapy.program, args["utc_us"]
    now_us = clock.now_us()
    moves = clock.source == "unset" or abs(_moves_us(clock, utc_us, now_us)) > MOVED_US
    if not moves or program is None or program["cap_nl"] >= UNCAPPED_NL or not rig.cap.own_steps:
        return
    for name in lend.WEIGHED:
        while lend.fetch(name):
            yield
    elapsed_us = now_us - rig.therapy.start_us + _outage_us(rig, utc_us, now_us)
    parts = program, rig.cap, rig.dosing, rig.therapy.bridge
    found = yield from lend.get("rig.flow.weigh").going_on(*parts, now_us, utc_us, elapsed_us)
    rig.staging.weighed = (program, True, found)


def access(rig, args, now_us, effect):
    """Set key (64 hex digits), PIN (empty: none), whether typed programming is allowed; what is not named stays."""
    key = args["key"]
    if key and (len(key) != 2 * auth.KEY_BYTES or any(c not in "0123456789abcdef" for c in key)):
        raise Refused("value", (("argument", "key"), ("why", "64 hex digits")))
    rig.staging.need_erase(now_us)
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
    lend.get("rig.log.kept_documents").store(rig.settings, flashmap.ACCESS, text)
    held.use(documents.parse(text))
    return (1 if held.has_key() else 0,)


def maintenance(rig, args, now_us, effect):
    """Stop, then start anew without the watchdog."""
    rig.stop(now_us)
    effect.reset_us = now_us + RESET_AFTER_US
