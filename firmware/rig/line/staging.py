"""What is staged and waits for its commit, and the program that waits for its time.

Owns: the staged text, its parts while they arrive, its expiry, what was read for the coming command.
Rules: what is staged and not committed is reminded of, then dropped (SR-18); the program that waits is read ahead of
its time, a piece a tick.
Units: microseconds of Clock.
Leaves: reading, weighing and staging to preparing.py, what a commit does to commits.py, what waits to later.py.
"""

from rig import lend
from rig.clock import ERASE_US
from rig.refused import Refused
from rig.watch import thresholds

READ_AHEAD_US = 2_000_000  # before its time, a program that waits is read, a piece a tick
NOTHING = ("", None, "")


class Staging:
    """`rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self.parts = []
        self.text = ""
        self.digest = ""  # its hash
        self._since_us = 0
        self._reminded = False
        self._later = None  # the reading of the program that waits
        self.weighed = NOTHING  # a document, whether beside what has flowed, and what was found
        self.read = NOTHING  # what the coming command is about: a text, its document, its canonical text

    def keep(self, text, digest, now_us):
        """This waits for its commit."""
        self.text = text
        self.digest = digest
        self._since_us = now_us
        self._reminded = False

    def forget(self):
        """The command has acted: what was read for it is not needed any more."""
        self.read = self.weighed = NOTHING

    def drop(self):
        """What is staged is not wanted any more, or active."""
        self.text = ""

    def need_erase(self, now_us):
        """Keeping a document may erase twice. Raises Refused where the queued motion would not outlast that."""
        if self._rig.delivery.ahead_us(now_us) < 2 * ERASE_US:
            raise Refused("busy", (("why", "a fast flow is under way; wait for its end"),))

    def watch(self, now_us):
        """What is staged and not committed: a reminder, then it expires."""
        if not self.text:
            return
        if now_us - self._since_us >= thresholds.STAGED_US:
            self.text = ""
            self._rig.log.record("staged_expired", ())
        elif now_us - self._since_us >= thresholds.STAGED_REMIND_US and not self._reminded:
            self._reminded = True
            self._rig.log.record("reminder", (("what", "staged"),))
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
            text = lend.get("rig.line.later").text(rig)[2]
            self._later = lend.get("rig.line.preparing").read_later(rig, text, now_us)
            return now_us + 1
        for _piece in self._later:
            return now_us + 1
        if left_us > 0:
            return now_us + left_us
        self._later = None
        return lend.get("rig.line.later").begin(rig, now_us)
