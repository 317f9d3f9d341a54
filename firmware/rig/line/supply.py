"""What the commands do that let the program flow again and give it fluid: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: as in acts.py; a module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: what is estimated of the reservoir to watch/reservoir.py.
"""

from rig.refused import Refused


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
