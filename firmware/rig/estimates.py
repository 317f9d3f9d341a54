"""When the reservoir reaches a level: the forecast behind low, empty and refill dates.

Owns: the walk over the coming rate changes and periodic boluses.
Rules: exact over the next MOST_TURNS changes, whole days in one go where every day is alike; bounded work, so
that it may run in a tick.
Callers: rig.py at each change of rate and each start of a bolus.
Units: nL, microseconds from now; volume is carried as nL x microseconds of a day, so that nothing is rounded.
Leaves: rates to schedule.py, dates to the host.
"""

from rig.schedule import DAY_US, NEVER_US, base_rate, is_daily, max_day_nl

MOST_TURNS = 24  # 15 ms on the Pico


def time_to_us(program, volume_nl, elapsed_us, utc_us, due_us):
    """Microseconds until volume_nl has left; due_us: microseconds until each periodic bolus. None: never."""
    need = volume_nl * DAY_US
    due_us = list(due_us)
    base_day_nl = max_day_nl(program)
    daily_nl = base_day_nl
    for every_s, bolus_nl, _over, _first in program["periodic"]:
        daily_nl += bolus_nl * DAY_US // (every_s * 1_000_000)
    if not daily_nl:
        return None
    at_us = 0
    if is_daily(program):
        days = max(0, volume_nl // daily_nl - 1)
        at_us = days * DAY_US
        need -= days * daily_nl * DAY_US
        due_us = _after_days(program, due_us, at_us)
    for _ in range(MOST_TURNS):
        rate, holds_us = base_rate(program, elapsed_us + at_us, utc_us + at_us if utc_us else 0)
        bolus_us = min(due_us) if due_us else NEVER_US
        span_us = max(0, min(holds_us, bolus_us - at_us))
        if rate and need <= rate * span_us:
            return at_us + need // rate
        if span_us >= NEVER_US - at_us - 1:
            return None
        need -= rate * span_us
        at_us += span_us
        if bolus_us <= at_us:
            which = due_us.index(bolus_us)
            every_s, bolus_nl, _over, _first = program["periodic"][which]
            due_us[which] += every_s * 1_000_000
            need -= bolus_nl * DAY_US
            if need <= 0:
                return at_us
    return at_us + need // daily_nl


def _after_days(program, due_us, days_us):
    """When each periodic bolus is next due once days_us have gone by."""
    later = []
    for i in range(len(due_us)):
        every_us = program["periodic"][i][0] * 1_000_000
        behind_us = max(0, days_us - due_us[i])
        later.append(due_us[i] + -(-behind_us // every_us) * every_us)
    return later
