"""The host's client on the real firmware in this process: a line in virtual time that can be made to fail.

Owns: a Transport over a simulated rig's port, with a plan of faults.
Rules: the firmware, the port and the client are the real ones; only time and the cable are ours.
Units: seconds on the client's side, cycles of 8 ns on the rig's.
Leaves: the rig to rigsim.driver, the protocol to pumprig.client.
"""

from collections import deque

from pumprig.rig.link import LinkBroken
from rigsim.commission import commission
from rigsim.driver import SimRig
from rigsim.wire import Wire

CYCLES_PER_S = 125_000_000
STEP_CYCLES = CYCLES_PER_S // 50


class Line:
    """A Transport. `faults` are used up one a line, in the order given; (direction, what, where) each.

    direction: `out` to the rig or `in` from it; what: `lose`, `flip`, `double`, `cut`; where: a position in the line.
    `cut` delivers the line up to that position, then the cable is gone until it is opened again.
    """

    address = "in this process"

    def __init__(self, rig, faults=()):
        self.rig = rig
        self.faults = deque(faults)
        self.plugged = True
        self.reopens_left = 1_000
        self.sent = []
        self._got = b""

    def _next(self, direction):
        if self.faults and self.faults[0][0] == direction:
            return self.faults.popleft()
        return None

    def send(self, line):
        if not self.plugged:
            raise LinkBroken("the cable is out")
        data = line.encode() + b"\n"
        fault = self._next("out") if line else None
        if fault:
            data = self._spoil(data, fault)
        self.sent.append(line)
        while data:
            data = data[self.rig.port.push(data) :]
            if data:
                self._run(STEP_CYCLES)
        if fault and fault[1] == "cut":
            self._run(3 * STEP_CYCLES)
            self._unplug()

    def receive(self, timeout_s):
        if not self.plugged:
            raise LinkBroken("the cable is out")
        left = int(timeout_s * CYCLES_PER_S)
        while True:
            line, end, rest = self._got.partition(b"\n")
            if end:
                self._got = rest
                fault = self._next("in") if line.startswith(b"<") else None
                if fault is None:
                    return line.rstrip(b"\r").decode("ascii", "replace")
                if fault[1] == "cut":
                    self._unplug()
                    raise LinkBroken("the cable is out")
                spoilt = self._spoil(line + b"\n", fault)
                self._got = spoilt + self._got
                if spoilt.startswith(b"<") and fault[1] != "double":
                    line, _end, self._got = self._got.partition(b"\n")
                    return line.decode("ascii", "replace")
                continue
            if left <= 0:
                return None
            self._run(STEP_CYCLES)
            left -= STEP_CYCLES
            self._got += self.rig.port.pull()

    def _spoil(self, data, fault):
        _direction, what, where = fault
        at = where % len(data)
        if what == "lose":
            return b""
        if what == "double":
            return data + data
        if what == "cut":
            return data[:at]
        return data[:at] + bytes((data[at] ^ 1 << where % 7,)) + data[at + 1 :]

    def _unplug(self):
        self.plugged = False
        self._got = b""
        self.rig.port.plug(False)

    def reopen(self):
        if not self.reopens_left:
            raise LinkBroken("the cable is out")
        self.reopens_left -= 1
        self.plugged = True
        self._got = b""
        self.rig.port.plug(True)

    def pause(self, seconds):
        self._run(int(seconds * CYCLES_PER_S))

    def close(self):
        self._got = b""

    def _run(self, cycles):
        self.rig.run_until(self.rig.chip.now + cycles)


def new_rig(seed=3):
    """A simulated rig that has booted and is calibrated."""
    rig = SimRig(seed)
    rig.power_on()
    commission(Wire(rig))
    rig.after_tick = None
    rig.port.tapped = False
    rig.port.listen(True)
    return rig
