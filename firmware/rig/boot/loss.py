"""What a power cut between two records leaves unknown.

Owns: the bound of the loss.
Rules: never less than can have flowed until the next record was due; the end of what flowed first has a record of its
own, and so has a rise of the base flow: what waits behind it may have begun by then, but no later; a bolus never loses
more than it had left.
Units: nL, nL/day, steps, microseconds of Clock.
Leaves: when a record is due to log/checkpoint.py, what is made of the loss to recovery.py.
"""

from pumpwire import program as programs
from pumpwire.program import DAY_US, NEVER_US

from rig.flow.boluses import LEAD_US
from rig.log.checkpoint import INTERVAL_US, LOOK_US, SLACK_US, SOON_US


def losses(rig, now_us, since_boot_us):
    """What may have flowed since a record so long after its boot: [(overlay, or None for the base flow, steps)].

    A turn that waits, of which steps may have flowed, stands in the plan from here on.
    """
    dosing, therapy, checkpoint = rig.dosing, rig.therapy, rig.checkpoint
    span_us = min(INTERVAL_US, max(SOON_US, since_boot_us)) + SLACK_US
    bolus = therapy.coming(now_us)
    volume_nl = checkpoint.volume_nl(now_us, bolus, bolus.done_steps if bolus else 0)
    base_nl = checkpoint.base(now_us)
    most_nl, left_us, base_us = 0, None, span_us
    rows = []
    given = by_volume = passed_us = 0
    for overlay in _in_order(therapy, now_us):
        rate = overlay.rate_nl_per_day
        beside = dosing.near_steps(_base_nl(rig, now_us, now_us, now_us + passed_us))
        if rows and given + max(0, beside - 1) >= by_volume:
            break  # a record was due by volume before this one could begin
        if left_us is None:
            lasts_us = dosing.nl_of(overlay.left() + 1) * DAY_US // rate
            span_us = base_us = left_us = min(span_us, LEAD_US + lasts_us + SLACK_US)
        steps = min(overlay.left(), dosing.near_steps(rate * left_us // DAY_US) + 1)
        if steps:
            rows.append((overlay, steps))
            given += steps
            most_nl = max(most_nl, rate)
            by_volume = _by_volume(dosing, volume_nl, base_nl + most_nl)
            # its end has a record, whenever it came
            left_us = min(SLACK_US, left_us - dosing.nl_of(steps) * DAY_US // rate)
            passed_us += 0 if overlay is therapy.bridge else dosing.nl_of(steps) * DAY_US // rate
        if overlay is therapy.bridge:
            base_us = left_us
        if left_us <= 0:
            break
    by_volume = _by_volume(dosing, volume_nl, base_nl + most_nl)
    out = []
    for overlay, steps in rows:
        steps = min(steps, by_volume)
        by_volume -= steps
        if steps or overlay.begun:
            out.append((overlay, steps))
    flowed_nl = _base_nl(rig, now_us, now_us + span_us - max(0, base_us), now_us + span_us)
    base = dosing.near_steps(flowed_nl) + 1
    out.append((None, max(0, min(base, by_volume))))
    if therapy.mode == "running":
        _take_back(therapy.boluses, [overlay for overlay, steps in out if steps], now_us)
    return out


def _by_volume(dosing, volume_nl, rate_nl_per_day):
    """Steps until a record was due by volume, which is looked at by and by."""
    return dosing.near_steps(volume_nl + rate_nl_per_day * (LOOK_US + SLACK_US) // DAY_US) + 1


def _take_back(boluses, begun, now_us):
    """Of the turns that are planned these have begun by now, the others not."""
    boluses.queue = [overlay for overlay in boluses.queue if overlay.row < 0 or overlay in begun]
    boluses.pass_time(now_us, "")
    boluses.unplan()


def _in_order(therapy, now_us):
    """What flowed at the last record, then what waits behind it. A turn is planned as it is asked for."""
    queue = list(therapy.boluses.queue)
    if therapy.mode != "running":
        yield from queue
        return
    bridge = therapy.bridge
    if bridge is not None and not (queue and queue[0].done_steps):  # what was told of ahead begins at its end
        queue.insert(0, bridge)
    yield from queue
    if bridge is not None and bridge not in queue:
        yield bridge
    while True:
        overlay = therapy.boluses.begin_turn(now_us)
        if overlay is None:
            break
        yield overlay
    if therapy.spread is not None:
        yield therapy.spread


def _base_nl(rig, record_us, at_us, until_us):
    """The base flow in a span after a record, up to the record that its next rise would have had."""
    therapy = rig.therapy
    before, flowed = -1, 0
    while at_us < until_us and therapy.program is not None and therapy.mode == "running":
        rate, holds_us = programs.base_rate(
            therapy.program, therapy.elapsed_us(at_us), rig.clock.utc_us(at_us)
        )
        if 0 <= before < rate and at_us > record_us + LEAD_US:
            until_us = min(until_us, at_us + SLACK_US - LEAD_US)
        span_us = min(until_us - at_us, NEVER_US if therapy.ramp_held_us >= 0 else holds_us)
        flowed += rate * span_us
        before = rate
        at_us += span_us
    return flowed // DAY_US
