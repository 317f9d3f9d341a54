"""Carrying a command out, as one thing: prepared, acted, recorded, then in effect.

Owns: the order of these four, the number that a command uses up, what its record says.
Rules: preparing changes nothing; a handler changes state only (a stop excepted, which stops at once); the command's
record is on flash before its effect begins and before it is answered, and what it brings about is logged after it, so
that no cut between two records can leave a command done whose number is free; motion follows the state last. Acting
and recording are a tick each where a tick is short of time: between them no duty but the polled ones runs.
Units: as in pumpwire.spec.
Leaves: what each command does to acts.py, commits.py, doses.py and titration.py, who may to access.py, what is staged
to staging.py.
"""

from pumpwire import answers, spec

from rig import lend
from rig.line.session import NEXT_TICK
from rig.refused import Refused

READING = ("rate", "stage", "commit", "access")  # what these need besides is on loan
MOST_WAITS = 4  # ticks in a row
MOST_OPENS = 3  # filled ticks that the opening of a queue lets pass
PATIENT_US = 100_000  # a queue that lasts so long can wait for a tick
SHORT_US = 60_000  # and one that lasts for less cannot wait for the next one: it may come after a collection
WEIGHED = ("bolus", "demand", "dispense", "clock")  # beside what comes under a cap
# Verb and module, where that is not acts; each is so small that it is imported in a tick
MODULES = (
    b" rate commits stage commits commit commits ramp titration tube titration battery titration clock settings "
    b"access settings resume supply refill supply bolus doses demand doses dispense standing prime standing "
    b"calibrate standing"
)


class Effect:
    """What follows once the command is on record. `seq`: the command's number, 0 for a typed one."""

    def __init__(self, verb, args, seq, crc, now_us):
        self.verb = verb
        self.args = args
        self.seq = seq
        self.crc = crc
        self.now_us = now_us  # of the tick in which it acted
        self.name = ""  # of the error it was refused with
        self.fields = ()  # that name why it was refused
        self.values = []  # of its answer, in the table's order
        self.replan = False  # motion follows the state
        self.reset_us = 0  # when the chip is to start anew, for maintenance; 0: not at all


class Commands:
    """`rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self.is_acting = False  # a command has changed state, or is about to, and is not on record
        self._names = _modules("")  # the modules on loan of the verb that was prepared last
        self._acted = None  # the effect of a command that is still to be recorded
        self._replan = False  # motion is to follow what a command has changed
        self._waited = 0  # filled ticks, while a record of what a command brought about was to be made
        self._opens = 0  # filled ticks, while a queue was to be opened
        self._logged_us = -1  # the tick in which the last of these was made
        self.reset_us = 0  # when the chip is to start anew, for maintenance; 0: not at all

    def perform(self, row, args, seq, crc, now):
        """Carry a command out: an iterator of "" and NEXT_TICK on the way, then of one (error's name or "", fields).

        now() is the present tick's time; crc is codec.name_of its line, 0 for a typed one.
        """
        while self._rig.log.has_rest():  # of the command before: `go_on` logs it
            yield NEXT_TICK
        yield from self._prepare(row[0], args)
        yield from self.room()
        yield from self._settled(now)
        if not self._rig.loop.has_room():  # filled by what was counted: little is left for the next one
            yield from self.room()
            if row[0] != "commit":  # whose act fills a tick; all is settled again as motion follows it
                yield from self._settled(now)
        if self._rig.journal.has_room():
            effect = self.begin(row, args, seq, crc, now())
            yield ""
            yield from self.room()
            self.finish()
            yield ""
            yield from self.room()  # its record has filled this tick: the answer comes in the next one
            yield effect.name, self.told(effect)
        else:
            yield "storage", (("why", "the log waits for an erase; ask again"),)

    def _settled(self, now):
        """Tell what the command's record holds of a bolus before it, in a tick of its own."""
        while self._rig.delivery.settle(now()):
            yield ""
            yield from self.room()

    def loop(self):
        """The executive, which knows how full the present tick is."""
        return self._rig.loop

    def room(self):
        """Wait for a tick that has room for a piece that fills one: an iterator of NEXT_TICK."""
        while not self._rig.loop.has_room():
            yield NEXT_TICK

    def fetch(self, names):
        """Load modules on loan, a piece where a tick has room for it."""
        yield from self.room()
        for name in names:
            while lend.fetch(name):
                yield ""
                yield from self.room()

    def _prepare(self, verb, args):
        """What a command takes before it acts, in pieces that each fit a tick; nothing changes by them."""
        if verb in READING:
            yield from self.fetch(lend.DOCUMENTS)
            for _piece in lend.get("rig.line.preparing").prepare(self._rig, verb, args):
                yield ""
        self._names = _modules(verb)
        yield from self.fetch(self._names)
        if verb == "commit" and args["at_utc_s"]:
            yield from self.fetch(("rig.line.later",))
        if verb in WEIGHED:
            for _piece in lend.get(self._names[-1]).weighing(self._rig, verb, args):
                yield ""
        yield ""

    def begin(self, row, args, seq, crc, now_us):
        """Act; -> the effect, which has the error's name or "" and what the answer tells."""
        self.finish()
        rig, verb = self._rig, row[0]
        while rig.log.has_rest():
            rig.log.log_rest()
        self.is_acting = True
        if verb == "silence":  # a stop settles as it cuts; before any other all is settled
            rig.delivery.settle(now_us)
        rig.log.hold()
        effect = Effect(verb, args, seq, crc, now_us)
        try:
            if verb in spec.AT_ONCE:
                values = self._at_once(verb, now_us)
            else:
                values = getattr(lend.get(self._names[-1]), verb)(rig, args, now_us, effect)
            effect.values = list(values or ())
        except Refused as refused:
            effect.name, effect.fields = refused.args
        self._acted = effect
        return effect

    def told(self, effect):
        """The fields of an effect's answer."""
        return answers.told(answers.row(effect.verb), effect.values) if effect.values else effect.fields

    def finish(self):
        """Use up the number of what has acted, record it, let it take effect; `go_on` records what it brought about."""
        effect, self._acted = self._acted, None
        if effect is None:
            return
        rig, verb = self._rig, effect.verb
        rest = rig.log.held()
        rig.staging.forget()
        if effect.seq:
            code = spec.ERRORS[effect.name] if effect.name else 0
            rig.session.use_number(effect.seq, code, effect.crc)
        if effect.name or effect.seq or rest or not rig.log.is_repeat(verb):
            event, fields = self._told(verb, effect.args, effect.seq, effect.name)
            rig.log.record_command(event, fields, rest)
        if effect.replan:
            self.follow()
        self.reset_us = effect.reset_us or self.reset_us
        self.is_acting = False

    def follow(self):
        """Motion is to follow what has changed, once all that it brought about is on record."""
        self._replan = True
        self._rig.feeding.waits = 1
        self._rig.feeding.wake()

    def go_on(self, now_us):
        """Polled: record what acted in an earlier tick, then what it brought about, as this tick has room for it."""
        if self._acted is not None and now_us > self._acted.now_us:
            self.finish()
        log = self._rig.log
        while log.has_rest():
            loop = self._rig.loop
            if (loop.reserved or loop.is_filled(now_us)) and self._waited < MOST_WAITS:
                self._waited += 1
                if self._waited == MOST_WAITS:
                    loop.reserve()
                return
            self._waited = 0
            self._logged_us = now_us
            log.log_rest()

    def feed(self, now_us):
        """Let what a command has changed begin, now that it is on flash, and fill the queue; a tick each if need be."""
        rig = self._rig
        delivery = rig.delivery
        if delivery.is_braking():
            if rig.loop.is_filled(now_us) and not rig.loop.reserved and rig.board.stepper.is_ramped():
                rig.loop.keep_next(rig.feeding)  # it comes to stand by itself
                return now_us + 1
            rig.log.owe(lambda: delivery.go_on(now_us))  # what its end logs is a tick each
            return delivery.due_us
        if rig.log.has_rest() or self._logged_us == now_us and rig.loop.is_filled(now_us):
            if self._replan or delivery.open_us < 0 or delivery.ahead_us(now_us) > PATIENT_US:
                return now_us  # this tick was filled by its records
            return delivery.go_on(now_us)  # a short queue cannot wait for them
        if self._replan:
            self._replan = False
            rig.log.owe(lambda: rig.flow_changed(now_us))
            if rig.log.has_rest() or rig.loop.is_filled(now_us):
                return now_us
        elif delivery.open_us < 0 and rig.loop.is_filled(now_us) and self._opens < MOST_OPENS:
            self._opens += 1  # a line that comes takes two ticks to read
            rig.loop.keep_next(rig.feeding)  # to open a queue fills a tick
            return now_us + 1
        self._opens = 0
        # where a stream is only about to begin, all was told as the plan changed
        told = 0 if delivery.open_us < 0 and delivery.wants_flow() else delivery.settle(now_us)
        lasts_us = delivery.ahead_us(now_us) if delivery.open_us >= 0 else 0
        # filled ticks that it lets pass: within checkpoint.SLACK_US
        rig.feeding.waits = 4 if lasts_us > 1_000_000 else 1 if lasts_us > PATIENT_US else 0
        if lasts_us > (SHORT_US if told else PATIENT_US) and rig.loop.is_filled(now_us):
            return now_us + 1  # by the records of what has begun or ended
        return delivery.go_on(now_us)

    def _at_once(self, verb, now_us):
        """Stop as a person asks for it, or no sound for a while; what these take is always in memory."""
        rig = self._rig
        if verb == "stop":
            begun = rig.therapy.begun()
            rig.stop_gently(now_us)
            if not begun:
                return (rig.dosing.net_steps(), None, None, None)
            return (
                rig.dosing.net_steps(),
                spec.KINDS[begun[0].kind],
                rig.dosing.nl_of(sum([overlay.steps for overlay in begun])),
                rig.dosing.nl_of(sum([overlay.done_steps for overlay in begun])),
            )
        rig.alarms.silence(now_us)
        rig.sounding.wake()
        return ()

    # --- what the log says of it

    def _told(self, verb, args, seq, name):
        """(event, fields) of a command that was carried out or, with an error's name, refused."""
        head = (("verb", verb), ("seq", seq))
        if name:
            volume_nl = args.get("volume_nl")
            return "refused", head + (("why", name),) + ((("nl", volume_nl),) if volume_nl else ())
        if verb == "access":
            return "command", head + tuple((word, 1) for word in sorted(args) if args[word] is not None)
        if verb == "stage":
            return "command", head + (("part", args["part"]), ("of", args["parts"]))
        if verb == "commit":  # what was overridden must stand on the page, whatever else is too long for it
            override = (("override", 1),) if args["override"] else ()
            at_utc_s = args["at_utc_s"]
            told = (("at", at_utc_s), ("hash", args["hash"][:4])) if at_utc_s else (("hash", args["hash"]),)
            return "command", head + override + told
        words = sorted(args, key=lambda word: (not word.endswith("_nl"), word == "over_ms", word))
        return "command", head + tuple([(word, args[word]) for word in words if args[word] not in (None, 0)])


def _modules(verb):
    """The modules on loan of a verb: the last one has its function."""
    at = MODULES.find(b" %s " % verb.encode())
    name = MODULES[at:].split(None, 2)[1] if at >= 0 else b"acts"
    if name == b"doses":
        return lend.DOSED
    return lend.STANDING if name == b"standing" else ("rig.line." + name.decode(),)
