"""What each reading command answers, as rows of fields.

Owns: the rows of hello, help, alarms, program and log.
Rules: reads only; rows come one by one, so that a long answer never needs memory for all of it.
Callers: session.py.
Units: as in pumpwire.spec.
Leaves: status to status.py, changing commands to commands.py.
"""

from binascii import b2a_base64

from pumpwire import VERSION, spec, terms

from rig import lend
from rig.line import status


class Readings:
    """Handlers by verb. `rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig

    def read(self, verb, args, now_us):
        """The rows of a reading command."""
        return getattr(self, "_read_" + verb)(args, now_us)

    def _read_hello(self, args, now_us):
        rig = self._rig
        yield (
            ("device_id", rig.board.device_id),
            ("firmware", VERSION),
            ("protocol", spec.PROTOCOL),
            ("digest", rig.digest),
            ("clock_hz", rig.board.clock_hz),
            ("boot", rig.boot_number),
            ("last_seq", rig.session.last_seq),
            ("last_code", rig.session.last_code),
            ("session", 1 if rig.access.is_host(now_us) else 0),
        )

    def _read_help(self, args, now_us):
        return lend.get("rig.line.terminal").help_rows(args["verb"])

    def _read_status(self, args, now_us):
        return status.rows(self._rig, now_us)

    def _read_alarms(self, args, now_us):
        for name, priority, since_us, utc_us, acked in self._rig.alarms.rows():
            yield (
                ("name", name),
                ("priority", priority),
                ("since_us", since_us),
                ("since_utc_us", utc_us or None),
                ("acked", 1 if acked else 0),
            )

    def _read_program(self, args, now_us):
        therapy = self._rig.therapy
        self._rig.commands.staging.watch(now_us)
        staged = self._rig.commands.staging.text
        yield (
            ("hash", therapy.program_hash),
            ("staged_hash", terms.digest(staged) if staged else ""),
        )
        texts = [("text", therapy.program_text), ("staged", staged)]
        if therapy.later[0]:
            texts.append(("later", lend.get("rig.line.later").text(self._rig)[2]))
        for name, text in texts:
            for start in range(0, len(text), 300):
                yield ((name, text[start : start + 300]),)

    def _read_log(self, args, now_us):
        journal = self._rig.journal
        number = max(args["start"], journal.oldest())
        end = min(journal.next_number, number + args["count"])
        while number < end:
            raw = journal.read(number)
            if raw is not None:
                yield (("number", number), ("record", b2a_base64(raw).strip()))
            number += 1
        yield (("log_next", journal.next_number), ("first", journal.oldest()))
