"""Log records: one flash page each, the whole state and one event, sealed and chained.

Owns: the bytes of a record, both ways.
Rules: a record is believed only whole (CRC-32 over header and payload); each carries the start of its
predecessor's SHA-256, so a gap or an edit shows; each carries the full state, so the last good record alone
resumes the pump; a version's fields never change: a new one adds fields at the end of STATE (or bits that were 0
above those of a field) and a row to FIELDS, and older records are read for ever, with 0 for what they lack.
Units: by the names' endings; integers are little-endian; times in microseconds.
Leaves: where pages lie to rig.journal; what an event means to who logs it.

    header 42 B | state | event text | CRC-32        the rest of the page stays erased (0xFF)
"""

import struct
from binascii import crc32
from hashlib import sha256

PAGE = 256
# Of the field `mode`; above them `halted`: 0 a person, 1 a loss of power, 2 + n the alarm of bit n
MODE_BITS = 3
# Of the field `demand_wait_s`; above them what of `ramp` does not go into its own as many: 97 days and more
WAIT_BITS = 24
# `reservoir_assumed_nl` has a byte above the low 32 bits of each of these, the lowest first
PARTS_BITS = 32
PARTS = ("reservoir_base_nl", "assumed_steps", "lost_steps")
# Of the field `second_kind`; above them `stood`: a titration was held at a loss of power of which no clock has told yet
KIND_BITS = 7
MAGIC = b"PR"
VERSION = 7
CHAIN = 8

# name, struct code
HEADER = (
    ("magic", "2s"),
    ("version", "B"),
    ("event", "B"),
    ("length", "H"),
    ("number", "I"),
    ("boot", "I"),
    ("mono_us", "Q"),
    ("utc_us", "Q"),
    ("calibration_id", "I"),
    ("chain", "8s"),
)
_HEADER = "<" + "".join(row[1] for row in HEADER)
HEADER_SIZE = struct.calcsize(_HEADER)

# name, bytes; unsigned little-endian
STATE = (
    ("basal_steps", 5),
    ("periodic_steps", 5),
    ("demand_steps", 5),
    ("single_steps", 5),
    ("spread_steps", 5),
    ("bridge_steps", 5),
    ("prime_steps", 5),
    ("relief_steps", 5),
    ("calibration_steps", 5),
    ("delivered_base_nl", 6),  # delivered before the present calibration took effect
    ("base_steps", 5),  # net steps at that moment
    ("reservoir_base_nl", 5),  # reservoir at the last refill, less what was assumed since; see PARTS
    ("reservoir_base_delivered_nl", 6),  # total delivered at that moment
    ("assumed_steps", 5),  # see PARTS; counted as delivered at a power loss without having been counted
    ("lost_steps", 5),  # see PARTS; counted, but the rotor did not follow
    ("last_seq", 4),
    ("last_code", 1),  # 0: done; else the error code it was refused with
    ("mode", 1),  # low three bits: index into spec.MODES, what to resume; the others: `halted`, why it stands
    ("program_hash", 4),  # first half of the active program's hash
    ("bolus_kind", 1),  # index into spec.KINDS + 1; 0: none
    ("bolus_steps", 4),
    ("bolus_done_steps", 4),
    ("bolus_rate_nl_per_day", 5),
    ("spread_steps_asked", 4),
    ("spread_done_steps", 4),
    ("spread_rate_nl_per_day", 5),
    ("demand_wait_s", 4),
    ("program_elapsed_s", 4),
    ("alarms", 4),
    ("acked", 4),
    ("later", 2),  # part of the hash of the program that waits for its time; 0: none
    ("ramp", 3),  # twice the seconds that a titration is behind its program; odd: it is held
    ("tube_rev", 3),  # revolutions when the tube was new
    ("tube_day", 2),  # days since 1970 then
    ("battery_j", 2),  # charge used, J, since the battery was new
    ("battery_h", 2),  # its age
    ("eri_days", 1),  # since its elective replacement indicator, rounded up; 0: it has not come
    ("demands", 1),  # demand boluses given in the last seven days, 255 at the most
    # of the bolus in the spread fields: index into spec.KINDS + 1; 0 (older): spread. The high bit is `stood`
    ("second_kind", 1),
    ("waiting", 1),  # bit n: the turn of periodic bolus n that fell due last has not begun
    ("elapsed_part", 2),  # of program_elapsed_s: 65536ths of a second
    ("last_crc", 2),  # which command last_seq was: codec.name_of its line
)
WIDTHS = bytes([row[1] for row in STATE])
MODE, SECOND = 17, 38  # where `mode` and `second_kind` stand in STATE
HALTED_SINCE = 4  # the version that split `mode`
# version: how many of STATE it has; 4 to 7 added none: they split `mode`, `demand_wait_s`, PARTS and `second_kind`
FIELDS = {1: 30, 2: 38, 3: 42, 4: 42, 5: 42, 6: 42, 7: 42}


def _size(version):
    """Bytes of a version's state."""
    return sum(row[1] for row in STATE[: FIELDS[version]])


SIZES = tuple([_size(version) for version in range(1, VERSION + 1)])  # bytes of state, of version 1 and on
STATE_SIZE = SIZES[VERSION - 1]
MAX_EVENT_TEXT = PAGE - HEADER_SIZE - STATE_SIZE - 4

# What happened; the number in the header is the row. An empty one was never written, and is not used again.
EVENTS = (
    "checkpoint",
    "boot",
    "first_boot",
    "command",
    "refused",
    "",
    "stop",
    "program",
    "calibration",
    "bolus_start",
    "bolus_end",
    "",
    "alarm",
    "alarm_end",
    "",
    "clock",
    "power_return",
    "late",
    "request",
    "staged_expired",
    "maintenance",
    "access",
    "undelivered",
    "",
    "relief",
    "stall_end",
    "reminder",
    "self_test",
    "fault",
    "kept",
    "moved",
    "missed",  # a periodic bolus whose turn passed: kind, nl, why, how many times
)


class RecordError(ValueError):
    """Bytes that are no record; the text says what is wrong: erased, magic, version, length or crc."""


def pack(header, state, text):
    """header: {name: value} but magic, version, length; state: {name: int}; text: event's own words. -> bytes <= PAGE.

    A text (or bytes) that is too long for the page loses its last words, never the state.
    """
    ramp = state.get("ramp") or 0
    wait = (state.get("demand_wait_s") or 0) | ramp >> WAIT_BITS << WAIT_BITS
    state = dict(state, demand_wait_s=wait, ramp=ramp & (1 << WAIT_BITS) - 1)
    assumed_nl = state.get("reservoir_assumed_nl") or 0
    for name in PARTS:
        state[name] = (state.get(name) or 0) | (assumed_nl & 0xFF) << PARTS_BITS
        assumed_nl >>= 8
    values = [state.get(name) or 0 for name, _size in STATE]
    values[MODE] |= state.get("halted", 0) << MODE_BITS
    values[SECOND] |= state.get("stood", 0) << KIND_BITS
    return page(header, values, text if isinstance(text, bytes) else text.encode())


def page(header, values, words):
    """The same from the state's values in the order of STATE, each in its field, and the words as bytes."""
    if len(words) > MAX_EVENT_TEXT:
        end = words.rfind(b" ", 0, MAX_EVENT_TEXT + 1)
        words = words[: end if end > 0 else MAX_EVENT_TEXT]
    raw = bytearray(PAGE)
    struct.pack_into(
        _HEADER,
        raw,
        0,
        MAGIC,
        VERSION,
        header["event"],
        STATE_SIZE + len(words),
        header["number"],
        header["boot"],
        header["mono_us"],
        header["utc_us"],
        header["calibration_id"],
        header["chain"],
    )
    at = HEADER_SIZE
    put = struct.pack_into
    for value, size in zip(values, WIDTHS):
        if value:
            put("<Q", raw, at, value)  # the next field lies over its high, empty bytes
        at += size
    end = at + len(words)
    raw[at:end] = words
    struct.pack_into("<I", raw, end, crc32(raw[:end]) & 0xFFFFFFFF)
    return bytes(raw[: end + 4])


def unseal(page):
    """A page (or a record's own bytes) -> the record's own bytes. Raises RecordError."""
    if bytes(page[:2]) != MAGIC:
        raise RecordError("erased" if bytes(page[:2]) == b"\xff\xff" else "magic")
    if len(page) < HEADER_SIZE + 4:
        raise RecordError("length")
    length = page[4] | page[5] << 8
    end = HEADER_SIZE + length
    if end + 4 > PAGE or end + 4 > len(page):
        raise RecordError("length")
    raw = bytes(page[: end + 4])
    if struct.unpack("<I", raw[end:])[0] != crc32(raw[:end]) & 0xFFFFFFFF:
        raise RecordError("crc")
    if raw[2] not in FIELDS:
        raise RecordError("version")  # whole, but of a newer firmware
    if length < SIZES[raw[2] - 1]:
        raise RecordError("length")
    return raw


def unpack(raw):
    """A record's own bytes -> (header, state, text). Raises RecordError."""
    raw = unseal(raw)
    values = struct.unpack(_HEADER, raw[:HEADER_SIZE])
    header = {HEADER[i][0]: values[i] for i in range(len(HEADER))}
    state = {row[0]: 0 for row in STATE[FIELDS[raw[2]] :]}
    at = HEADER_SIZE
    for name, size in STATE[: FIELDS[raw[2]]]:
        state[name] = int.from_bytes(raw[at : at + size], "little")
        at += size
    split(state, raw[2])
    return header, state, raw[at:-4].decode()


def split(state, version):
    """What shares a field -> each by itself: `halted`, the high bits of `ramp`, `reservoir_assumed_nl`, `stood`."""
    assumed_nl = 0
    for name in reversed(PARTS):
        assumed_nl = assumed_nl << 8 | state[name] >> PARTS_BITS
        state[name] &= (1 << PARTS_BITS) - 1
    state["reservoir_assumed_nl"] = assumed_nl
    state["ramp"] |= state["demand_wait_s"] >> WAIT_BITS << WAIT_BITS
    state["demand_wait_s"] &= (1 << WAIT_BITS) - 1
    state["stood"] = state["second_kind"] >> KIND_BITS
    state["second_kind"] &= (1 << KIND_BITS) - 1
    state["halted"] = 0
    if version >= HALTED_SINCE:
        state["halted"] = state["mode"] >> MODE_BITS
        state["mode"] &= (1 << MODE_BITS) - 1


def link(raw):
    """The chain value that the record after `raw` carries: the start of raw's SHA-256."""
    return sha256(raw).digest()[:CHAIN]
