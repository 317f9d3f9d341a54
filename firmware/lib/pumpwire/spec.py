"""THE command table: every command, error, state, kind and alarm of the wire, stated once.

Owns: what may be said on the line; device checks, host validation, help texts, docs/protocol.md and tests
come from it.
Rules: a row here is the only place that states a limit or a unit of an argument; both ends compare `digest()`
in the greeting.
Callers: rig.session and rig.link, pumprig.client, the documentation generator, parametrised tests.
Units: by the argument's name; a typed line gives quantities with units (units.py), a machine line whole
numbers.
Leaves: framing to codec.py, contents of staged documents to documents.py, log records to records.py.
"""

from binascii import hexlify
from hashlib import sha256

PROTOCOL = 1

STATES = ("stopped", "running", "bolus", "priming", "alarm", "maintenance")

# What a step was made for; each counted step belongs to exactly one. Relief runs backwards and counts negative.
KINDS = ("basal", "periodic", "demand", "single", "spread", "bridge", "prime", "relief", "calibration")

# error: (code, name, what it means)
ERRORS = (
    (10, "form", "the line is no request of this protocol"),
    (11, "crc", "the line was damaged on the way; nothing was done"),
    (12, "unknown", "no such command"),
    (13, "argument", "an argument is missing, unknown, of a wrong unit or out of range"),
    (20, "sequence", "the number is not the next one; nothing was done"),
    (21, "access", "this needs a session (machine) or `terminal` (a person)"),
    (22, "locked", "too many wrong answers; programming is locked for a while"),
    (23, "host", "a host session is active; typed lines may only read and stop"),
    (30, "state", "not in this state of the pump"),
    (31, "limit", "beyond a hard limit"),
    (32, "soft_limit", "beyond a soft limit, and no override was given"),
    (33, "lockout", "the lockout time has not passed"),
    (34, "count", "the number of demand boluses in 24 h is used up"),
    (35, "cap", "the rolling 24 h cap over all delivery would be exceeded"),
    (39, "bridge", "the drug or its concentration changes: a bridge, or none, must be named"),
    (36, "busy", "another bolus or priming is under way"),
    (37, "reservoir", "not enough fluid in the reservoir"),
    (38, "alarm", "an alarm must be acknowledged first"),
    (40, "nothing", "nothing is staged, or it has expired"),
    (41, "hash", "the hash or code is not the one of what is staged"),
    (42, "document", "the staged document is not valid"),
    (50, "storage", "the journal could not be written; nothing was done"),
    (51, "gone", "that record is no longer, or not yet, in the log"),
)
ERROR_CODES = {row[1]: row[0] for row in ERRORS}
ERROR_NAMES = {row[0]: row[1] for row in ERRORS}

# alarm: (bit, name, priority, pump action, tone, repeat s, text)
ALARMS = (
    (0, "self_test", "high", "stop", "critical", 300, "the power-on self test failed"),
    (1, "empty", "high", "stop", "critical", 300, "the reservoir estimate reached zero"),
    (2, "low", "medium", "run", "notice", 900, "the reservoir estimate is below its alert level"),
    (3, "count_mismatch", "high", "stop", "critical", 300, "queued and counted steps disagree"),
    (4, "starved", "medium", "run", "notice", 900, "the step queue ran dry while delivering"),
    (5, "stop_button", "low", "run", "single", 900, "stopped by the stop button"),
    (6, "stopped_loaded", "low", "run", "single", 900, "stopped with a program loaded"),
    (
        7,
        "power_return",
        "medium",
        "run",
        "notice",
        900,
        "power returned; what was not recorded counts as delivered",
    ),
    (8, "stall", "high", "stop", "critical", 300, "the rotor does not follow the counted steps"),
    (9, "occlusion", "high", "stop", "critical", 300, "the outlet pressure says the line is blocked"),
    (10, "over_infusion", "high", "stop", "critical", 300, "more rotation than programmed"),
    (11, "under_infusion", "medium", "run", "notice", 900, "less rotation than programmed"),
    (12, "moved_stopped", "high", "stop", "critical", 300, "the rotor moved while stopped"),
    (13, "supply", "medium", "run", "notice", 900, "the motor supply is low"),
    (14, "supply_stop", "high", "stop", "critical", 300, "the motor supply is below what the motor needs"),
    (15, "sensor", "medium", "run", "notice", 900, "a sensor does not answer"),
    (16, "stuck_key", "medium", "run", "notice", 900, "a button is held down for longer than a minute"),
    (17, "cap", "high", "stop", "critical", 300, "the rolling 24 h cap stopped the delivery"),
    (18, "late", "medium", "run", "notice", 900, "the loop missed its deadline"),
    (19, "storage", "high", "run", "critical", 300, "the journal cannot be written"),
    (20, "discrepancy", "medium", "run", "notice", 900, "found and estimated reservoir volumes disagree"),
    (21, "restarts", "high", "stop", "critical", 300, "the same alarm, stop and start three times in 10 min"),
    (22, "clock", "low", "run", "single", 900, "a day program runs without a set clock"),
)

# argument: (name, kind, lowest, highest, word before it in a typed line, default or None, meaning)
_U32 = 0xFFFFFFFF

# command: (verb, arguments, answer's fields, access, changes, meaning)
#   access: open, or session (machine session, or `terminal` and `commit CODE` for a person)
#   changes: the command is numbered, acts exactly once and is logged
COMMANDS = (
    ("hello", (("digest", "hex", 16, 16, "", "", "the host's table digest"),),
     "device_id firmware protocol digest boot last_seq last_code session", "open", False,
     "greet: identity, protocol and the last accepted number"),
    ("help", (("verb", "text", 0, 20, "", "", "a command"),), "text", "open", False,
     "list the commands, or explain one"),
    ("status", (), "everything that `pumprig status` shows", "open", False, "one reading of everything"),
    ("alarms", (), "name priority since_us acked", "open", False, "the active alarms, a row each"),
    ("program", (), "text hash staged staged_hash", "open", False, "the active and the staged therapy, canonically"),
    ("log", (("start", "int", 0, _U32, "", 0, "first record number"),
             ("count", "int", 1, 64, "", 16, "rows at the most")),
     "record", "open", False, "log records as they lie in flash, base64, a row each"),
    ("terminal", (("pin", "text", 0, 12, "", "", "the PIN, if one is set"),), "", "open", False,
     "a person programs from here: typed lines may stage for 10 min"),
    ("open", (("nonce", "hex", 0, 32, "", "", "a fresh number of the host"),), "next_seq nonce key", "open", False,
     "begin a host session; typed lines may then only read and stop"),
    ("close", (), "", "open", False, "end the host session"),
    ("stop", (), "delivered_steps", "open", True, "stop the pump now; never needs a session"),
    ("rate", (("rate_nl_per_day", "rate", 1_000, 14_400_000_000, "", None, "the constant rate"),), "hash code text",
     "session", True, "stage a constant therapy and show it back"),
    ("stage", (("part", "int", 1, 16, "", None, "this part"), ("parts", "int", 1, 16, "", None, "how many there are"),
               ("text", "text", 1, 400, "", None, "a part of the document's text")), "hash code text", "session", True,
     "stage a document; the last part answers with its hash"),
    ("discard", (), "", "session", True, "drop what is staged"),
    ("commit", (("hash", "text", 4, 16, "", None, "the hash, or for a person the code, of what is staged"),
                ("override", "int", 0, 1, "override", 0, "1: go beyond soft limits")), "hash", "session", True,
     "make what is staged active, exactly that"),
    ("bolus", (("volume_nl", "volume", 1, 20_000_000, "", None, "its volume"),
               ("over_ms", "time", 1_000, 86_400_000, "over", 60_000, "its duration"),
               ("spread", "int", 0, 1, "spread", 0, "1: a spread bolus, which a demand bolus may interrupt")),
     "requested_steps", "session", True, "deliver one bolus on top of the basal rate"),
    ("demand", (), "requested_steps", "session", True, "ask for a demand bolus, as the request button does"),
    ("prime", (("volume_nl", "volume", 0, 5_000_000, "", 0, "0: the stored catheter volume"),),
     "requested_steps", "session", True, "fill the line; only from stopped, accounted apart"),
    ("resume", (), "", "session", True, "run the active therapy again"),
    ("refill", (("volume_nl", "volume", 1, 100_000_000, "", None, "volume now filled in"),
                ("removed_nl", "volume", 0, 100_000_000, "removed", None, "volume found in the reservoir before")),
     "reservoir_nl", "session", True, "the reservoir was filled"),
    ("ack", (), "", "session", True, "acknowledge the active alarms"),
    ("silence", (), "", "open", True, "silence the tone for 2 min"),
    ("clock", (("utc_us", "int", 0, 1 << 62, "", None, "time since 1970 in microseconds"),),
     "offset_us", "session", True, "set the wall clock"),
    ("access", (("key", "hex", 0, 64, "key", None, "the new key, 64 hex digits; empty: none"),
                ("pin", "text", 0, 12, "pin", None, "the new PIN for typed programming; empty: none"),
                ("plain", "int", 0, 1, "plain", None, "0: no typed programming at all")), "", "session", True,
     "set the key, the PIN and whether a person may program"),
    ("maintenance", (), "", "session", True, "stop, then reboot without the watchdog, so that files can be changed"),
)  # fmt: skip
OPTIONAL = ("removed_nl", "key", "pin", "plain")  # arguments that may be absent without a default

_BY_VERB = {row[0]: row for row in COMMANDS}


def command(verb):
    """The table's row of a verb, or None."""
    return _BY_VERB.get(verb)


def digest():
    """16 hex digits that change whenever any table of the protocol changes."""
    from pumpwire import documents, records

    total = sha256(str(PROTOCOL).encode())
    tables = (STATES, KINDS, ERRORS, ALARMS, COMMANDS, records.HEADER, records.STATE, records.EVENTS)
    for table in tables + (
        documents.FIELDS["program"],
        documents.FIELDS["calibration"],
        documents.FIELDS["access"],
    ):
        for row in table:
            total.update(repr(row).encode())
    return hexlify(total.digest()[:8]).decode()
