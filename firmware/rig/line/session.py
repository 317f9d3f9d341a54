"""Commands against state: numbers, answers and typed commits.

Owns: the last accepted number and its answer, the typed command that waits for its code.
Rules: a numbered command acts once: its number is consumed whether it is done or refused, and the answer is
kept; a record of it is on flash before its effect begins and before it is answered; stop with number 0 acts
always and at once; a typed line changes nothing before `commit CODE`, and nothing at all during a host
session.
Callers: link.py with whole lines.
Units: as in pumpwire.spec.
Leaves: who may to access.py, what commands do to commands.py, framing to pumpwire.codec, typed words to
terminal.py.
"""

from pumpwire import codec, spec
from pumpwire.terms import code_of

from rig import lend
from rig.refused import Refused

UNNUMBERED = ("stop", "silence")  # safe at any time: with number 0 they act without being the next


class Session:
    """Turns lines into answers: `readings` reads, `commands` acts and logs, `access` judges."""

    def __init__(self, readings, commands, access):
        self._readings = readings
        self._commands = commands
        self._access = access
        self.last_seq = 0
        self.last_code = 0
        self._last_body = ""
        self._last_answer = ()
        self.now_us = 0  # of the present tick
        self.used_us = 0  # when a person typed or something was changed
        self.is_acting = False  # a command changes state, and memory may be half changed
        self.pending = ("", "", {})  # a typed command that waits for its code: (code, verb, args)

    # --- machine lines

    def machine(self, line, now_us):
        """A line that began with the mark -> an iterator of answer lines; an empty one: none yet."""
        self.now_us = now_us
        try:
            seq, verb, fields = codec.parse(line, ">")
        except codec.WireError as error:
            return self._error(0, str(error) if str(error) == "crc" else "form", ())
        row = spec.command(verb)
        if row is None:
            return self._error(seq, "unknown", (("verb", verb[:20]),))
        fields.pop("mark", None)
        try:
            args = arguments(row, fields)
        except Refused as refused:
            return self._error(seq, refused.args[0], refused.args[1])
        if not row[3]:
            return self._read(seq, verb, args, now_us)
        return self._change(seq, row, args, line, now_us)

    def _read(self, seq, verb, args, now_us):
        try:
            if verb == "open":
                nonce = self._access.open(args["nonce"], now_us)
                self.pending = ("", "", {})
                key = 1 if self._access.has_key() else 0
                row = (("next_seq", self.last_seq + 1), ("nonce", nonce), ("key", key))
                return iter((codec.answer(seq, "ok", row),))
            if verb == "close":
                self._access.close()
                return iter((codec.answer(seq, "ok"),))
            if verb == "terminal":
                raise Refused("access", (("why", "for a person at a plain terminal"),))
            return self._rows(seq, self._readings.read(verb, args, now_us))
        except Refused as refused:
            return self._error(seq, refused.args[0], refused.args[1])

    def _rows(self, seq, rows):
        last = None
        try:
            for row in rows:
                yield ""  # a row at a time is read, or written: see link._send
                if last is not None:
                    yield codec.answer(seq, "more", last)
                last = row
        except Refused as refused:
            yield from self._error(seq, refused.args[0], refused.args[1])
            return
        yield codec.answer(seq, "ok", last or ())

    def _error(self, seq, name, fields):
        return iter(
            (codec.answer(seq, "err", (("code", spec.ERRORS[name]), ("name", name)) + tuple(fields)),)
        )

    def _change(self, seq, row, args, body, now_us):
        verb = row[0]
        if seq and seq == self.last_seq and self._last_body in (body, ""):
            return self._again(seq)
        if seq != self.last_seq + 1 and not (seq == 0 and verb in UNNUMBERED):
            return self._error(seq, "sequence", (("last_seq", self.last_seq),))
        if row[2] == "session":
            covered, mark = codec.split_mark(body)
            try:
                self._access.check_host(covered, mark, now_us)
            except Refused as refused:
                return self._error(seq, refused.args[0], refused.args[1])
        if verb in UNNUMBERED:
            return iter((self._done(seq, verb, args, body, now_us),))
        return self._prepared(seq, verb, args, body)

    def _prepared(self, seq, verb, args, body):
        """Act when all is at hand; at each empty line a tick that has been filled so far ends."""
        self.used_us = self.now_us
        for _piece in self._commands.prepare(verb, args):
            yield ""
        if self._commands.can_record():
            yield self._done(seq, verb, args, body, self.now_us)
        else:
            yield from self._error(seq, "storage", (("why", "the log waits for an erase; ask again"),))

    def _done(self, seq, verb, args, body, now_us):
        """Act; -> the answer, which is kept."""
        name, fields = self._act(verb, args, now_us, seq)
        if name:
            answer = codec.answer(seq, "err", (("code", spec.ERRORS[name]), ("name", name)) + tuple(fields))
        else:
            answer = codec.answer(seq, "ok", fields)
        if seq:
            self._last_body = body
            self._last_answer = (answer,)
        return answer

    def _again(self, seq):
        """The answer to a number that was accepted before: the same one, or after a boot what the log knows of it."""
        if self._last_answer:
            return iter(self._last_answer)
        if self.last_code:
            return self._error(seq, spec.error_name(self.last_code), (("repeated", 1),))
        return iter((codec.answer(seq, "ok", (("repeated", 1),)),))

    def _act(self, verb, args, now_us, seq):
        """Carry out, record, then let it take effect. -> (error name or "", fields).

        What else is logged on the way waits for the command's own record, which carries its number: no cut between
        two records can leave a command done whose number is not taken.
        """
        self.used_us = now_us
        self.is_acting = True
        try:
            fields = self._commands.act(verb, args, now_us, seq)
            name = ""
        except Refused as refused:
            name, fields = refused.args
        consequences = self._commands.acted()
        if seq:
            self.last_seq = seq
            self.last_code = spec.ERRORS[name] if name else 0
        if name:
            volume_nl = args.get("volume_nl")
            row = "refused", (("verb", verb), ("seq", seq), ("why", name))
            row = row[0], row[1] + ((("nl", volume_nl),) if volume_nl else ())
        else:
            row = "command", (("verb", verb), ("seq", seq)) + self._commands.told(verb, args)
        self._commands.log([row] + consequences)
        self._commands.take_effect()
        self.is_acting = False
        return name, fields

    # --- typed lines

    def plain(self, line, now_us):
        """A typed line -> an iterator of text lines; an empty one: none yet."""
        self.now_us = now_us
        words = line.split()
        if not words:
            return iter(())
        self.used_us = now_us
        verb = words[0].lower()
        row = spec.command(verb)
        if row is None:
            return iter(("? no such command: %s. Type help." % verb[:20],))
        if verb in UNNUMBERED:
            return iter(self._told(row, words[1:], now_us))
        return self._at_hand(row, words[1:])

    def _at_hand(self, row, words):
        """Answer when the words of a person, and what a change takes, are in memory: a piece a tick."""
        for name in lend.TYPED:
            while lend.fetch(name):
                yield ""
        verb, args = "", {}
        if row[0] == "commit" and self.pending[0]:
            _code, verb, args = self.pending
        elif row[0] in ("rate", "commit"):
            try:
                verb, args = row[0], _typed().arguments(row, words)
            except Refused:
                verb = ""  # refused below
        for _piece in self._commands.prepare(verb, args):
            yield ""
        yield from self._told(row, words, self.now_us)

    def _told(self, row, words, now_us):
        try:
            return self._typed(row, words, now_us)
        except Refused as refused:
            return (_typed().refusal(refused),)

    def _typed(self, row, words, now_us):
        verb = row[0]
        if verb == "commit" and self.pending[0] and words:
            return self._commit_pending(words[0], now_us)
        args = _typed().arguments(row, words)
        if verb == "terminal":
            self._access.open_terminal(args["pin"], now_us)
            return ("programming from this terminal for 10 min; every change asks for `commit CODE`",)
        if verb in ("open", "close"):
            raise Refused("access", (("why", "for a host program"),))
        if not row[3]:
            return _typed().rows(self._readings.read(verb, args, now_us))
        if verb in UNNUMBERED:
            return self._typed_act(verb, args, now_us)
        self._access.check_terminal(now_us)
        if verb in ("rate", "discard"):
            return self._typed_act(verb, args, now_us)
        if verb == "commit":
            args["hash"] = self._commands.staging.hash_of_code(args["hash"])
            return self._typed_act(verb, args, now_us)
        code = code_of("%s %s %d" % (verb, sorted(args.items()), now_us))
        self.pending = (code, verb, args)
        return ("%s %s" % (verb, _typed().show(row, args)), "to do this, type: commit %s" % code)

    def _commit_pending(self, code, now_us):
        self._access.check_terminal(now_us)
        if code != self.pending[0]:
            raise Refused("hash", (("why", "that is not the code shown"),))
        _code, verb, args = self.pending
        self.pending = ("", "", {})
        return self._typed_act(verb, args, now_us)

    def _typed_act(self, verb, args, now_us):
        name, fields = self._act(verb, args, now_us, 0)
        if name:
            raise Refused(name, fields)
        if verb == "rate":
            self.pending = ("", "", {})
        return _typed().rows((fields,)) or ("ok",)


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


def _typed():
    """The words of a person: a module on loan (rig.lend)."""
    return lend.get("rig.line.terminal")
