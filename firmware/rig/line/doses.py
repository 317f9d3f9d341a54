"""What the commands do that move fluid, and the refill: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: as in acts.py: a function changes state only, returns the answer's values in the table's order, and asks the
effect for what has to wait for the record; it never refuses with an error that uses up no number
(pumpwire.spec.NUMBER_FREE); a module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: what is granted and refused for a therapy's sake to flow/grants.py.
"""

from pumpwire import terms
from pumpwire.program import DAY_US

from rig.flow import grants
from rig.refused import Refused

SHORTEST_MS = 1_000  # of a dose, as of a bolus
USUAL_MS = 60_000


def weighing(rig, verb, args):
    """Before a request is judged: what comes under the cap. A generator."""
    if verb == "demand":
        return grants.demand_weighing(rig.requests, rig.clock)
    rate = args.get("rate_nl_per_day")
    over_us = args["volume_nl"] * DAY_US // rate if rate else (args["over_ms"] or 0) * 1000
    mode = "running" if verb == "bolus" else "stopped"
    return grants.weighing(rig.requests, args["volume_nl"], over_us, rig.clock, mode)


def bolus(rig, args, now_us, effect):
    """A bolus on top of the base flow."""
    _ready(rig, now_us)
    overlay = grants.bolus(rig.requests, args["volume_nl"], args["over_ms"], args["spread"], now_us)
    return _granted(rig, overlay, effect)


def demand(rig, args, now_us, effect):
    """What the request button does."""
    _ready(rig, now_us)
    return _granted(rig, grants.demand(rig.requests, now_us), effect)


def dispense(rig, args, now_us, effect):
    """A dose from a standing pump."""
    volume_nl, over_ms, rate_nl_per_day = args["volume_nl"], args["over_ms"], args["rate_nl_per_day"]
    if over_ms and rate_nl_per_day:
        raise Refused("value", (("why", "name its duration or its rate, not both"),))
    if 0 < over_ms < SHORTEST_MS:
        raise Refused("value", (("argument", "over_ms"), ("low", SHORTEST_MS)))
    _ready(rig, now_us)
    if not rate_nl_per_day:
        rate_nl_per_day = terms.bolus_rate_nl_per_day(volume_nl, over_ms or USUAL_MS)
    return _granted(rig, grants.dispense(rig.requests, volume_nl, rate_nl_per_day, now_us), effect)


def prime(rig, args, now_us, effect):
    """Fill the line."""
    _ready(rig, now_us)
    return _granted(rig, grants.prime(rig.requests, args["volume_nl"], now_us), effect)


def calibrate(rig, args, now_us, effect):
    """Deliver onto a balance."""
    _ready(rig, now_us)
    overlay = grants.calibrate(rig.requests, args["rate_nl_per_day"], args["volume_nl"], now_us)
    return _granted(rig, overlay, effect)


def _ready(rig, now_us):
    """Refuse while nothing may move; what has ended until now is out of the way. Raises Refused."""
    rig.need_ready()
    rig.delivery.settle(now_us)


def _granted(rig, overlay, effect):
    effect.replan = True
    return overlay.steps, rig.dosing.nl_of(overlay.steps), overlay.rate_nl_per_day


def resume(rig, args, now_us, effect):
    """Run the active program again."""
    if rig.therapy.program is None:
        raise Refused("state", (("why", "no program is loaded"),))
    if rig.therapy.mode not in ("stopped", "running"):
        raise Refused("busy", (("why", rig.therapy.mode + " is under way"),))
    rig.need_fluid(1)
    rig.need_ready()
    if rig.therapy.mode != "running":
        rig.therapy.run(now_us)
        rig.alarms.clear("stopped_loaded")
        effect.replan = True


def refill(rig, args, now_us, effect):
    """The reservoir was filled."""
    rig.delivery.settle(now_us)
    estimate_nl = rig.reservoir.volume_nl()
    found_nl = args["removed_nl"]
    u_nl, told = None, (None,) * 4
    if found_nl is not None:
        u_nl = rig.reservoir.u_nl()
        if abs(found_nl - estimate_nl) > u_nl:
            rig.alarm("discrepancy", (("found_nl", found_nl), ("estimated_nl", estimate_nl)))
            told = tuple([value for _name, value in rig.reservoir.told()]) or told
    rig.reservoir.fill(args["volume_nl"])
    rig.monitor.check_reservoir()
    return (rig.reservoir.volume_nl(), estimate_nl, u_nl) + told
