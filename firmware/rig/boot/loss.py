"""What a power cut between two records leaves unknown.

Owns: the bound of the loss.
Rules: never less than can have flowed until the next record was due; the end of what flowed first has a record of its
own, and so has a rise of the base flow: nothing behind it counts; a bolus never loses more than it had left.
Units: nL, nL/day, steps, microseconds of Clock.
Leaves: when a record is due to log/checkpoint.py, what is made of the loss to recovery.py.
"""

from pumpwire import program as programs
from pumpwire.program import DAY_US, NEVER_US

from rig.flow.boluses import LEAD_US
from rig.log.checkpoint import INTERVAL_US, LOOK_US, SLACK_US, SOON_US


def losses(rig, now_us, since_boot_us):
    """What may have flowed since a record so long after its boot: [(overlay, or None for the base flow, steps)]."""
    dosing, therapy, checkpoint = rig.dosing, rig.therapy, rig.checkpoint
    span_us = min(INTERVAL_US, max(SOON_US, since_boot_us)) + SLACK_US
    overlays = therapy.overlays() if therapy.mode == "running" else list(therapy.boluses.queue)
    if overlays:
        first = overlays[0]
        lasts_us = dosing.nl_of(first.left() + 1) * DAY_US // first.rate_nl_per_day
        span_us = min(span_us, LEAD_US + lasts_us + SLACK_US)
    most_nl = 0
    left_us = span_us
    rows = []
    for overlay in overlays:
        steps = min(overlay.left(), dosing.near_steps(overlay.rate_nl_per_day * left_us // DAY_US) + 1)
        if steps:
            rows.append((overlay, steps))
            most_nl = max(most_nl, overlay.rate_nl_per_day)
            left_us -= dosing.nl_of(steps) * DAY_US // overlay.rate_nl_per_day
        if left_us <= 0:
            break
    rate = checkpoint.base(now_us) + most_nl
    bolus = therapy.coming(now_us)
    by_volume = checkpoint.volume_nl(now_us, bolus, bolus.done_steps if bolus else 0)
    by_volume = dosing.near_steps(by_volume + rate * (LOOK_US + SLACK_US) // DAY_US) + 1
    out = []
    for overlay, steps in rows:
        out.append((overlay, min(steps, by_volume)))
        by_volume -= out[-1][1]
    base_us = max(0, left_us) if therapy.bridge is not None else span_us
    base = dosing.near_steps(_base_nl(rig, now_us, now_us + span_us - base_us, now_us + span_us)) + 1
    out.append((None, max(0, min(base, by_volume))))
    return out


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
