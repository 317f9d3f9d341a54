"""What is staged and waits for its commit, and the documents that commands are about.

Owns: the staged text, its parts while they arrive, its expiry; reading a document in pieces that each fit a tick.
Rules: only a whole document that the pump can carry is staged; preparing changes nothing; what is staged and not
committed is reminded of, then dropped (SR-18).
Units: microseconds of Clock.
Leaves: what a commit does to commands.py, what documents may say to pumpwire.documents.
"""

from pumpwire import program as programs
from pumpwire import terms

from rig import lend
from rig.refused import Refused
from rig.watch import thresholds

READ_AHEAD_US = 2_000_000  # before its time, a program that waits is read, a piece a tick
NOTHING = ("", None, "")


class Staging:
    """`rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self._parts = []
        self.text = ""
        self._since_us = 0
        self._reminded = False
        self._later = None  # the reading of the program that waits
        self._weighed = NOTHING  # a document, whether beside what has flowed, and what was found
        self._read = NOTHING  # what the coming command is about: a text, its document, its canonical text

    # --- before a command acts

    def prepare(self, verb, args):
        """Load and read what a command is about; a tick may end at each yield."""
        for name in lend.DOCUMENTS:
            while lend.fetch(name):
                yield
        text = self._about(verb, args)
        yield
        if not text:
            return
        documents = lend.get("pumpwire.documents")
        try:
            document = documents.parse(text)
        except documents.DocumentError:
            return  # refused by the command itself
        yield
        self._read = (text, document, text if verb == "commit" else documents.canonical(document))
        yield
        if document["kind"] == "program":
            yield from self.weigh(
                document, verb == "commit" and not args["at_utc_s"], self._rig.clock.now_us()
            )

    def _about(self, verb, args):
        """The text of the document that a command is about; empty: none, or not a whole one."""
        if verb == "commit":
            return self.text
        if verb == "rate":
            return self._constant(args["rate_nl_per_day"])
        if verb == "stage" and args["part"] == args["parts"] == len(self._parts) + 1:
            return "".join(self._parts) + args["text"]
        return ""

    def weigh(self, document, wholly, now_us):
        """Find out whether a program fits under its cap, wholly: beside what has flowed, too. A generator."""
        self._weighed = NOTHING
        weigh = lend.get("rig.flow.weigh")
        rig = self._rig
        try:
            if wholly:
                utc_us = rig.clock.utc_us(now_us)
                found = yield from weigh.room(
                    document, rig.cap, rig.dosing, rig.therapy.bridge, now_us, utc_us
                )
            else:
                found = ((yield from weigh.own(document)), ())
        except Refused as refused:
            found = refused
        self._weighed = (document, wholly, found)

    def weighed(self, document, now_us):
        """(the most of a program's own in any 24 h, what DayCap.use takes ahead). Raises Refused."""
        return self._found(document, True, now_us)

    def own_nl(self, document):
        """The most of a program's own in any 24 h, nL. Raises Refused."""
        return self._found(document, False, 0)[0]

    def _found(self, document, wholly, now_us):
        if self._weighed[0] is not document or wholly and not self._weighed[1]:
            for _turn in self.weigh(document, wholly, now_us):
                pass  # not prepared: in one go
        if isinstance(self._weighed[2], Refused):
            raise self._weighed[2]
        return self._weighed[2]

    def forget(self):
        """The command has acted: what was read for it is not needed any more."""
        self._read = self._weighed = NOTHING

    def reading(self, text):
        """(document, canonical text) of a text, read while the command was prepared or now. Raises Refused."""
        if self._read[0] == text:
            return self._read[1:]
        documents = lend.get("pumpwire.documents")
        try:
            document = documents.parse(text)
        except documents.DocumentError as error:
            raise Refused("document", (("field", error.args[0]), ("why", error.args[1])))
        return document, documents.canonical(document)

    def _constant(self, rate_nl_per_day):
        """The canonical text of a constant base flow; all else of the active program stays."""
        program = lend.get("pumpwire.daily").constant(self._rig.therapy.program, rate_nl_per_day)
        return lend.get("pumpwire.documents").canonical(program)

    # --- what is staged

    def stage_rate(self, rate_nl_per_day, now_us):
        """Stage a constant base flow; returns the answer's values. Raises Refused."""
        return self._stage(self._constant(rate_nl_per_day), now_us)

    def stage_part(self, args, now_us):
        """Take a part of a text; the last one stages it, and returns the answer's values. Raises Refused."""
        if args["part"] == 1:
            self._parts = []
        if args["part"] != len(self._parts) + 1 or args["part"] > args["parts"]:
            self._parts = []
            raise Refused("value", (("argument", "part"), ("why", "parts must come in order")))
        self._parts.append(args["text"])
        if args["part"] < args["parts"]:
            return None
        text = "".join(self._parts)
        self._parts = []
        return self._stage(text, now_us)

    def _stage(self, text, now_us):
        document, text = self.reading(text)
        if document["kind"] == "program":
            self._rig.therapy.check(document, True, self.own_nl(document))
        elif document["kind"] != "calibration":
            raise Refused("document", (("field", "kind"), ("why", "is set by its own command")))
        self.text = text
        self._since_us = now_us
        self._reminded = False
        if document["kind"] != "program":
            return terms.digest(text), None, None
        return terms.digest(text), programs.max_day_nl(document), programs.max_base_rate(document)

    def drop(self):
        """What is staged is not wanted any more, or active."""
        self.text = ""

    def watch(self, now_us):
        """What is staged and not committed: a reminder, then it expires."""
        if not self.text:
            return
        if now_us - self._since_us >= thresholds.STAGED_US:
            self.text = ""
            self._rig.record("staged_expired", ())
        elif now_us - self._since_us >= thresholds.STAGED_REMIND_US and not self._reminded:
            self._reminded = True
            self._rig.record("reminder", (("what", "staged"),))
            self._rig.board.sound("single")

    def wait(self, now_us):
        """Begin the program that waits when its time has come; returns when to look again."""
        rig = self._rig
        utc_us = rig.clock.utc_us(now_us)
        left_us = rig.therapy.later[1] * 1_000_000 - utc_us
        if not utc_us or left_us > READ_AHEAD_US:
            return now_us + max(0, left_us - READ_AHEAD_US)
        for name in lend.LATER:
            if lend.fetch(name):
                rig.session.used_us = now_us  # so that the pieces before are not given back meanwhile
                return now_us + 1  # a piece a tick
        if self._later is None:
            self._later = self._read_later(now_us)
        for _piece in self._later:
            return now_us + 1
        if left_us > 0:
            return now_us + left_us
        self._later = None
        return lend.get("rig.line.later").begin(rig, now_us)

    def _read_later(self, now_us):
        """Read and weigh the program that waits, a piece a tick."""
        text = lend.get("rig.line.later").text(self._rig)[2]
        yield
        document = lend.get("pumpwire.documents").parse(text)
        yield
        yield from self.weigh(document, True, now_us)
        self._read = (text, document, text)
