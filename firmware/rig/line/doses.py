"""What the commands do that give a bolus: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: as in acts.py: a function changes state only, returns the answer's values in the table's order, and asks the
effect for what has to wait for the record; it never refuses with an error that uses up no number
(pumpwire.spec.NUMBER_FREE); a module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: what is granted and refused for a therapy's sake to flow/grants.py.
"""

from pumpwire.program import DAY_US

from rig.flow import grants


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
    ready(rig, now_us)
    overlay = grants.bolus(rig.requests, args["volume_nl"], args["over_ms"], args["spread"], now_us)
    return granted(rig, overlay, effect)


def demand(rig, args, now_us, effect):
    """What the request button does."""
    ready(rig, now_us)
    return granted(rig, grants.demand(rig.requests, now_us), effect)


def ready(rig, now_us):
    """Refuse while nothing may move; what has ended until now is out of the way. Raises Refused."""
    rig.need_ready()
    rig.delivery.settle(now_us)


def granted(rig, overlay, effect):
    """The answer's values of what is to flow."""
    effect.replan = True
    return overlay.steps, rig.dosing.nl_of(overlay.steps), overlay.rate_nl_per_day
