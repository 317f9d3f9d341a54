"""What is rarely told to a rig: a new tube, a new battery, a ramp that is to wait.

Owns: the effect of these commands.
Rules: like the functions of acts.py; a module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: what is counted of tube and battery to implant.py, the ramp's time to therapy.py.
"""

from rig.refused import Refused
from rig.watch.implant import DAY_US


def tube(rig, args, now_us, effect):
    """A new tube is in: its wear counts from here."""
    implant = rig.implant
    worn = implant.tube_revolutions()
    implant.tube_rev = implant.revolutions()
    implant.tube_day = rig.clock.utc_us(now_us) // DAY_US
    rig.alarms.clear("tube")
    return (worn,)


def battery(rig, args, now_us, effect):
    """A new implant: full, and of no age."""
    implant = rig.implant
    implant.count(now_us)
    percent = implant.percent()
    implant.used_j = implant.age_h = implant.eri_h = 0
    for name in ("eri", "end_of_service"):
        rig.alarms.clear(name)
    return (percent,)


def ramp(rig, args, now_us, effect):
    """Hold a titration where it is, go back to the step before and hold there, or let it go on. Raises Refused."""
    therapy = rig.therapy
    do = args["do"]
    if do not in ("hold", "back", "go"):
        raise Refused("value", (("argument", "do"), ("why", "hold, back or go")))
    if therapy.program is None or not therapy.program["ramp"]:
        raise Refused("state", (("why", "the program is no titration ramp"),))
    behind_us = therapy.ramp_behind_us(now_us)
    if do == "back":
        start, step, interval_s, ceiling = therapy.program["ramp"][0]
        turn = therapy.elapsed_us(now_us) // (interval_s * 1_000_000)
        if step:
            turn = min(turn, -(-(ceiling - start) // step))
        if not turn:
            raise Refused("state", (("why", "this is the first step"),))
        behind_us = now_us - therapy.start_us - (turn - 1) * interval_s * 1_000_000
    therapy.set_ramp(behind_us, do != "go", now_us)
    effect.replan = True
    _kind, rate, _until = therapy.base(now_us, rig.clock.utc_us(now_us))
    return (rate,)
