"""THE command table: every command, error, state, kind and alarm of the wire, stated once.

Owns: what may be said on the line; device checks, host validation, docs/protocol.md and tests come from it.
Rules: a row here is the only place that states a limit or a unit of an argument; both ends compare `digest()`
in the greeting.
Units: by the argument's name; a typed line gives quantities with units (units.py), a machine line whole
numbers.
Leaves: answers to answers.py, what a row means to a person to texts.py, framing to codec.py, contents of staged
documents to documents.py, log records to records.py.
"""

from binascii import hexlify
from hashlib import sha256

PROTOCOL = 2

STATES = ("stopped", "running", "bolus", "priming", "alarm", "maintenance")

# what the pump is set to do, as records and `status` have it; dispensing: one dose, then it stands again
MODES = ("stopped", "running", "priming", "dispensing")

# What a step was made for; each counted step belongs to exactly one. Relief runs backwards and counts negative.
KINDS = ("basal", "periodic", "demand", "single", "spread", "bridge", "prime", "relief", "calibration")

# error: its code
ERRORS = {
    "form": 10,
    "crc": 11,
    "unknown": 12,
    "argument": 13,
    "sequence": 20,
    "access": 21,
    "locked": 22,
    "host": 23,
    "state": 30,
    "limit": 31,
    "soft_limit": 32,
    "lockout": 33,
    "count": 34,
    "cap": 35,
    "bridge": 39,
    "busy": 36,
    "reservoir": 37,
    "alarm": 38,
    "nothing": 40,
    "hash": 41,
    "document": 42,
    "value": 43,
    "storage": 50,
}
# a command that is refused with one of these has used up no number: it may come again under it
NUMBER_FREE = ("form", "crc", "unknown", "argument", "sequence", "access", "locked", "host", "storage")

# a line for each alarm: name, bit, priority, pump action, tone, repeat s, ends with, runs again once it is acknowledged
#   ends with: its cause (acknowledged meanwhile, it is only silent), or the acknowledgement (ack)
#   a bit is never given to another alarm: 18 and 19 were
ALARMS = b"""
self_test 0 high stop critical 300 ack 1
empty 1 high stop critical 300 cause 0
low 2 medium run notice 900 cause 1
count_mismatch 3 high stop critical 300 ack 1
starved 4 medium run notice 900 ack 1
stop_button 5 low run single 900 ack 1
stopped_loaded 6 low run single 900 cause 1
power_return 7 medium run notice 900 ack 1
stall 8 high stop critical 300 ack 1
occlusion 9 high stop critical 300 ack 1
over_infusion 10 high stop critical 300 ack 1
under_infusion 11 medium run notice 900 ack 1
moved_stopped 12 high stop critical 300 ack 1
supply 13 medium run notice 900 cause 1
supply_stop 14 high stop critical 300 ack 1
sensor 15 medium run notice 900 cause 1
stuck_key 16 medium run notice 900 cause 1
cap 17 high stop critical 300 ack 1
discrepancy 20 medium run notice 900 ack 1
restarts 21 high stop critical 300 ack 1
clock 22 low run single 900 cause 1
program 23 medium run notice 900 ack 1
tube 24 low run single 900 cause 1
eri 25 medium run notice 900 cause 1
end_of_service 26 high stop critical 300 cause 0
backwards 27 high stop critical 300 ack 1
"""

# who sends a line: a host without a session; in one, on a rig without a key; in one, with the key's mark on each line;
# a person after `terminal`, on a rig with neither key nor PIN; after `terminal PIN`; where typed programming is off:
# switched off, or a key is set and no PIN
WHO = ("none", "open", "keyed", "typed", "pin", "off")

# who may: an answer for each of WHO
MAY = {
    "anyone": (1, 1, 1, 1, 1, 1),
    "host": (1, 1, 1, 0, 0, 0),
    "person": (0, 0, 0, 1, 1, 0),
    "program": (0, 1, 1, 1, 1, 0),
    "own": (0, 1, 1, 1, 0, 0),
}

# a line for each command: verb, who may, whether it changes something, its arguments as name:kind:lowest:highest:word
# before it in a typed line:default. What changes is numbered, acts exactly once and is logged; a person's waits for
# `commit CODE`. One text, because a tuple for each argument would take the Pico three times the memory.
COMMANDS = b"""
hello anyone reads digest:hex:16:16::
help anyone reads verb:text:0:20::
status anyone reads
alarms anyone reads
probe anyone reads
program anyone reads
log anyone reads start:int:0:4294967295::0 count:int:1:64::16
terminal person reads pin:text:0:12::
open host reads nonce:hex:0:32::
close host reads
prove program reads
stop anyone changes
rate program changes rate_nl_per_day:rate:1000:14400000000
stage program changes part:int:1:16 parts:int:1:16 text:text:1:400
discard program changes
withdraw program changes
commit program changes hash:text:4:16 override:int:0:1:override:0 at_utc_s:int:0:8589934592:at:0
bolus program changes volume_nl:volume:1:20000000 over_ms:time:1000:86400000:over:60000 \
  spread:int:0:1:spread:0
demand program changes
dispense program changes volume_nl:volume:1:100000000 over_ms:time:0:86400000:over:0 \
  rate_nl_per_day:rate:0:14400000000:rate:0
prime program changes volume_nl:volume:0:5000000::0
calibrate program changes rate_nl_per_day:rate:1000:14400000000 volume_nl:volume:1:100000000
resume program changes
refill program changes volume_nl:volume:1:100000000 removed_nl:volume:0:100000000:removed
ramp program changes do:text:2:4
tube program changes
battery program changes
ack program changes
silence anyone changes
clock program changes utc_us:int:0:4611686018427387904
access own changes key:hex:0:64:key pin:text:0:12:pin plain:int:0:1:plain
maintenance own changes
"""
OPTIONAL = ("removed_nl", "key", "pin", "plain")  # arguments that may be absent without a default
AT_ONCE = ("stop", "silence")  # safe at any time, any number of times: a number is not asked for


def command(verb):
    """The table's row of a verb, or None: (verb, arguments, who may, changes).

    An argument: (name, kind, lowest, highest, word before it in a typed line, default or None).
    """
    if verb in AT_ONCE:
        return _AT_ONCE[AT_ONCE.index(verb)]
    line = _line(COMMANDS, verb)
    return _row(line) if line else None


def commands():
    """Every row of the table."""
    return [_row(line) for line in COMMANDS.strip().split(b"\n")]


def alarm(name):
    """The table's row of an alarm: (bit, name, priority, action, tone, repeat s, ends with, runs again); or None."""
    line = _line(ALARMS, name)
    return _alarm(line) if line else None


def alarms():
    """Every row of the table."""
    return [_alarm(line) for line in ALARMS.strip().split(b"\n")]


def _alarm(line):
    name, bit, priority, action, tone, repeat_s, ends, again = line.decode().split()
    return int(bit), name, priority, action, tone, int(repeat_s), ends, int(again)


def _line(table, word):
    """The line of a table that begins with a word; empty: none."""
    begin = table.find(b"\n%s " % word.encode())
    return table[begin + 1 : table.find(b"\n", begin + 1)] if begin >= 0 else b""


def _row(line):
    words = line.decode().split()
    arguments = []
    for word in words[3:]:
        parts = word.split(":")
        default = None
        if len(parts) > 5:
            default = parts[5] if parts[1] in ("text", "hex") else int(parts[5])
        word = parts[4] if len(parts) > 4 else ""
        arguments.append((parts[0], parts[1], int(parts[2]), int(parts[3]), word, default))
    return words[0], tuple(arguments), words[1], words[2] == "changes"


def may(row, who):
    """Whether who (a word of WHO) may send this command."""
    return MAY[row[2]][WHO.index(who)] == 1


def error_name(code):
    """The name of an error's code."""
    for name in ERRORS:
        if ERRORS[name] == code:
            return name
    return "unknown"


def digest():
    """16 hex digits that change whenever any table of the protocol changes."""
    from pumpwire import answers, documents, records

    total = sha256(str(PROTOCOL).encode())
    tables = (
        STATES,
        MODES,
        KINDS,
        sorted(ERRORS.items()),
        NUMBER_FREE,
        alarms(),
        WHO,
        sorted(MAY.items()),
        commands(),
        records.HEADER,
        records.STATE,
        records.EVENTS,
    )
    for verb in sorted([row[0] for row in commands()]):
        told = []
        for name, times, pairs in answers.rows_of(verb):
            told.append((name, times, sum(pairs, ())))
        if told:
            tables += ((verb,), told)
    for table in tables + (
        documents.FIELDS["program"],
        documents.FIELDS["calibration"],
        documents.FIELDS["access"],
    ):
        for row in table:
            total.update(repr(row).encode())
    return hexlify(total.digest()[:8]).decode()


# Taken apart once: a stop is to act within its tick
_AT_ONCE = tuple([_row(_line(COMMANDS, verb)) for verb in AT_ONCE])
