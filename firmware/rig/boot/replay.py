"""What the log says of the last 24 hours, for the cap and the demand boluses after a boot; and of every alarm.

Owns: the walks over the records.
Rules: never too little: records whose time cannot be known count as of the last 24 h.
Callers: recovery.py, once at boot.
Units: steps, microseconds.
Leaves: the window itself to day_cap.py, what is made of alarms to kept_alarms.py.
"""

from pumpwire.records import EVENTS, unpack
from pumpwire.spec import KINDS

DAY_US = 86_400_000_000
MOST_RECORDS = 400  # bounds the walk: beyond it the oldest record seen stands for the rest
BOLUS_START = EVENTS.index("bolus_start")
ALARM = EVENTS.index("alarm")
KEPT = EVENTS.index("kept")


def alarms(rig):
    """Tell rig.unread what the log says of each alarm name."""
    for raw in rig.journal.alarms((ALARM, KEPT)):
        header, _state, text = unpack(raw)
        fields = dict([word.split("=", 1) for word in text.split(" ") if "=" in word])
        if header["event"] == KEPT:
            rig.unread.restore(header["number"], fields)
        else:
            rig.unread.note(fields.get("name"), header["number"], header["utc_us"])


def last_day(rig, newest, now_us):
    """Put what was delivered in the 24 h before the newest record into the window, all of it at `now`."""
    journal = rig.journal
    number = newest["number"]
    oldest = max(journal.oldest(), number - MOST_RECORDS)
    first = None
    while number >= oldest:
        raw = journal.read(number)
        number -= 1
        if raw is None:
            continue
        header, state, text = unpack(raw)
        if newest["utc_us"] and header["utc_us"] and newest["utc_us"] - header["utc_us"] > DAY_US:
            break
        if header["boot"] == newest["boot"] and newest["mono_us"] - header["mono_us"] > DAY_US:
            break
        first = state
        if header["event"] == BOLUS_START and "kind=demand" in text:
            rig.therapy.demands_us.insert(0, now_us)
    if first is None:
        return
    totals = [rig.dosing.kind_steps[i] - first[KINDS[i] + "_steps"] for i in range(len(KINDS))]
    extra = sum(totals[KINDS.index(name)] for name in ("periodic", "demand", "single", "spread", "bridge"))
    rig.window.add(now_us, totals[0] + extra, extra)
