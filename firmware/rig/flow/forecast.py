"""When the reservoir reaches a level: the forecast behind low, empty and refill dates.

Owns: the walk over the coming rate changes and periodic boluses, and the last forecast.
Rules: exact over the next MOST_TURNS changes, whole days in one go where every day is alike; bounded work, so
that it may run in a tick.
Callers: rig.py at each change of rate and each start of a bolus, one level at a time.
Units: nL, microseconds from now; volume is carried as nL x microseconds of a day, so that nothing is rounded.
Leaves: rates to pumpwire/program.py, dates to the host.
"""

from pumpwire.program import DAY_US, NEVER_US, base_rate, is_daily, max_day_nl

MOST_TURNS = 24  # 15 ms on the Pico


class Forecast:
    """When the reservoir is low and empty, and when a refill is due. `rig` gives the parts."""

    NAMES = ("low", "empty", "refill", "habit")

    def __init__(self, rig):
        self._rig = rig
        self._at_us = {}  # name -> when; absent: never, or not foreseen
        self._next = 0

    def renew(self):
        """The flow has changed: foresee anew, from the tick after this one on, which has a record to carry."""
        self._next = -1

    def seconds(self, name):
        """Until then, from the last forecast; None without flow."""
        at_us = self._at_us.get(name)
        return None if at_us is None else max(0, at_us - self._rig.clock.now_us()) // 1_000_000

    def run(self, now_us):
        """Foresee one level; returns when the next one is to be."""
        if self._next < 0:
            self._next = 0
            return now_us
        if self._next >= len(self.NAMES):
            return NEVER_US
        name = self.NAMES[self._next]
        self._next += 1
        therapy = self._rig.therapy
        wait_us = None if therapy.program is None else self._wait_us(name, therapy, now_us)
        if wait_us is None:
            self._at_us.pop(name, None)
        else:
            self._at_us[name] = now_us + wait_us
        return now_us

    def _wait_us(self, name, therapy, now_us):
        rig = self._rig
        program = therapy.program
        volume_nl = rig.reservoir.volume_nl() - (program["low_nl"] if name != "empty" else 0)
        for overlay in (therapy.bolus, therapy.spread):
            if overlay is not None:
                volume_nl -= rig.dosing.nl_of(overlay.steps - overlay.done_steps)
        extra_nl = 0  # of demand boluses a day
        if name == "habit":
            extra_nl = rig.implant.habit_nl(now_us)
        elif name == "refill":
            for demand_nl, _over, lockout_s, most in program["demand"]:
                extra_nl = demand_nl * (min(most, -(-86_400 // lockout_s)) if lockout_s else most)
        if therapy.ramp_held_us >= 0:
            _kind, rate, _until = therapy.base(now_us, 0)
            program = dict(program)
            program["ramp"] = ((rate, 0, 60, rate),)
        due_us = [max(0, at_us - now_us) for at_us in therapy.periodic_next_us]
        return time_to_us(
            program,
            max(0, volume_nl),
            therapy.elapsed_us(now_us),
            rig.clock.utc_us(now_us),
            due_us,
            extra_nl,
        )


def time_to_us(program, volume_nl, elapsed_us, utc_us, due_us, extra_nl=0):
    """Microseconds until volume_nl has left; due_us: microseconds until each periodic bolus. None: never.

    extra_nl: what flows besides in a day, taken as even.
    """
    need = volume_nl * DAY_US
    due_us = list(due_us)
    base_day_nl = max_day_nl(program)
    daily_nl = base_day_nl + extra_nl
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
        rate += extra_nl
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
