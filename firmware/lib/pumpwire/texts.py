"""What the rows of the wire's tables mean, in words for a person.

Owns: the meaning of each command, argument, answer, error and alarm of spec.py.
Rules: every row of spec.py has its words here, and nothing else has; no behaviour depends on them, so they
are not part of the digest, and the Pico loads them only while it answers `help`.
Callers: rig.typed for help, the host for messages, docs/protocol_page.py.
Units: none.
Leaves: names, limits and codes to spec.py.
"""

# verb: (meaning, the answer's fields)
COMMANDS = {
    "hello": (
        "greet: identity, protocol and the last accepted number",
        "device_id firmware protocol digest boot last_seq last_code session",
    ),
    "help": ("list the commands, or explain one", "text"),
    "status": ("one reading of everything", "everything that `pumprig status` shows"),
    "alarms": ("the active alarms, a row each", "name priority since_us acked"),
    "program": (
        "the active, the staged and the waiting therapy, canonically",
        "text hash staged staged_hash later",
    ),
    "log": ("log records as they lie in flash, base64, a row each", "record"),
    "terminal": ("a person programs from here: typed lines may stage for 10 min", ""),
    "open": ("begin a host session; typed lines may then only read and stop", "next_seq nonce key"),
    "close": ("end the host session", ""),
    "stop": ("stop the pump now; never needs a session", "delivered_steps"),
    "rate": ("stage a constant therapy and show it back", "hash code text"),
    "stage": ("stage a document; the last part answers with its hash", "hash code text"),
    "discard": ("drop what is staged, and what waits for its time", ""),
    "commit": ("make what is staged active, exactly that, now or at a time", "hash"),
    "bolus": ("deliver one bolus on top of the basal rate", "requested_steps"),
    "demand": ("ask for a demand bolus, as the request button does", "requested_steps"),
    "dispense": (
        "deliver one dose from a standing pump, which then stands again",
        "requested_steps requested_nl rate_nl_per_day",
    ),
    "prime": ("fill the line; only from stopped, accounted apart", "requested_steps"),
    "calibrate": ("deliver onto a balance; only from stopped, accounted apart", "requested_steps"),
    "resume": ("run the active therapy again", ""),
    "refill": ("the reservoir was filled", "reservoir_nl"),
    "ramp": ("hold a titration, step it back, or let it go on", "rate_nl_per_day"),
    "tube": ("a new tube is in", "revolutions"),
    "battery": ("a new implant: its battery is full", "percent"),
    "ack": ("acknowledge the active alarms", ""),
    "silence": ("silence the tone for 2 min", ""),
    "clock": ("set the wall clock", "offset_us"),
    "access": ("set the key, the PIN and whether a person may program", ""),
    "maintenance": ("stop, then reboot without the watchdog, so that files can be changed", ""),
}

# (verb, argument): meaning
ARGUMENTS = {
    ("hello", "digest"): "the host's table digest",
    ("help", "verb"): "a command",
    ("log", "start"): "first record number",
    ("log", "count"): "rows at the most",
    ("terminal", "pin"): "the PIN, if one is set",
    ("open", "nonce"): "a fresh number of the host",
    ("rate", "rate_nl_per_day"): "the constant rate",
    ("stage", "part"): "this part",
    ("stage", "parts"): "how many there are",
    ("stage", "text"): "a part of the document's text",
    ("commit", "hash"): "the hash, or for a person the code, of what is staged",
    ("commit", "override"): "1: go beyond soft limits",
    ("commit", "at_utc_s"): "seconds since 1970 when it is to begin; 0: now",
    ("ramp", "do"): "hold, back (to the step before, held there) or go",
    ("bolus", "volume_nl"): "its volume",
    ("bolus", "over_ms"): "its duration",
    ("bolus", "spread"): "1: a spread bolus, which a demand bolus may interrupt",
    ("dispense", "volume_nl"): "its volume",
    ("dispense", "over_ms"): "its duration; 0: not given",
    ("dispense", "rate_nl_per_day"): "its rate, instead of the duration; without either it takes a minute",
    ("prime", "volume_nl"): "0: the stored catheter volume",
    ("calibrate", "rate_nl_per_day"): "the constant rate",
    ("calibrate", "volume_nl"): "how much, rounded to whole steps",
    ("refill", "volume_nl"): "volume now filled in",
    ("refill", "removed_nl"): "volume found in the reservoir before",
    ("clock", "utc_us"): "time since 1970 in microseconds",
    ("access", "key"): "the new key, 64 hex digits; empty: none",
    ("access", "pin"): "the new PIN for typed programming; empty: none",
    ("access", "plain"): "0: no typed programming at all",
}

# error: meaning
ERRORS = {
    "form": "the line is no request of this protocol",
    "crc": "the line was damaged on the way; nothing was done",
    "unknown": "no such command",
    "argument": "an argument is missing, unknown, of a wrong unit or out of range",
    "sequence": "the number is not the next one; nothing was done",
    "access": "this needs a session (machine) or `terminal` (a person)",
    "locked": "too many wrong answers; programming is locked for a while",
    "host": "a host session is active; typed lines may only read and stop",
    "state": "not in this state of the pump",
    "limit": "beyond a hard limit",
    "soft_limit": "beyond a soft limit, and no override was given",
    "lockout": "the lockout time has not passed",
    "count": "the number of demand boluses in 24 h is used up",
    "cap": "the rolling 24 h cap over all delivery would be exceeded",
    "bridge": "the drug or its concentration changes: a bridge, or none, must be named",
    "busy": "another bolus or priming is under way",
    "reservoir": "not enough fluid in the reservoir",
    "alarm": "an alarm must be acknowledged first",
    "nothing": "nothing is staged, or it has expired",
    "hash": "the hash or code is not the one of what is staged",
    "document": "the staged document is not valid",
    "storage": "the journal could not be written; nothing was done",
    "gone": "that record is no longer, or not yet, in the log",
}

# alarm: what a person reads
ALARMS = {
    "self_test": "the power-on self test failed: the motor stays off until a start at which it passes",
    "empty": "the reservoir estimate reached zero",
    "low": "the reservoir estimate is below its alert level",
    "count_mismatch": "queued and counted steps disagree",
    "starved": "the step queue ran dry while delivering",
    "stop_button": "stopped by the stop button",
    "stopped_loaded": "stopped with a program loaded",
    "power_return": "power returned; what was not recorded counts as delivered",
    "stall": "the rotor does not follow the counted steps",
    "occlusion": "the outlet pressure says the line is blocked",
    "over_infusion": "more rotation than programmed",
    "under_infusion": "less rotation than programmed",
    "moved_stopped": "the rotor moved while stopped",
    "supply": "the motor supply is low",
    "supply_stop": "the motor supply is below what the motor needs",
    "sensor": "a sensor does not answer",
    "stuck_key": "a button is held down for longer than a minute",
    "cap": "the rolling 24 h cap stopped the delivery",
    "late": "the loop missed its deadline",
    "storage": "the journal cannot be written",
    "discrepancy": "found and estimated reservoir volumes disagree",
    "restarts": "the same alarm, stop and start three times in 10 min",
    "clock": "a day program runs without a set clock",
    "program": "the program that waited for its time was not begun",
    "tube": "the tube is past its life",
    "eri": "the battery is to be replaced: 90 days are left",
    "end_of_service": "the battery's service has ended; the pump is stopped",
    "backwards": "the pump draws from the outlet: coil and encoder are both reversed, or the tube lies the wrong way",
}
