"""What the log says of the last 24 hours, for the cap and the demand boluses after a boot; and of every alarm.

Owns: the walks over the records.
Rules: the time between two records is that of power, boot after boot; what no record tells of is not counted.
Units: steps, microseconds.
Leaves: the window itself to day_cap.py, what is made of alarms to kept_alarms.py.
"""

from pumpwire.records import EVENTS, unpack
from pumpwire.spec import alarm

from rig.flow.day_cap import SLOT_US, SLOTS
from rig.log import finding

MOST_RECORDS = 400  # bounds the walk; the ring goes round in some 40
OWN = ("basal", "periodic", "bridge")
ASKED = ("demand", "single", "spread")
CHECKPOINT = EVENTS.index("checkpoint")
REQUEST = EVENTS.index("request")
COMMAND = EVENTS.index("command")
ALARM = EVENTS.index("alarm")
KEPT = EVENTS.index("kept")


def alarms(rig):
    """Tell rig.unread what the log says of each alarm name."""
    for raw in finding.alarms(rig.journal, (ALARM, KEPT)):
        header, _state, text = unpack(raw)
        fields = dict([word.split("=", 1) for word in text.split(" ") if "=" in word])
        if header["event"] == KEPT:
            rig.unread.restore(header["number"], fields)
        else:
            rig.unread.note(alarm(fields.get("name", "")), header["number"], header["utc_us"])


def day(rig, journal, now_us):
    """Take the ring of the last 24 h of power out of the checkpoints; returns the demand boluses given, as instants.

    Each checkpoint has the newest slots of its time and some older ones: the walk goes back until all are known, and
    the record of each demand bolus that they count has been met.
    """
    newest = first = None  # the last record, and the oldest one seen
    top = None  # (slot, microseconds into it) at the last record
    words = {}
    exact_us = []  # when demand boluses were given, by their own records
    late = 0  # of these, after the newest checkpoint
    most = -1  # of them that the checkpoints count; -1: not all slots are known
    for raw, after_us in _back(journal):
        newest, first = newest or raw, raw
        text = unpack(raw)[2] if raw[3] in (CHECKPOINT, COMMAND) else ""
        if raw[3] == REQUEST or text.startswith("verb=demand "):
            exact_us.insert(0, now_us - after_us)
            late += top is None
        if text.startswith("day=") and most < 0:
            parts = _parts(text)
            if top is None:
                total_us = parts[0] * SLOT_US + parts[1] * 1_000_000 + after_us
                top = total_us // SLOT_US, total_us % SLOT_US
                words[top[0]] = "%x.%x" % _between(raw, newest)
                if parts[0] == top[0]:
                    words[top[0]] = _sum(words[top[0]], parts[2][0])
            _take(parts, words)
            known = [word for slot, word in words.items() if slot > top[0] - SLOTS]
            if len(known) >= SLOTS:
                most = late + sum([_counts(word)[2] for word in known])
        if 0 <= most <= len(exact_us):
            break
    if top is not None:
        given_us = _fill(rig.cap, top[0], top[1], words, now_us)
        most = late + len(given_us)
        kept = max(1, most)  # the last one, for a lockout of more than a day
        return given_us[: max(0, most - len(exact_us))] + exact_us[max(0, len(exact_us) - kept) :]
    if newest is not None:  # written by an older firmware: all that the walk saw counts as of now
        own, asked = _between(first, newest)
        rig.cap.add(now_us, own, asked)
    return exact_us


def _back(journal):
    """(record, microseconds of power from it to the last one), the last one first; boot after boot."""
    after_us = before_us = boot = 0
    for number in range(
        journal.next_number - 1, max(journal.oldest(), journal.next_number - MOST_RECORDS) - 1, -1
    ):
        raw = journal.read(number)
        if raw is not None:
            of_boot, mono_us = int.from_bytes(raw[10:14], "little"), int.from_bytes(raw[14:22], "little")
            if boot:
                after_us += before_us - mono_us if of_boot == boot else before_us
            before_us, boot = mono_us, of_boot
            yield raw, after_us


def _take(parts, words):
    """What a checkpoint says of slots that no later one has told of."""
    slot, _into_s, newest, first, old = parts
    for back in range(len(newest)):
        words.setdefault(slot - back, newest[back])
    for i in range(len(old)):
        words.setdefault(first + i, old[i])


def _parts(text):
    """The words of a checkpoint: see flow/day_cap.py."""
    fields = dict([word.split("=", 1) for word in text.split(" ") if "=" in word])
    at, _colon, newest = fields["day"].partition(":")
    slot, _dot, into_s = at.partition(".")
    first, _colon, old = fields.get("old", "0:").partition(":")
    return int(slot, 16), int(into_s, 16), newest.split(","), int(first, 16), old.split(",")


def _between(before, after):
    """(the program's own steps, those of requests) from one record to a later one."""
    before, after = unpack(before)[1], unpack(after)[1]
    own = sum([max(0, after[name + "_steps"] - before[name + "_steps"]) for name in OWN])
    return own, sum([max(0, after[name + "_steps"] - before[name + "_steps"]) for name in ASKED])


def _sum(one, other):
    """Two words of the same slot, added up."""
    rows = [_counts(word) for word in (one, other)]
    return "%x.%x.%x" % tuple([rows[0][i] + rows[1][i] for i in range(3)])


def _counts(word):
    """(the program's own steps, those of requests, demand boluses given) of a slot's word, and zeros behind them."""
    return [int(part or "0", 16) for part in word.split(".")] + [0, 0]


def _fill(cap, slot, into_us, words, now_us):
    """The ring again; -> the demand boluses given, as instants of Clock, each at the end of its slot at the latest."""
    cap.begin_at(slot, into_us, now_us)
    given_us = []
    for number in sorted(words):
        if slot - SLOTS < number <= slot:
            parts = _counts(words[number])
            cap.put(number, parts[0], parts[1])
            after_us = (number + 1 - slot) * SLOT_US - 1_000_000 - into_us
            given_us += [now_us + min(0, after_us)] * parts[2]
    return given_us
