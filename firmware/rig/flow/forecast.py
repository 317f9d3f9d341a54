"""When the reservoir reaches a level: the forecast behind low, empty and refill dates.

Owns: the walk over the coming rate changes and periodic boluses, and the last forecast.
Rules: whole days, weeks and a whole ramp go in one step; what is left is walked change by change, exact over MOST_TURNS
of them, then at the mean; TURNS of them a tick.
Units: nL, microseconds from now; volume is carried as nL x microseconds of a day, so that nothing is rounded.
Leaves: rates to pumpwire/program.py, dates to the host.
"""

from pumpwire.program import (
    DAY_US,
    NEVER_US,
    SECOND_US,
    base_rate,
    demand_a_day_nl,
    is_daily,
    max_base_rate,
    periodic_a_day_nl,
)
from pumpwire.terms import WEEKDAYS, day_nl

MOST_TURNS = 64
TURNS = 4  # a tick: 3 ms on the Pico


class Forecast:
    """When the reservoir is low and empty, and when a refill is due. `counts`: clock, dosing and therapy."""

    NAMES = ("low", "empty", "refill", "habit")

    def __init__(self, counts, reservoir, implant):
        self._clock, self._dosing, self._therapy = counts
        self._reservoir = reservoir
        self._implant = implant
        self._at_us = {}  # name -> when; absent: never, or not foreseen
        self._next = 0
        self._walk = None
        self._from_us = 0

    def renew(self):
        """The flow has changed: foresee anew, from the tick after this one on, which has a record to carry."""
        self._next = -1
        self._walk = None

    def seconds(self, name):
        """Until then, from the last forecast; None without flow."""
        at_us = self._at_us.get(name)
        return None if at_us is None else max(0, at_us - self._clock.now_us()) // 1_000_000

    def run(self, now_us):
        """Go on with a level; returns when to be called again."""
        if self._next < 0:
            self._next = 0
            return now_us
        if self._next >= len(self.NAMES):
            return NEVER_US
        name = self.NAMES[self._next]
        if self._walk is None:
            self._from_us = now_us
            self._walk = self._begin(name, now_us)
        try:
            for _turn in range(TURNS):
                next(self._walk)
        except StopIteration as stop:
            self._walk = None
            self._next += 1
            if stop.value is None:
                self._at_us.pop(name, None)
            else:
                self._at_us[name] = self._from_us + stop.value
        return now_us

    def _begin(self, name, now_us):
        therapy = self._therapy
        program = therapy.program
        if program is None:
            return iter(())
        volume_nl = self._reservoir.volume_nl() - (program["low_nl"] if name != "empty" else 0)
        for overlay in therapy.overlays():
            if overlay.begun or overlay.row < 0:
                volume_nl -= self._dosing.nl_of(overlay.left())
        extra_nl = 0  # of demand boluses a day
        if name == "habit":
            extra_nl = self._implant.habit_nl(now_us)
        elif name == "refill":
            extra_nl = demand_a_day_nl(program)
        if therapy.ramp_held_us >= 0:
            _kind, rate, _until = therapy.base(now_us, 0)
            program = dict(program)
            program["ramp"] = ((rate, 0, 60, rate),)
        due_us = therapy.boluses.waits_us(now_us)
        utc_us = self._clock.utc_us(now_us)
        return time_to_us(program, max(0, volume_nl), therapy.elapsed_us(now_us), utc_us, due_us, extra_nl)


def time_to_us(program, volume_nl, elapsed_us, utc_us, due_us, extra_nl=0):
    """Microseconds until volume_nl has left; due_us: microseconds until each periodic bolus. None: never. A generator.

    extra_nl: what flows besides in a day, taken as even.
    """
    daily_nl = extra_nl + periodic_a_day_nl(program)  # besides the base flow
    if program["ramp"]:
        return _ramp_us(program["ramp"][0], volume_nl * DAY_US, elapsed_us, daily_nl)
    mean_nl, days = daily_nl + max_base_rate(program), 0
    if program["basal"]:
        days = 1 if is_daily(program) else 7
        mean_nl = daily_nl
        usual_nl = day_nl(program["basal"])
        for name in WEEKDAYS:
            if program[name]:
                yield
            mean_nl += (day_nl(program[name]) if program[name] else usual_nl) // 7
        yield
    if not mean_nl:
        return None
    need = volume_nl * DAY_US
    due_us = list(due_us)
    at_us = max(0, volume_nl // (mean_nl * days) - 1) * days * DAY_US if days else 0
    if at_us:
        need -= _whole_days(program, days, at_us, extra_nl, due_us)
    for _ in range(MOST_TURNS):
        yield
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
            due_us[which] += program["periodic"][which][0] * SECOND_US
            need -= program["periodic"][which][1] * DAY_US
            if need <= 0:
                return at_us
    return at_us + need // mean_nl


def _whole_days(program, days, at_us, extra_nl, due_us):
    """What flows until at_us, a whole number of days that are alike, or of weeks; due_us then is from there on."""
    a_time_nl = days * extra_nl
    usual_nl = day_nl(program["basal"])
    for name in WEEKDAYS[:days]:
        a_time_nl += day_nl(program[name]) if program[name] else usual_nl
    need = at_us // days * a_time_nl
    for i in range(len(due_us)):
        every_us = program["periodic"][i][0] * SECOND_US
        turns = max(0, -(-(at_us - due_us[i]) // every_us))
        due_us[i] += turns * every_us
        need += turns * program["periodic"][i][1] * DAY_US
    return need


def _ramp_us(ramp, need, elapsed_us, daily_nl):
    """The same for a titration: boluses taken as even, the steps in one sum."""
    start, step, interval_s, ceiling = ramp
    interval_us = interval_s * SECOND_US
    turn, into_us = divmod(elapsed_us, interval_us)
    rises = -(-max(0, ceiling - start) // step) if step else 0  # until the ceiling
    if turn < rises:
        rate = start + turn * step + daily_nl
        first = rate * (interval_us - into_us)
        if need <= first:
            return need // rate
        need -= first
        at_us = interval_us - into_us
        low, high = 0, rises - turn - 1  # whole intervals from here on that it lasts
        while low < high:
            middle = (low + high + 1) // 2
            if _rising(rate + step, step, middle) * interval_us <= need:
                low = middle
            else:
                high = middle - 1
        need -= _rising(rate + step, step, low) * interval_us
        at_us += low * interval_us
        rate = min(rate + (low + 1) * step, ceiling + daily_nl)
        return at_us + need // rate if rate else None
    rate = min(start + turn * step, ceiling) + daily_nl
    return need // rate if rate else None


def _rising(rate, step, turns):
    """The sum of so many rates, each a step above the one before."""
    return turns * rate + step * turns * (turns - 1) // 2
