"""What the commands do that set the clock and who may what: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: as in acts.py; a module on loan (rig.lend), apart from it so that each is imported in a tick.
Units: as in pumpwire.spec.
Leaves: the clock to rig/clock.py, keys and locks to access.py.
"""

from pumpwire import auth

from rig import lend
from rig.board import flashmap
from rig.flow.day_cap import UNCAPPED_NL
from rig.refused import Refused

MOVED_US = 1_000_000  # a clock that is set by no more has not moved


def clock(rig, args, now_us, effect):
    """Set the wall clock."""
    outage_us = _outage_us(rig, args["utc_us"], now_us)
    moved_us = rig.clock.set_utc(args["utc_us"], now_us, "host")
    rig.monitor.check_clock(now_us)
    rig.watching.wake()
    if outage_us:
        rig.therapy.add_outage(outage_us, now_us)
        effect.replan = True
    rig.therapy.was_held = False  # each loss of power is known from here on
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
