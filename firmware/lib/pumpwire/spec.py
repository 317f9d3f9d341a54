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

# Words of the tables below, each named once: a text in a tuple of texts takes the Pico's memory each time.
HIGH = "high"
MEDIUM = "medium"
LOW = "low"
STOP = "stop"
RUN = "run"
CRITICAL = "critical"
NOTICE = "notice"
SINGLE = "single"
CAUSE = "cause"
ACK = "ack"

# alarm: (bit, name, priority, pump action, tone, repeat s, ends with, runs again once it is acknowledged)
#   ends with: its cause (acknowledged meanwhile, it is only silent), or the acknowledgement
#   a bit is never given to another alarm: 18 and 19 were
ALARMS = (
    (0, "self_test", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (1, "empty", HIGH, STOP, CRITICAL, 300, CAUSE, 0),
    (2, "low", MEDIUM, RUN, NOTICE, 900, CAUSE, 1),
    (3, "count_mismatch", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (4, "starved", MEDIUM, RUN, NOTICE, 900, ACK, 1),
    (5, "stop_button", LOW, RUN, SINGLE, 900, ACK, 1),
    (6, "stopped_loaded", LOW, RUN, SINGLE, 900, CAUSE, 1),
    (7, "power_return", MEDIUM, RUN, NOTICE, 900, ACK, 1),
    (8, "stall", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (9, "occlusion", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (10, "over_infusion", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (11, "under_infusion", MEDIUM, RUN, NOTICE, 900, ACK, 1),
    (12, "moved_stopped", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (13, "supply", MEDIUM, RUN, NOTICE, 900, CAUSE, 1),
    (14, "supply_stop", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (15, "sensor", MEDIUM, RUN, NOTICE, 900, CAUSE, 1),
    (16, "stuck_key", MEDIUM, RUN, NOTICE, 900, CAUSE, 1),
    (17, "cap", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (20, "discrepancy", MEDIUM, RUN, NOTICE, 900, ACK, 1),
    (21, "restarts", HIGH, STOP, CRITICAL, 300, ACK, 1),
    (22, "clock", LOW, RUN, SINGLE, 900, CAUSE, 1),
    (23, "program", MEDIUM, RUN, NOTICE, 900, ACK, 1),
    (24, "tube", LOW, RUN, SINGLE, 900, CAUSE, 1),
    (25, "eri", MEDIUM, RUN, NOTICE, 900, CAUSE, 1),
    (26, "end_of_service", HIGH, STOP, CRITICAL, 300, CAUSE, 0),
    (27, "backwards", HIGH, STOP, CRITICAL, 300, ACK, 1),
)

# kinds of arguments, as texts.UNITS has them
INT = "int"
TEXT = "text"
HEX = "hex"
RATE = "rate"
VOLUME = "volume"
TIME = "time"

# argument: (name, kind, lowest, highest, word before it in a typed line, default or None)
_U32 = 0xFFFFFFFF

# who sends a line: a host without a session; in one, on a rig without a key; in one, with the key's mark on each line;
# a person after `terminal`, on a rig with neither key nor PIN; after `terminal PIN`; where typed programming is off:
# switched off, or a key is set and no PIN
WHO = ("none", "open", "keyed", "typed", "pin", "off")

# who may: an answer for each of WHO
ANYONE = "anyone"
HOST = "host"
PERSON = "person"
PROGRAM = "program"
OWN = "own"
MAY = {
    ANYONE: (1, 1, 1, 1, 1, 1),
    HOST: (1, 1, 1, 0, 0, 0),
    PERSON: (0, 0, 0, 1, 1, 0),
    PROGRAM: (0, 1, 1, 1, 1, 0),
    OWN: (0, 1, 1, 1, 0, 0),
}

# command: (verb, arguments, who may, changes)
#   changes: the command is numbered, acts exactly once and is logged; a person's waits for `commit CODE`
COMMANDS = (
    ("hello", (("digest", HEX, 16, 16, "", ""),), ANYONE, False),
    ("help", (("verb", TEXT, 0, 20, "", ""),), ANYONE, False),
    ("status", (), ANYONE, False),
    ("alarms", (), ANYONE, False),
    ("probe", (), ANYONE, False),
    ("program", (), ANYONE, False),
    ("log", (
        ("start", INT, 0, _U32, "", 0),
        ("count", INT, 1, 64, "", 16),
    ), ANYONE, False),
    ("terminal", (("pin", TEXT, 0, 12, "", ""),), PERSON, False),
    ("open", (("nonce", HEX, 0, 32, "", ""),), HOST, False),
    ("close", (), HOST, False),
    ("prove", (), PROGRAM, False),
    ("stop", (), ANYONE, True),
    ("rate", (("rate_nl_per_day", RATE, 1000, 14_400_000_000, "", None),), PROGRAM, True),
    ("stage", (
        ("part", INT, 1, 16, "", None),
        ("parts", INT, 1, 16, "", None),
        ("text", TEXT, 1, 400, "", None),
    ), PROGRAM, True),
    ("discard", (), PROGRAM, True),
    ("withdraw", (), PROGRAM, True),
    ("commit", (
        ("hash", TEXT, 4, 16, "", None),
        ("override", INT, 0, 1, "override", 0),
        ("at_utc_s", INT, 0, 1 << 33, "at", 0),
    ), PROGRAM, True),
    ("bolus", (
        ("volume_nl", VOLUME, 1, 20_000_000, "", None),
        ("over_ms", TIME, 1000, 86_400_000, "over", 60_000),
        ("spread", INT, 0, 1, "spread", 0),
    ), PROGRAM, True),
    ("demand", (), PROGRAM, True),
    ("dispense", (
        ("volume_nl", VOLUME, 1, 100_000_000, "", None),
        ("over_ms", TIME, 0, 86_400_000, "over", 0),
        ("rate_nl_per_day", RATE, 0, 14_400_000_000, "rate", 0),
    ), PROGRAM, True),
    ("prime", (("volume_nl", VOLUME, 0, 5_000_000, "", 0),), PROGRAM, True),
    ("calibrate", (
        ("rate_nl_per_day", RATE, 1000, 14_400_000_000, "", None),
        ("volume_nl", VOLUME, 1, 100_000_000, "", None),
    ), PROGRAM, True),
    ("resume", (), PROGRAM, True),
    ("refill", (
        ("volume_nl", VOLUME, 1, 100_000_000, "", None),
        ("removed_nl", VOLUME, 0, 100_000_000, "removed", None),
    ), PROGRAM, True),
    ("ramp", (("do", TEXT, 2, 4, "", None),), PROGRAM, True),
    ("tube", (), PROGRAM, True),
    ("battery", (), PROGRAM, True),
    ("ack", (), PROGRAM, True),
    ("silence", (), ANYONE, True),
    ("clock", (("utc_us", INT, 0, 1 << 62, "", None),), PROGRAM, True),
    ("access", (
        ("key", HEX, 0, 64, "key", None),
        ("pin", TEXT, 0, 12, "pin", None),
        ("plain", INT, 0, 1, "plain", None),
    ), OWN, True),
    ("maintenance", (), OWN, True),
)  # fmt: skip
OPTIONAL = ("removed_nl", "key", "pin", "plain")  # arguments that may be absent without a default
AT_ONCE = ("stop", "silence")  # safe at any time, any number of times: a number is not asked for


def command(verb):
    """The table's row of a verb, or None."""
    for row in COMMANDS:
        if row[0] == verb:
            return row
    return None


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
        ALARMS,
        WHO,
        sorted(MAY.items()),
        COMMANDS,
        records.HEADER,
        records.STATE,
        records.EVENTS,
    )
    for verb in sorted(answers.ANSWERS):
        tables += ((verb,), answers.ANSWERS[verb])
    for table in tables + (
        documents.FIELDS["program"],
        documents.FIELDS["calibration"],
        documents.FIELDS["access"],
    ):
        for row in table:
            total.update(repr(row).encode())
    return hexlify(total.digest()[:8]).decode()
