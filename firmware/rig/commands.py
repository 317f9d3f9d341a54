"""What each changing command does: the handlers behind the table in pumpwire.spec.

Owns: the effect of every changing command on the rig's parts, and what is staged.
Rules: `act` changes state only (stop excepted, which stops at once); motion follows in `take_effect`, after
the record is on flash.
Callers: session.py.
Units: as in pumpwire.spec.
Leaves: numbers, access and staging codes to session.py, refusals for a therapy's sake to therapy.py, status
to status.py.
"""

from pumpwire import auth, terms

from rig import schedule, settings, thresholds
from rig.therapy import Refused

RESET_AFTER_US = 300_000  # time for the answer to leave
ERASE_US = 500_000  # the queue must outlast an erase


class Commands:
    """Handlers by verb. `rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self._parts = []
        self.staged_text = ""
        self.staged_us = 0
        self._reminded = False
        self.replan = False
        self.reset_us = 0  # when the chip is to start anew, for maintenance; 0: not at all
        self._seq = 0  # of the command that acts; 0: a typed one

    # --- changing

    def can_record(self):
        """Whether a command's record would be on flash before its effect begins."""
        return self._rig.journal.has_room()

    def act(self, verb, args, now_us, seq):
        """Carry out a changing command; returns the answer's fields. Raises Refused. `acted` must follow."""
        self.replan = False
        self._seq = seq
        self._rig.hold_records()
        handler = getattr(self, "_do_" + verb, None)
        if handler is not None:
            return handler(args, now_us)
        from rig import upkeep  # on loan (rig.lend)

        return getattr(upkeep, verb)(self._rig, args, now_us)

    def acted(self):
        """What was to be logged meanwhile: (event, fields) in order."""
        return self._rig.held_records()

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

    def take_effect(self, now_us):
        """Let the motion follow the state."""
        if self.replan:
            self.replan = False
            self._rig.delivery.replan(now_us)
            self._rig.loop.wake("delivery")
            self._rig.loop.wake("monitor")

    def _do_stop(self, args, now_us):
        self._rig.stop_gently(now_us)
        return (("delivered_steps", self._rig.dosing.net_steps()),)

    def _do_silence(self, args, now_us):
        self._rig.alarms.silence(now_us)
        self._rig.loop.wake("alarms")
        return ()

    def _do_rate(self, args, now_us):
        program = {"kind": "program", "name": "constant", "basal": ((0, args["rate_nl_per_day"]),)}
        active = self._rig.therapy.program
        if active:
            for name in ("reservoir_nl", "low_nl", "catheter_nl"):
                program[name] = active[name]
        from pumpwire import documents

        return self._stage(documents.canonical(program), now_us)

    def _do_stage(self, args, now_us):
        if args["part"] == 1:
            self._parts = []
        if args["part"] != len(self._parts) + 1 or args["part"] > args["parts"]:
            self._parts = []
            raise Refused("argument", (("argument", "part"), ("why", "parts must come in order")))
        self._parts.append(args["text"])
        if args["part"] < args["parts"]:
            return ()
        text = "".join(self._parts)
        self._parts = []
        return self._stage(text, now_us)

    def _stage(self, text, now_us):
        from pumpwire import documents

        try:
            document = documents.parse(text)
        except documents.DocumentError as error:
            raise Refused("document", (("field", error.args[0]), ("why", error.args[1])))
        if document["kind"] == "program":
            self._rig.therapy.check(document, True)
        elif document["kind"] != "calibration":
            raise Refused("document", (("field", "kind"), ("why", "is set by its own command")))
        text = documents.canonical(document)
        self.staged_text = text
        self.staged_us = now_us
        self._reminded = False
        fields = (("hash", terms.digest(text)), ("code", terms.code_of(text)))
        if document["kind"] == "program":
            fields += (
                ("daily_nl", schedule.max_day_nl(document)),
                ("max_nl_per_day", schedule.max_base_rate(document)),
            )
        return fields

    def watch_staged(self, now_us):
        """What is staged and not committed: a reminder, then it expires (SR-18)."""
        if not self.staged_text:
            return
        if now_us - self.staged_us >= thresholds.STAGED_US:
            self.staged_text = ""
            self._rig.record("staged_expired", ())
        elif now_us - self.staged_us >= thresholds.STAGED_REMIND_US and not self._reminded:
            self._reminded = True
            self._rig.record("reminder", (("what", "staged"),))
            self._rig.board.sound("single")

    def _do_discard(self, args, now_us):
        self.staged_text = ""
        self._rig.give_up_later("discard")
        return ()

    def hash_of_code(self, code):
        """The hash of what is staged, if code is its code. Raises Refused."""
        if not self.staged_text:
            raise Refused("nothing", ())
        if code != terms.code_of(self.staged_text):
            raise Refused("hash", (("why", "that is not the code shown"),))
        return terms.digest(self.staged_text)

    def _do_commit(self, args, now_us):
        self.watch_staged(now_us)
        text = self.staged_text
        if not text:
            raise Refused("nothing", ())
        digest = terms.digest(text)
        if args["hash"] != digest:
            raise Refused("hash", (("staged_hash", digest),))
        from pumpwire import documents

        document = documents.parse(text)
        rig = self._rig
        if rig.delivery.ahead_us(now_us) < 2 * ERASE_US:
            raise Refused("busy", (("why", "a fast flow is under way; wait for its end"),))
        if document["kind"] == "calibration":
            if rig.therapy.mode != "stopped":
                raise Refused("state", (("why", "stop the pump first"),))
            rig.settings.store(settings.CALIBRATION, text)
            rig.use_calibration(document)
        elif args["at_utc_s"]:
            self._commit_later(document, text, args, now_us)
        else:
            self.begin_program(document, text, args["override"], now_us)
            rig.give_up_later("commit")
            self.replan = True
        self.staged_text = ""
        return (("hash", digest),)

    def _commit_later(self, document, text, args, now_us):
        rig = self._rig
        utc_us = rig.clock.utc_us(now_us)
        if not utc_us:
            raise Refused("state", (("why", "the clock is not set"),))
        if args["at_utc_s"] * 1_000_000 <= utc_us:
            raise Refused("argument", (("argument", "at_utc_s"), ("why", "this time has passed")))
        rig.therapy.check(document, args["override"])
        rig.give_up_later("commit")
        from rig import later  # on loan (rig.lend)

        later.keep(rig, text, args["at_utc_s"], args["override"])
        rig.loop.wake("monitor")

    def begin_program(self, document, text, override, now_us):
        """Make a program the active one, running; motion is to follow. Returns its hash. Raises Refused."""
        rig = self._rig
        digest = terms.digest(text)
        rig.therapy.check(document, override)
        rig.need_fluid(1)
        rig.need_ready()
        rig.delivery.settle(now_us)
        for overlay in rig.therapy.stop():
            rig.record("bolus_end", overlay.told())
        rig.settings.store(settings.PROGRAM, text)
        rig.use_program(document, text, digest, now_us)
        rig.therapy.mode = "running"
        return digest

    def _do_bolus(self, args, now_us):
        self._rig.need_ready()
        overlay = self._rig.therapy.request_bolus(args["volume_nl"], args["over_ms"], args["spread"], now_us)
        return self._granted(overlay)

    def _do_demand(self, args, now_us):
        self._rig.need_ready()
        return self._granted(self._rig.therapy.request_demand(now_us))

    def _do_prime(self, args, now_us):
        self._rig.need_ready()
        return self._granted(self._rig.therapy.request_prime(args["volume_nl"]))

    def _do_calibrate(self, args, now_us):
        self._rig.need_ready()
        return self._granted(
            self._rig.therapy.request_calibration(args["rate_nl_per_day"], args["volume_nl"])
        )

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
        if rig.therapy.mode == "priming":
            raise Refused("busy", (("why", "priming is under way"),))
        rig.need_fluid(1)
        rig.need_ready()
        if rig.therapy.mode != "running":
            rig.therapy.mode = "running"
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
        self._rig.loop.wake("alarms")
        self._rig.loop.wake("monitor")
        return ()

    def _do_clock(self, args, now_us):
        moved_us = self._rig.clock.set_utc(args["utc_us"], now_us, "host")
        self._rig.alarms.clear("clock")
        self._rig.loop.wake("monitor")
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
