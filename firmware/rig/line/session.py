"""Lines against state: numbers, answers and typed commits.

Owns: the last accepted number and its answer, the typed command that waits for its code.
Rules: a numbered command acts once: its number is used up whether it is done or refused, and the answer is kept; a
stop or a silence acts always and at once, whoever sends it; a typed line changes nothing of the therapy before
`commit CODE`, and nothing at all during a host session; a typed line that ends in `stop` is a stop.
Units: as in pumpwire.spec.
Leaves: who may to access.py, carrying commands out to commands.py, framing to pumpwire.codec, what a person types to
person.py.
"""

from pumpwire import answers, codec, spec

from rig import lend
from rig.refused import Refused

NOTHING = ("", "", {})
NEXT_TICK = 0  # in the place of an answer's line: none comes in this tick


def is_stop(text):
    """Whether a typed line asks for a stop, whatever stands before it."""
    text = text.strip().lower()
    return text.endswith("stop") and text.split() != ["help", "stop"]


class Session:
    """Turns lines into answers: `readings` reads, `commands` acts and logs, `access` judges."""

    def __init__(self, readings, commands, access):
        self.readings = readings
        self.commands = commands
        self.access = access
        self.last_seq = 0
        self.last_code = 0
        self.last_crc = 0
        self._last_line = ""
        self._last_answer = ""
        self.now_us = 0  # of the present tick
        self.used_us = 0  # when a person typed or something was changed
        self.pending = NOTHING  # a typed command that waits for its code: (code, verb, args)

    @property
    def is_acting(self):
        """Whether a command changes state, and memory may be half changed."""
        return self.commands.is_acting

    def use_number(self, seq, code, crc):
        """A command has used up its number: what it was, and how it ended (0: done, else the error's code)."""
        self.last_seq = seq
        self.last_code = code
        self.last_crc = crc

    def tick_us(self):
        """The time of the present tick."""
        return self.now_us

    # --- machine lines

    def machine(self, line, now_us):
        """A line that began with ">" -> an iterator of answer lines; an empty one: none yet."""
        self.now_us = now_us
        try:
            seq, verb, fields = codec.parse(line, ">")
        except codec.WireError as error:
            return self._error(0, str(error) if str(error) == "crc" else "form", ())
        if verb in spec.AT_ONCE:
            return self._request(seq, verb, fields, line, now_us)
        return self._later(seq, verb, fields, line)  # taking it apart takes the Pico 2 ms, a long one 5

    def _later(self, seq, verb, fields, line):
        yield ""
        yield from self._request(seq, verb, fields, line, self.now_us)

    def _request(self, seq, verb, fields, line, now_us):
        """What a whole request gives: an iterator as of `machine`."""
        row = spec.command(verb)
        if row is None:
            return self._error(seq, "unknown", (("verb", verb[:20]),))
        fields.pop("mark", None)
        try:
            args = arguments(row, fields)
            if row[3]:
                return self._change(seq, row, args, line, now_us)
            body, mark = codec.split_mark(line)
            self.access.check_host(row, body, mark, now_us)
            return self._rows(seq, self._read(row, args, now_us))
        except Refused as refused:
            return self._error(seq, refused.args[0], refused.args[1])

    def _read(self, row, args, now_us):
        """The rows of a reading command."""
        verb = row[0]
        if verb == "open":
            nonce = self.access.open(args["nonce"], now_us)
            self.pending = NOTHING
            key = 1 if self.access.has_key() else 0
            return (answers.told(answers.row("open"), (self.last_seq + 1, nonce, key)),)
        if verb == "close":
            self.access.close()
            return ()
        if verb == "prove":
            return ()
        return self.readings.read(verb, args, now_us)

    def _rows(self, seq, rows):
        last = None
        for row in rows:
            yield ""  # a row at a time is read, or written: see link._send
            if last is not None:
                yield codec.answer(seq, "more", last)
            last = row
        yield codec.answer(seq, "ok", last or ())

    def _error(self, seq, name, fields):
        return iter((self._answer(seq, name, fields),))

    def _answer(self, seq, name, fields):
        """The line that ends an answer; name: of the error, or empty."""
        if name:
            return codec.answer(seq, "err", (("code", spec.ERRORS[name]), ("name", name)) + tuple(fields))
        return codec.answer(seq, "ok", fields)

    def _change(self, seq, row, args, line, now_us):
        """Raises Refused."""
        at_once = row[0] in spec.AT_ONCE
        if at_once and not seq:
            return self._ended(0, 0, line, self.commands.begin(row, args, 0, 0, now_us))
        body, mark = codec.split_mark(line)
        crc = codec.name_of(line)
        if seq and seq == self.last_seq and crc == self.last_crc and self._last_line in (line, ""):
            return self._again(seq)
        if seq != self.last_seq + 1:
            raise Refused("sequence", (("last_seq", self.last_seq),))
        if at_once:
            number = seq if self.access.is_proven(body, mark, now_us) else 0
            effect = self.commands.begin(row, args, number, crc, now_us)
            return self._ended(seq, number, line, effect)
        self.access.check_host(row, body, mark, now_us)
        return self._performed(seq, row, args, crc, line)

    def _ended(self, seq, number, line, effect):
        """What has acted at once is recorded and answered when a tick has time for it."""
        yield ""
        self.commands.finish()
        yield ""  # its record has filled this tick
        yield self._kept(seq, number, line, effect.name, self.commands.told(effect))

    def _performed(self, seq, row, args, crc, line):
        """Act when all is at hand; at each empty line a tick that has been filled so far ends."""
        self.used_us = self.now_us
        name, fields = "", ()
        for done in self.commands.perform(row, args, seq, crc, self.tick_us):
            if done:
                name, fields = done
            else:
                yield done
        yield self._kept(seq, 0 if name in spec.NUMBER_FREE else seq, line, name, fields)

    def _kept(self, seq, number, line, name, fields):
        """The answer of a command, kept where it used up a number."""
        answer = self._answer(seq, name, fields)
        if number:
            self._last_line = line
            self._last_answer = answer
        return answer

    def _again(self, seq):
        """The answer to a number that was accepted before: the same one, or after a boot what the log knows of it."""
        if self._last_answer:
            return iter((self._last_answer,))
        name = spec.error_name(self.last_code) if self.last_code else ""
        return self._error(seq, name, ((answers.REPEATED, 1),))

    # --- typed lines

    def plain(self, line, now_us):
        """A typed line -> an iterator of text lines; an empty one: none yet."""
        self.now_us = now_us
        words = line.split()
        if not words:
            return iter(())
        self.used_us = now_us
        if is_stop(line):
            words = ["stop"]
        verb = words[0].lower()
        row = spec.command(verb)
        if row is None:
            return iter(("? no such command: %s. Type help." % verb[:20],))
        if verb in spec.AT_ONCE and len(words) == 1:
            effect = self.commands.begin(row, {}, 0, 0, now_us)
            self.commands.finish()
            return iter(_person().answer(self, row, effect.name, self.commands.told(effect)))
        return self._typed(row, words[1:])

    def _typed(self, row, words):
        """Answer when the words of a person, and what a change takes, are in memory: a piece a tick."""
        yield from self.commands.fetch(lend.TYPED)
        yield from _person().typed(self, row, words)


def arguments(row, fields):
    """Check a machine line's fields against the table; -> {name: value}. Raises Refused."""
    args = {}
    for name, kind, low, high, _word, default in row[1]:
        if name not in fields:
            if default is None and name not in spec.OPTIONAL:
                raise Refused("argument", (("argument", name), ("why", "missing")))
            args[name] = default
            continue
        text = fields.pop(name)
        if kind in ("text", "hex"):
            if not low <= len(text) <= high:
                raise Refused("argument", (("argument", name), ("why", "%d to %d characters" % (low, high))))
            args[name] = text
            continue
        try:
            value = codec.number(text)
        except codec.WireError:
            raise Refused("argument", (("argument", name), ("why", "not a whole number")))
        if not low <= value <= high:
            raise Refused("argument", (("argument", name), ("low", low), ("high", high)))
        args[name] = value
    if fields:
        raise Refused("argument", (("argument", sorted(fields)[0][:20]), ("why", "unknown")))
    return args


def _person():
    """What is done with the words of a person: a module on loan (rig.lend)."""
    return lend.get("rig.line.person")
