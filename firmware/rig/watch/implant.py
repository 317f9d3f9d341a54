"""The implant that the rig stands for: its battery's model, its tube's wear, the habit of its person.

Owns: charge used and age of the battery, time since its ERI; the tube's revolutions and date; the demand boluses
of a week.
Rules: a model with the inputs of implant_model.py, counted while the rig has power; what a power cut leaves unknown
counts as used; after the end of service nothing moves before a new battery is told.
Units: J, hours, revolutions; microseconds of Clock.
Leaves: changes by a person to titration.py, what an alarm does to pumpwire.spec.
"""

from rig.watch import implant_model

HOUR_US = 3_600_000_000
DAY_US = 86_400_000_000
PJ = 1_000_000_000_000


class Implant:
    """`counts`: clock, dosing and therapy; `answered()`: lines since the boot; `alarm_while` raises and ends alarms."""

    def __init__(self, counts, requests, answered, alarm_while):
        self._clock, self._dosing, self._therapy = counts
        self._requests = requests
        self._answered = answered
        self._alarm_while = alarm_while
        self._seen = (0, 0, 0)  # now_us, steps turned, lines answered, as far as they are counted
        self._rest_pj = self._rest_us = 0
        self.used_j = self.age_h = self.eri_h = 0  # eri_h: hours since the ERI, 0: it has not come
        self.tube_rev = 0  # where the rotor's count stood when the tube was new
        self.tube_day = 0  # since 1970; 0: not known
        self._week = [0] * 7  # demand boluses given in the last days, today's first
        self._given = 0  # up to which of them the days are counted
        self._day_us = 0  # when today began

    # --- counting

    def restore(self, state, now_us):
        """Take up a record's state."""
        self.used_j = state["battery_j"]
        self.age_h = state["battery_h"]
        self.eri_h = 24 * state["eri_days"]
        self.tube_rev = state["tube_rev"]
        self.tube_day = state["tube_day"]
        self._week = [(state["demands"] + day) // 7 for day in range(7)]
        self._seen = (now_us, self.turned_steps(), 0)
        self._day_us = now_us

    def turned_steps(self):
        """Steps that turned the rotor, in either direction, or should have."""
        dosing = self._dosing
        return sum(dosing.kind_steps) + dosing.lost_steps

    def revolutions(self):
        """Of the rotor since the first boot."""
        return self._dosing.revolutions_of(self.turned_steps())

    def tube_revolutions(self):
        """On the tube that is in."""
        return self.revolutions() - self.tube_rev

    def count(self, now_us):
        """Charge and age up to now."""
        turned = self.turned_steps()
        lines = self._answered()
        was_us, was_turned, was_lines = self._seen
        self._seen = (now_us, turned, lines)
        passed_us = now_us - was_us
        _cells, _cell_j, quiescent_uw, step_uj, line_uj = implant_model.BATTERY
        used_uj = (turned - was_turned) * step_uj + (lines - was_lines) * line_uj
        joule, self._rest_pj = divmod(self._rest_pj + passed_us * quiescent_uw + used_uj * 1_000_000, PJ)
        self.used_j += joule
        hours, self._rest_us = divmod(self._rest_us + passed_us, HOUR_US)
        self.age_h += hours
        if self.eri_h:
            self.eri_h += hours

    def minute(self, now_us):
        """Once a minute: count, judge, and let the days of the habit go by."""
        self.count(now_us)
        self.demands(now_us)
        percent = self.percent()
        if not self.eri_h and (percent <= implant_model.ERI_PERCENT or self.age_h >= implant_model.ERI_H):
            self.eri_h = 1
        is_over = self.eri_h > implant_model.ERI_TO_END_H or not percent
        for condition, name in (
            (self.eri_h, "eri"),
            (is_over, "end_of_service"),
            (self.is_tube_old(now_us), "tube"),
        ):
            self._alarm_while(condition, name, ())

    # --- what follows

    def percent(self):
        """Charge left."""
        full_j = implant_model.BATTERY[0] * implant_model.BATTERY[1]
        return max(0, 100 * (full_j - self.used_j) // full_j)

    def seconds_to_eri(self, daily_nl):
        """Until the ERI if so much is delivered a day from now on, telemetry apart; 0: it has come."""
        if self.eri_h:
            return 0
        cells, cell_j, quiescent_uw, step_uj, _line_uj = implant_model.BATTERY
        dosing = self._dosing
        daily_uj = quiescent_uw * 86_400
        if dosing.volume_num:
            daily_uj += daily_nl * dosing.volume_den // dosing.volume_num * step_uj
        left_j = cells * cell_j * (100 - implant_model.ERI_PERCENT) // 100 - self.used_j
        by_charge_s = left_j * 1_000_000 * 86_400 // daily_uj
        return max(0, min(by_charge_s, (implant_model.ERI_H - self.age_h) * 3600))

    def is_tube_old(self, now_us):
        """Whether the tube is past its life, by revolutions or, where both dates are known, by days."""
        if self.tube_revolutions() >= implant_model.TUBE_REVOLUTIONS:
            return True
        utc_us = self._clock.utc_us(now_us)
        return bool(self.tube_day and utc_us) and utc_us // DAY_US - self.tube_day >= implant_model.TUBE_DAYS

    def demands(self, now_us):
        """Demand boluses given in the last seven days: six whole ones and today."""
        given = self._requests.given
        self._week[0] += given - self._given
        self._given = given
        while now_us - self._day_us >= DAY_US:
            self._day_us += DAY_US
            self._week.insert(0, 0)
            self._week.pop()
        return sum(self._week)

    def habit_nl(self, now_us):
        """What demand boluses deliver a day, by the habit of the last week; no more than is allotted."""
        program = self._therapy.program
        demands = self.demands(now_us)
        return demands * program["demand"][0][0] // 7 if program and program["demand"] else 0

    def state(self, now_us):
        """What a record keeps of it, in the order of records.STATE, `ramp` whole; what is not whole counts as used."""
        self.count(now_us)
        ramp = self._therapy.ramp_behind_us(now_us) // 1_000_000
        return (
            2 * ramp | (self._therapy.ramp_held_us >= 0),
            self.tube_rev,
            self.tube_day,
            min(65_535, self.used_j + (1 if self._rest_pj else 0)),
            min(65_535, self.age_h + (1 if self._rest_us else 0)),
            min(255, (self.eri_h + 23) // 24),
            min(255, self.demands(now_us)),
        )
