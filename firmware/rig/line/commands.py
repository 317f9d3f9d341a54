"""What each changing command does: the handlers behind the table in pumpwire.spec.

Owns: the effect of every changing command on the rig's parts.
Rules: `act` changes state only (stop excepted, which stops at once); motion follows after `take_effect`, when
the record is on flash.
Callers: session.py.
Units: as in pumpwire.spec.
Leaves: numbers and access to session.py, what is staged to staging.py, refusals for a therapy's sake to therapy.py,
status to status.py.
"""

from pumpwire import auth, terms

from rig import lend
from rig.line.staging import Staging
from rig.log import kept_documents
from rig.refused import Refused

RESET_AFTER_US = 300_000  # time for the answer to leave
SHORTEST_MS = 1_000  # of a dose, as of a bolus
ERASE_US = 500_000  # the queue must outlast an erase
READING = ("rate", "stage", "commit", "access")  # what these need besides is on loan
UPKEEP = ("ramp", "tube", "battery")


class Commands:
    """Handlers by verb. `rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self.staging = Staging(rig)
        self.replan = False
        self.reset_us = 0  # when the chip is to start anew, for maintenance; 0: not at all
        self._seq = 0  # of the command that acts; 0: a typed one

    # --- changing

    def can_record(self):
        """Whether a command's record would be on flash before its effect begins."""
        return self._rig.journal.has_room()

    def prepare(self, verb, args):
        """What a command takes before it acts, in pieces that each fit a tick; nothing changes by them. An iterator."""
        if verb in READING:
            yield from self.staging.prepare(verb, args)
        if verb in UPKEEP:
            while lend.fetch("rig.line.titration"):
                yield
        elif verb == "commit" and args["at_utc_s"]:
            while lend.fetch("rig.line.later"):
                yield
        yield

    def act(self, verb, args, now_us, seq):
        """Carry out a changing command; returns the answer's fields. Raises Refused. `acted` must follow."""
        self._seq = seq
        self._rig.delivery.book(
            now_us
        )  # what its record tells is as of now; what has ended is logged before it
        self._rig.hold_records()
        handler = getattr(self, "_do_" + verb, None)
        if handler is not None:
            return handler(args, now_us)
        return getattr(lend.get("rig.line.titration"), verb)(self._rig, args, now_us)

    def acted(self):
        """What was to be logged meanwhile: (event, fields) in order."""
        self.staging.forget()
        return self._rig.held_records()

    def log(self, rows):
        """Record what a command brought about: (event, fields) in order."""
        self._rig.record_all(rows)

    def told(self, verb, args):
        """What the log says of a command's arguments."""
        if verb == "access":
            return tuple((name, 1) for name in sorted(args) if args[name] is not None)
        if verb == "stage":
            return (("part", args["part"]), ("of", args["parts"]))
        if verb == "commit" and args["at_utc_s"]:  # short, so that the override stands on the page, too
            at = (("at", args["at_utc_s"]), ("hash", args["hash"][:8]))
            return at + ((("override", 1),) if args["override"] else ())
        return tuple((name, args[name]) for name in sorted(args) if args[name] not in (None, 0))

    def take_effect(self):
        """Let the motion follow the state: the duty that feeds the motor does it, in this tick or the next."""
        if self.replan:
            self._rig.feeding.wake()

    def feed(self, now_us):
        """Let what a command has changed begin, now that it is on flash, and fill the queue; a tick each if need be."""
        if self.replan:
            self.replan = False
            self._rig.flow_changed(now_us)
            if self._rig.loop.is_filled(now_us):
                return now_us
        return self._rig.delivery.run(now_us)

    def _do_stop(self, args, now_us):
        self._rig.stop_gently(now_us)
        return (("delivered_steps", self._rig.dosing.net_steps()),)

    def _do_silence(self, args, now_us):
        self._rig.alarms.silence(now_us)
        self._rig.sounding.wake()
        return ()

    def _do_rate(self, args, now_us):
        return self.staging.stage_rate(args["rate_nl_per_day"], now_us)

    def _do_stage(self, args, now_us):
        return self.staging.stage_part(args, now_us)

    def _do_discard(self, args, now_us):
        self.staging.text = ""
        self._rig.give_up_later("discard")
        return ()

    def _do_commit(self, args, now_us):
        self.staging.watch(now_us)
        text = self.staging.text
        if not text:
            raise Refused("nothing", ())
        digest = terms.digest(text)
        if args["hash"] != digest:
            raise Refused("hash", (("staged_hash", digest),))
        document, _text = self.staging.reading(text)
        rig = self._rig
        if rig.delivery.ahead_us(now_us) < 2 * ERASE_US:
            raise Refused("busy", (("why", "a fast flow is under way; wait for its end"),))
        if document["kind"] == "calibration":
            if rig.therapy.mode != "stopped":
                raise Refused("state", (("why", "stop the pump first"),))
            rig.settings.store(kept_documents.CALIBRATION, text)
            rig.use_calibration(document)
            rig.record("calibration", rig.dosing.told())
        elif args["at_utc_s"]:
            self._commit_later(document, text, args, now_us)
        else:
            self.begin_program(document, text, args["override"], now_us)
            rig.give_up_later("commit")
            self.replan = True
        self.staging.text = ""
        return (("hash", digest),)

    def _commit_later(self, document, text, args, now_us):
        rig = self._rig
        utc_us = rig.clock.utc_us(now_us)
        if not utc_us:
            raise Refused("state", (("why", "the clock is not set"),))
        if args["at_utc_s"] * 1_000_000 <= utc_us:
            raise Refused("argument", (("argument", "at_utc_s"), ("why", "this time has passed")))
        rig.therapy.check(document, args["override"], self.staging.own_nl(document))
        rig.give_up_later("commit")
        lend.get("rig.line.later").keep(rig, text, args["at_utc_s"], args["override"])
        rig.watching.wake()

    def begin_program(self, document, text, override, now_us):
        """Make a program the active one, running; motion is to follow. Returns its hash. Raises Refused."""
        rig = self._rig
        digest = terms.digest(text)
        rig.delivery.settle(now_us)
        weighed = self.staging.weighed(document, now_us)
        rig.therapy.check(document, override, weighed[0])
        rig.need_fluid(1)
        rig.need_ready()
        rig.settings.store(kept_documents.PROGRAM, text)
        rig.use_program(document, text, digest, now_us, weighed)
        rig.therapy.run(now_us)
        return digest

    def _do_bolus(self, args, now_us):
        self._ready(now_us)
        overlay = self._rig.requests.bolus(args["volume_nl"], args["over_ms"], args["spread"], now_us)
        return self._granted(overlay)

    def _do_demand(self, args, now_us):
        self._ready(now_us)
        return self._granted(self._rig.requests.demand(now_us))

    def _do_dispense(self, args, now_us):
        volume_nl, over_ms, rate_nl_per_day = args["volume_nl"], args["over_ms"], args["rate_nl_per_day"]
        if over_ms and rate_nl_per_day:
            raise Refused("argument", (("why", "name its duration or its rate, not both"),))
        if over_ms < SHORTEST_MS and not rate_nl_per_day:
            if over_ms:
                raise Refused("argument", (("argument", "over_ms"), ("low", SHORTEST_MS)))
            over_ms = 60_000
        self._ready(now_us)
        rate_nl_per_day = rate_nl_per_day or terms.bolus_rate_nl_per_day(volume_nl, over_ms)
        return self._granted(self._rig.requests.dispense(volume_nl, rate_nl_per_day, now_us))

    def _do_prime(self, args, now_us):
        self._ready(now_us)
        return self._granted(self._rig.requests.prime(args["volume_nl"], now_us))

    def _do_calibrate(self, args, now_us):
        self._ready(now_us)
        return self._granted(self._rig.requests.calibrate(args["rate_nl_per_day"], args["volume_nl"], now_us))

    def _ready(self, now_us):
        """Refuse while nothing may move; what has ended until now is out of the way. Raises Refused."""
        self._rig.need_ready()
        self._rig.delivery.settle(now_us)

    def _granted(self, overlay):
        self.replan = True
        return (
            ("requested_steps", overlay.steps),
            ("requested_nl", self._rig.dosing.nl_of(overlay.steps)),
            ("rate_nl_per_day", overlay.rate_nl_per_day),
        )

    def _do_resume(self, args, now_us):
        rig = self._rig
        if rig.therapy.program is None:
            raise Refused("state", (("why", "no program is loaded"),))
        if rig.therapy.mode not in ("stopped", "running"):
            raise Refused("busy", (("why", rig.therapy.mode + " is under way"),))
        rig.need_fluid(1)
        rig.need_ready()
        if rig.therapy.mode != "running":
            rig.therapy.run(now_us)
            rig.alarms.clear("stopped_loaded")
            self.replan = True
        return ()

    def _do_refill(self, args, now_us):
        rig = self._rig
        rig.delivery.settle(now_us)
        estimate_nl = rig.reservoir.volume_nl()
        found_nl = args["removed_nl"]
        told = (("estimated_nl", estimate_nl),)
        if found_nl is not None:
            off_nl = abs(found_nl - estimate_nl)
            told += (("u_nl", rig.reservoir.u_nl()),)
            if off_nl > rig.reservoir.u_nl():
                rig.alarm("discrepancy", (("found_nl", found_nl), ("estimated_nl", estimate_nl)))
                told += rig.reservoir.told()
        rig.reservoir.fill(args["volume_nl"])
        rig.monitor.check_reservoir()
        return (("reservoir_nl", rig.reservoir.volume_nl()),) + told

    def _do_ack(self, args, now_us):
        self._rig.alarms.acknowledge()
        self._rig.monitor.accept_rotor()
        self._rig.sounding.wake()
        self._rig.watching.wake()
        return ()

    def _do_clock(self, args, now_us):
        was_restored = self._rig.clock.source == "restored"
        moved_us = self._rig.clock.set_utc(args["utc_us"], now_us, "host")
        self._rig.monitor.check_clock(now_us)
        self._rig.watching.wake()
        if was_restored and moved_us > 0:
            self._rig.therapy.add_outage(moved_us, now_us)
            self.replan = True
        if abs(moved_us) > 1_000_000:
            self._rig.record("clock", (("moved_us", moved_us),))
            self.replan = True
        return (("moved_us", moved_us),)

    def _do_access(self, args, now_us):
        key = args["key"]
        if key and (len(key) != 2 * auth.KEY_BYTES or any(c not in "0123456789abcdef" for c in key)):
            raise Refused("argument", (("argument", "key"), ("why", "64 hex digits")))
        if self._rig.delivery.ahead_us(now_us) < 2 * ERASE_US:
            raise Refused("busy", (("why", "a fast flow is under way; wait for its end"),))
        self._rig.access.change(key, args["pin"], args["plain"], self._seq)
        return (("key", 1 if self._rig.access.has_key() else 0),)

    def _do_maintenance(self, args, now_us):
        self._rig.stop(now_us)
        self.reset_us = now_us + RESET_AFTER_US
        return ()
