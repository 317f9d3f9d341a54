"""Memory that runs out at the worst moments: the rig goes on or begins anew, and never acts wrongly.

Owns: the ballast that leaves so many bytes free, the commands that meet it, what must hold afterwards.
Rules: MicroPython's dialect; the heap is the VM's own and its collector the real one; the ballast stays until the
rig goes on by itself or resets, as a leak would; what must hold is judged from the flash and the turned steps.
Units: bytes, ticks of 20 ms, steps.
Leaves: what the rig does about it to firmware/rig/rig.py and link.py.
"""

import gc

from heap import request
from pumpwire import codec, documents, records
from softboard import GRID_US, Bench, Reset, lay_out, remove

CALIBRATION = "kind=calibration id=7 nl_num=9973 nl_den=1 u_ppm=20000"
PROGRAM = "kind=program name=heap basal=0:%d reservoir_nl=100000000 low_nl=100"
TICKS = 30
RATE = 48_000_000


def hold(free_bytes):
    """Take memory until only so much is left; returns what holds it."""
    held = None
    for size in (4096, 512, 32):
        gc.collect()
        for _ in range((gc.mem_free() - free_bytes) // (size + 64)):
            try:
                held = (held, bytearray(size))
            except MemoryError:
                break
    return held


class Exhausted:
    """A rig that delivers while commands meet a heap without room."""

    def __init__(self, flash_path):
        lay_out(flash_path)
        self.bench = Bench(flash_path)
        self.bench.power_on()
        self.met = {"went on": 0, "done": 0, "reset": 0, "logged": 0}
        self.wrong = []
        self.ballast = None
        self._open()
        for text in (CALIBRATION, PROGRAM % RATE):
            request(self.bench, self._next(), "refill", volume_nl=100_000_000)
            request(self.bench, self._next(), "stage", part=1, parts=1, text=text)
            digest = documents.digest(documents.canonical(documents.parse(text)))
            request(self.bench, self._next(), "commit", hash=digest)

    def _next(self):
        return self.bench.rig.session.last_seq + 1

    def _open(self):
        request(self.bench, 1, "open")

    def _line(self, verb, case):
        """A changing command whose effect tells which one it was, or a reading one."""
        fields = {
            "refill": (("volume_nl", 90_000_000 + case),),
            "bolus": (("over_ms", 60_000), ("volume_nl", 100 + case)),
            "stage": (("part", 1), ("parts", 1), ("text", PROGRAM % (RATE + 1000 * (1 + case % 7)))),
        }.get(verb, ())
        seq = self._next() if fields else 1
        return seq if fields else 0, codec.request(seq, verb, fields).encode() + b"\n"

    def case(self, verb, free_bytes, case):
        """One command, one size of the rest of the heap."""
        bench = self.bench
        if not bench.rig.access.is_host(bench.rig.clock.now_us()):
            self._open()
        seq, line = self._line(verb, case)
        volume_nl = bench.rig.reservoir.base_nl
        bench.port.outbox = b""
        bench.port.inbox += line
        was_reset = False
        self.ballast = hold(free_bytes)
        for _ in range(TICKS):
            try:
                try:
                    bench.rig.tick()
                except MemoryError as error:
                    bench.rig.fail(error)
            except Reset:
                was_reset = True
                break
            bench.time.us += GRID_US
        self.ballast = None
        gc.collect()
        if was_reset:
            self._boot(seq)
        else:
            self.met["went on"] += 1
            bench.run(200_000)
        self._judge(verb, seq, case, volume_nl)
        if bench.rig.therapy.boluses.queue or bench.rig.therapy.mode != "running":
            bench.run(120_000_000)

    def _boot(self, seq):
        self.bench.power_on("watchdog")
        self.met["reset"] += 1
        event = records.EVENTS.index("fault")
        journal = self.bench.rig.journal
        for number in range(
            journal.next_number - 8, journal.next_number
        ):  # a third fault in a row stops and alarms
            raw = journal.read(number)
            if raw is not None and raw[3] == event:
                self.met["logged"] += 1
        self.bench.run(1_000_000)

    def _judge(self, verb, seq, case, before_nl):
        rig = self.bench.rig
        where = "%s, %d bytes" % (verb, case)
        if seq and rig.session.last_seq not in (seq - 1, seq):
            self.wrong.append(where + ": number %d after %d" % (rig.session.last_seq, seq))
        done = seq and rig.session.last_seq == seq and not rig.session.last_code
        self.met["done"] += 1 if done else 0
        if verb == "refill":
            volume_nl = rig.reservoir.base_nl
            if done and abs(volume_nl - 90_000_000 - case) > 10_000 or not done and volume_nl > before_nl:
                self.wrong.append(where + ": %d nl, done: %s" % (volume_nl, done))
        if rig.therapy.mode != "running" and "self_test" not in rig.alarms.active:
            self.wrong.append(where + ": " + rig.therapy.mode)
        if (
            "self_test" in rig.alarms.active or rig.alarms.blocking()
        ):  # it failed three times in a row: a person looks
            self._open()
            request(self.bench, self._next(), "ack")
            request(self.bench, self._next(), "resume")

    def count(self):
        """Turned steps must be counted, or taken as delivered; the log must be whole."""
        rig = self.bench.rig
        turned = self.bench.pump.steps
        counted = rig.dosing.net_steps()
        if not counted <= turned + 1 or turned > counted + rig.assumed_steps:
            self.wrong.append("turned %d, counted %d, assumed %d" % (turned, counted, rig.assumed_steps))
        last = None
        for number in range(rig.journal.oldest(), rig.journal.next_number):
            raw = rig.journal.read(number)
            if raw is None or last is not None and records.unpack(raw)[0]["chain"] != records.link(last):
                self.wrong.append("record %d" % number)
            last = raw


def main(flash_path, sizes):
    """Print how often what came, then each thing that was wrong."""
    rows = Exhausted(flash_path)
    for free_bytes in sizes:
        for verb in ("status", "refill", "bolus", "stage", "log", "idle"):
            rows.case(verb, free_bytes, free_bytes)
    rows.count()
    for name in sorted(rows.met):
        print(name, rows.met[name])
    for text in rows.wrong:
        print("wrong", text)
    rows.bench.power_off()
    remove(flash_path)
