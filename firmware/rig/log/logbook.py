"""What goes into the log, and in which order: each record carries the state that it leaves.

Owns: the time and the boot that a record tells, records that wait for another one, repeats that are folded into one.
Rules: a record's time never goes back; what has begun or ended is told before any record holds its steps; what a
command brought about is logged after the command, and before anything that came later; nobody without a right can push
records out of the log by repeating what anybody may do.
Units: microseconds of Clock, UTC in s where a repeat tells of it.
Leaves: pages to journal.py, what the state is to boot/snapshot.py, when a checkpoint is due to checkpoint.py.
"""

from pumpwire import codec, spec
from pumpwire.records import EVENTS

EDGES = ("bolus_start", "bolus_end")
TOLD = EDGES + ("checkpoint",)  # before these all is told already
STEADY = ("checkpoint", "access")  # events that come whatever happens, or by a stranger's guesses


class Logbook:
    """`state_of(now_us)` gives a record's state, as booked; `tell(now_us)` books, and logs what began or ended since
    the last time; `recorded(event, fields, number, utc_us, now_us)` hears of each record.
    """

    def __init__(self, clock, journal, dosing, state_of, tell, recorded):
        self._clock = clock
        self._journal = journal
        self._dosing = dosing
        self._state_of = state_of
        self.tell = tell
        self._recorded = recorded
        self.boot_number = 0
        self._told_us = 0  # what the last record says of its time
        # Rows (event, fields, when; 0: now) that wait for the record of what brought them about
        self._held = None
        self._rest = []  # what the last command has brought about, to be logged by and by
        self._news = 0  # records of what nobody without a right can bring about again and again
        self._folded = {}  # verb: [news then, times since, first and last of them in UTC s]

    def record(self, event, fields, at_us=0):
        """Log an event with the whole state; returns the record's number, 0 while it must wait.

        at_us: when it happened, if that was not just now.
        """
        if self._held is not None:
            self._held.append((event, fields, at_us))
            return 0
        while self._rest:
            self.log_rest()
        if event not in TOLD:
            self.tell(self._clock.now_us())
        rows = [(event, fields, at_us)]
        return self._write(self._unfolded(rows) + rows)

    # --- a command, what it brought about, what repeats

    def hold(self):
        """A command acts: what it brings about is logged after it."""
        self._held = []

    def is_holding(self):
        """Whether a command is half done."""
        return self._held is not None

    def held(self):
        """The rows since `hold`; from here on they are logged at once again."""
        rows, self._held = self._held, None
        return rows

    def record_command(self, event, fields, rest):
        """Log a command, and keep what it has brought about for `log_rest`.

        What had happened before a stop comes first. A command that acts but once must be on record before all else.
        """
        early = [row for row in rest if row[2] and fields[0][1] in spec.AT_ONCE]
        told = early + [(event, fields, 0)]
        self._write(self._unfolded(told + rest) + told)
        self._rest = [row for row in rest if row not in early]

    def owe(self, act):
        """What `act()` logs is kept for `log_rest`, behind what is still kept; while a command acts, behind that."""
        if self._held is not None:
            act()
            return
        self.hold()
        try:
            act()
        finally:
            now_us = self._clock.now_us()
            for event, fields, at_us in self.held() or ():
                # a bolus ends as it is cancelled, whenever that is told
                self._rest.append((event, fields, at_us or (now_us if event in EDGES else 0)))

    def has_rest(self):
        """Whether something that the last command brought about is still to be logged."""
        return bool(self._rest)

    def log_rest(self):
        """Log the next thing that the last command brought about."""
        rest, self._rest = self._rest, []
        if rest:
            if rest[0][0] not in EDGES:
                self.tell(self._clock.now_us())
            self._write(rest[:1])
            self._rest = rest[1:]

    def is_repeat(self, verb):
        """Whether an open command came before and nothing has happened since: it is counted, not recorded."""
        if verb not in spec.AT_ONCE:
            return False
        utc_s = self._clock.utc_us(self._clock.now_us()) // 1_000_000
        row = self._folded.get(verb)
        if row is None or row[0] != self._news:
            self._folded[verb] = [self._news, 0, utc_s, utc_s]
            return False
        if not row[1]:
            row[2] = utc_s
        row[1] += 1
        row[3] = utc_s
        return True

    def _unfolded(self, rows):
        """Rows of the repeats that are to be on record before these rows, where they tell of news."""
        before = self._news
        for event, fields, _at_us in rows:
            if not (event in STEADY or event == "command" and fields[0][1] in spec.AT_ONCE):
                self._news += 1
        told = []
        for verb in spec.AT_ONCE if self._news != before else ():
            row = self._folded.get(verb)
            if row is not None and row[1]:
                words = (("verb", verb), ("n", row[1]), ("first", row[2]), ("last", row[3]))
                told.append(("command", words, 0))
                row[1] = 0
        return told

    # --- records

    def _write(self, rows):
        """Several rows with the state that they leave together; returns the last one's number."""
        now_us = self._clock.now_us()
        state_then = self._state_of(now_us)
        for event, fields, at_us in rows:
            number = self._append(event, fields, now_us, state_then, at_us or now_us)
        return number

    def _append(self, event, fields, now_us, state_then, at_us):
        at_us = max(min(at_us, now_us), self._told_us)
        self._told_us = at_us
        header = {
            "event": EVENTS.index(event),
            "boot": self.boot_number,
            "mono_us": at_us,
            "utc_us": self._clock.utc_us(at_us),
            "calibration_id": self._dosing.calibration_id,
        }
        number = self._journal.append(header, state_then, bytes(codec.joined(fields)[1:]))
        self._recorded(event, fields, number, header["utc_us"], now_us)
        return number
