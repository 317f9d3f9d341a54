"""What is granted: boluses that somebody asks for.

Owns: the rules by which a request is granted or refused.
Rules: a refused request is an attempt and is told with its numbers; one is granted only if the coming 24 h have room
for it beside the program's own; a module on loan (rig.lend): functions on requests.Requests, which keeps what was
given.
Units: nL/day, nL, steps, microseconds of Clock.
Leaves: what flows from a standing pump to apart.py, what flows to therapy.py, the cap to day_cap.py, who may ask to the
line.
"""

from pumpwire import program as programs
from pumpwire.program import DAY_US
from pumpwire.terms import bolus_rate_nl_per_day

from rig import lend
from rig.flow.day_cap import SLOT_US, SLOTS
from rig.flow.overlay import Overlay
from rig.flow.therapy import DEMAND, SINGLE, SPREAD
from rig.refused import Refused


def bolus(requests, volume_nl, over_ms, spread, now_us):
    """Start a single or spread bolus; returns the overlay. Raises Refused."""
    _check_free(requests, spread, now_us)
    _check_bolus(requests, volume_nl, over_ms, now_us)
    rate = bolus_rate_nl_per_day(volume_nl, over_ms)
    overlay = Overlay(SPREAD if spread else SINGLE, requests.dosing.steps_of(volume_nl), rate, now_us)
    requests.therapy.add(overlay)
    return overlay


def demand(requests, now_us):
    """Start the program's demand bolus; returns the overlay. Raises Refused; either way it was an attempt."""
    requests.asked += 1
    if requests.therapy.program is None or not requests.therapy.program["demand"]:
        raise Refused("state", (("why", "the program has no demand bolus"),))
    volume_nl, over_ms, _lockout_s, most = requests.therapy.program["demand"][0]
    wait_s = requests.wait_s(now_us)
    if wait_s:
        raise Refused("lockout", (("wait_s", wait_s),))
    requests.demands_us = [at for at in requests.demands_us if now_us - at < DAY_US]
    if len(requests.demands_us) >= most:
        fields = (("max_per_24h", most),)
        if most:
            wait_us = requests.demands_us[len(requests.demands_us) - most] + DAY_US - now_us
            fields += (("wait_s", -(-wait_us // 1_000_000)),)
        raise Refused("count", fields)
    _check_free(requests, 0, now_us)
    _check_bolus(requests, volume_nl, over_ms, now_us)
    steps = requests.next_steps(volume_nl)
    overlay = Overlay(DEMAND, steps, bolus_rate_nl_per_day(volume_nl, over_ms), now_us)
    requests.therapy.add(overlay)
    requests.demands_us.append(now_us)
    requests.given += 1
    return overlay


def weighing(requests, volume_nl, over_us, clock, mode="running"):
    """Before a request that has no room beside the program's own most is judged: what really comes. A generator.

    In another mode than this it is refused at once.
    """
    now_us = clock.now_us()
    if requests.therapy.program is None or requests.therapy.mode != mode:
        return
    if requests.cap.shortfall_nl(volume_nl, now_us) <= 0:
        return
    for name in lend.WEIGHED:
        while lend.fetch(name):
            yield
    parts = requests.therapy, requests.cap, requests.dosing
    yield from lend.get("rig.flow.weigh").coming(parts, now_us, clock.utc_us(now_us), min(over_us, DAY_US))


def demand_weighing(requests, clock):
    """The same before the program's demand bolus."""
    program = requests.therapy.program
    if program is not None and program["demand"]:
        volume_nl, over_ms, _lockout_s, _most = program["demand"][0]
        yield from weighing(requests, volume_nl, over_ms * 1000, clock)


def check_cap(requests, volume_nl, now_us):
    """Refuse what has no room beside the program's own in the coming 24 h. Raises Refused."""
    short_nl = requests.cap.shortfall_nl(volume_nl, now_us)
    requests.cap.found = (0, 0)  # the next request is another one
    if short_nl > 0:
        fields = (("cap_nl", requests.therapy.program["cap_nl"]), ("short_nl", short_nl))
        wait_s = cap_wait_s(requests.cap, requests.dosing, volume_nl, now_us)
        raise Refused("cap", fields + ((("wait_s", wait_s),) if wait_s else ()))


def cap_wait_s(cap, dosing, volume_nl, now_us):
    """Seconds until it would fit beside the program's own most if nothing else is asked for; 0: it never would."""
    steps = cap.asked_steps + cap.pending_steps
    for gone in range(1, SLOTS + 1):
        steps -= cap.held(SLOTS - gone)[1]
        if dosing.nl_of(steps) + cap.own_most_nl(gone) + volume_nl <= cap.cap_nl:
            return (cap.slot_end_us(now_us) - now_us + (gone - 1) * SLOT_US) // 1_000_000 + 1
    return 0


def _check_free(requests, spread, now_us):
    if requests.therapy.mode != "running":
        raise Refused("state", (("why", "the pump is not running"),))
    if requests.therapy.bridge is not None:
        raise Refused("busy", (("why", "a bridge is under way"),))
    if spread and requests.therapy.spread is not None:
        raise Refused("busy", (("why", "a spread bolus is under way"),))
    if not spread and requests.therapy.boluses.is_taken(now_us):
        raise Refused("busy", (("why", "a bolus is under way"),))


def _check_bolus(requests, volume_nl, over_ms, now_us):
    rate = bolus_rate_nl_per_day(volume_nl, over_ms)
    hard = min(requests.therapy.program["hard_nl_per_day"], requests.therapy.max_rate_nl_per_day)
    peak = rate + programs.max_base_rate(requests.therapy.program)
    if peak > hard:
        raise Refused("limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", hard)))
    check_cap(requests, volume_nl, now_us)
    requests.need_fluid(volume_nl)
