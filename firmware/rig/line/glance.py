"""The status as a person at a plain terminal reads it: what the pump does, in a few lines with units.

Owns: which fields a person is shown, and their words.
Rules: nothing but what `status` says; a field that is not known is left out; a module on loan (rig.lend).
Units: uL/h, mL; the exact figures are the machine's.
Leaves: typed words to terminal.py, the fields to status.py.
"""

from pumpwire import spec


def lines(rows_of_fields):
    """The rows of `status` -> text lines."""
    fields = {}
    for row in rows_of_fields:
        for name, value in row:
            if value is not None:
                fields[name.decode()] = value
    out = ["state: " + fields["state"]]
    out.append(
        "rate: %s (counted %s)" % (_rate(fields["rate_nl_per_day"]), _rate(fields["counted_nl_per_day"]))
    )
    if "therapy_name" in fields:
        out.append("therapy: %s, %s" % (fields["therapy_name"], fields["therapy_mode"]))
    else:
        out.append("therapy: none")
    if "later_utc_s" in fields:
        out.append("a program waits for its time")
    if "bolus_kind" in fields:
        steps = fields["bolus_steps"]
        done = 100 * fields["bolus_done_steps"] // steps if steps else 100
        out.append("%s: %d %% of %s" % (fields["bolus_kind"], done, _volume(_nl(fields, steps))))
    out.append("delivered: %s" % _volume(fields["delivered_nl"]))
    out.append("reservoir: %s +- %s" % (_volume(fields["reservoir_nl"]), _volume(fields["reservoir_u_nl"])))
    if "low_s" in fields:
        out[-1] += ", low in %s" % _time(fields["low_s"])
    names = [row[1] for row in spec.alarms() if fields["alarms"] >> row[0] & 1]
    out.append("alarms: " + (", ".join(names) or "none"))
    if "utc_us" not in fields:
        out.append("clock: not set")
    if not fields["calibration_id"]:
        out.append("calibration: none")
    return out


def _nl(fields, steps):
    return steps * fields["step_nl_num"] // fields["step_nl_den"]


def _volume(nl):
    """nL -> `1.234 ml`, `56.78 ul` or `910 nl`."""
    size = abs(nl)
    if size < 1_000:
        return "%d nl" % nl
    unit, thousandths, places = ("ul", size, 1_000) if size < 1_000_000 else ("ml", size // 1_000, 1_000)
    return "%s%d.%03d %s" % ("-" if nl < 0 else "", thousandths // places, thousandths % places, unit)


def _rate(nl_per_day):
    """nL/day -> `20.000 ul/h`."""
    thousandths = abs(nl_per_day) * 1_000 // 24_000
    return "%s%d.%03d ul/h" % ("-" if nl_per_day < 0 else "", thousandths // 1_000, thousandths % 1_000)


def _time(seconds):
    """Seconds -> `12 d 3 h` or `2 h 5 min`."""
    if seconds >= 86_400:
        return "%d d %d h" % (seconds // 86_400, seconds % 86_400 // 3_600)
    return "%d h %d min" % (seconds // 3_600, seconds % 3_600 // 60)
