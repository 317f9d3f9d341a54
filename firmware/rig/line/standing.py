"""What the commands do that move fluid from a standing pump: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: as in acts.py; a module on loan (rig.lend), apart from doses.py so that each is imported in a tick.
Units: as in pumpwire.spec.
Leaves: what is granted and refused to flow/apart.py.
"""

from pumpwire import terms

from rig.flow import apart
from rig.line import doses
from rig.line.doses import granted, ready
from rig.refused import Refused

weighing = doses.weighing
SHORTEST_MS = 1_000  # of a dose, as of a bolus
USUAL_MS = 60_000


def dispense(rig, args, now_us, effect):
    """A dose from a standing pump."""
    volume_nl, over_ms, rate_nl_per_day = args["volume_nl"], args["over_ms"], args["rate_nl_per_day"]
    if over_ms and rate_nl_per_day:
        raise Refused("value", (("why", "name its duration or its rate, not both"),))
    if 0 < over_ms < SHORTEST_MS:
        raise Refused("value", (("argument", "over_ms"), ("low", SHORTEST_MS)))
    ready(rig, now_us)
    if not rate_nl_per_day:
        rate_nl_per_day = terms.bolus_rate_nl_per_day(volume_nl, over_ms or USUAL_MS)
    return granted(rig, apart.dispense(rig.requests, volume_nl, rate_nl_per_day, now_us), effect)


def prime(rig, args, now_us, effect):
    """Fill the line."""
    ready(rig, now_us)
    return granted(rig, apart.prime(rig.requests, args["volume_nl"], now_us), effect)


def calibrate(rig, args, now_us, effect):
    """Deliver onto a balance."""
    ready(rig, now_us)
    overlay = apart.calibrate(rig.requests, args["rate_nl_per_day"], args["volume_nl"], now_us)
    return granted(rig, overlay, effect)
