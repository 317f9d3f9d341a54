"""The few words of a therapy that are needed at any moment, also while no document is read.

Owns: a day and its weekdays, the units of an angle map, the rate of a bolus, the names of a canonical text:
its hash and its code.
Rules: small; documents.py, which reads whole documents, need not be in memory for any of it.
Units: by the names' endings.
Leaves: fields and limits to documents.py.
"""

from binascii import hexlify
from hashlib import sha256

DAY_S = 86_400
STEP_CLOCK_HZ = 125_000_000  # the system clock that times the steps, on every board
CYCLES_PER_US = STEP_CLOCK_HZ // 1_000_000
# By so much it may be off as measured: two clocks that people use are 40 000 apart
STEP_CLOCK_OFF_PPM = 2_000
ANGLE_CELLS = 96  # of a turn, in a map of the displacement over the rotor's angle
ANGLE_MEAN = 1000  # the weight of a cell whose steps are worth what they are on average
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def digest(text):
    """The hash that names a canonical text: 16 hex digits of its SHA-256."""
    return hexlify(sha256(text.encode()).digest()[:8]).decode()


def code_of(text):
    """Four digits that a person types to commit exactly what was shown."""
    return "%04d" % (int(digest(text)[:8], 16) % 10_000)


def bolus_rate_nl_per_day(volume_nl, over_ms):
    """The rate that delivers volume_nl in over_ms, rounded up: a bolus is never slower than asked."""
    return -(-volume_nl * DAY_S * 1000 // over_ms)


def day_nl(steps):
    """Volume of one day of a pattern of (start_s, nL/day), nL, rounded up."""
    total = 0
    for i in range(len(steps)):
        end_s = steps[i + 1][0] if i + 1 < len(steps) else DAY_S
        total += steps[i][1] * (end_s - steps[i][0])
    return -(-total // DAY_S)
