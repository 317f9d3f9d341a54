"""What each reading command answers, as rows of fields.

Owns: the rows of hello, help, alarms, program and log.
Rules: reads only; rows come one by one, so that a long answer never needs memory for all of it.
Units: as in pumpwire.spec.
Leaves: status to status.py, what is wired to probe.py, changing commands to commands.py.
"""

from binascii import b2a_base64

from pumpwire import VERSION, spec
from pumpwire.answers import row, told

from rig import lend
from rig.line import status

PIECE = 300  # characters of a document in a line


class Readings:
    """Handlers by verb. `rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig

    def read(self, verb, args, now_us):
        """The rows of a reading command."""
        return getattr(self, "_read_" + verb)(args, now_us)

    def _read_hello(self, args, now_us):
        rig = self._rig
        session = rig.session
        yield told(
            row("hello"),
            (
                rig.board.device_id,
                VERSION,
                spec.PROTOCOL,
                rig.digest,
                rig.board.clock_hz,
                rig.log.boot_number,
                session.last_seq,
                session.last_code,
                session.last_crc,
                1 if rig.access.is_host(now_us) else 0,
            ),
        )

    def _read_help(self, args, now_us):
        return lend.get("rig.line.terminal").help_rows(args["verb"])

    def _read_status(self, args, now_us):
        return status.rows(self._rig, now_us)

    def _read_alarms(self, args, now_us):
        for name, priority, since_us, utc_us, acked in self._rig.alarms.rows():
            yield told(row("alarms"), (name, priority, since_us, utc_us or None, 1 if acked else 0))

    def _read_probe(self, args, now_us):
        return lend.get("rig.line.probe").rows(self._rig.board)

    def _read_program(self, args, now_us):
        therapy = self._rig.therapy
        self._rig.staging.watch(now_us)
        staging = self._rig.staging
        yield told(row("program", "hashes"), (therapy.program_hash, staging.digest if staging.text else ""))
        texts = [therapy.program_text, staging.text, ""]
        if therapy.later[0]:
            texts[2] = lend.get("rig.line.later").text(self._rig)[2]
        for place in range(3):
            for start in range(0, len(texts[place]), PIECE):
                values = [None, None, None]
                values[place] = texts[place][start : start + PIECE]
                yield told(row("program", "text"), values)

    def _read_log(self, args, now_us):
        journal = self._rig.journal
        number = max(args["start"], journal.oldest())
        end = min(journal.next_number, number + args["count"])
        while number < end:
            raw = journal.read(number)
            if raw is not None:
                yield told(row("log", "record"), (number, b2a_base64(raw).strip()))
            number += 1
        yield told(row("log", "end"), (journal.next_number, journal.oldest()))
