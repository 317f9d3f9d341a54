"""The step engine: constant flows in, pulses out at their exact cycles, counted by an independent state machine.

Owns: the step, direction and enable pins, three state machines, the stream and its count.
Rules: time is made by PIO from words that DMA feeds; a stop drains every queued word, so that no pulse from
before comes later; counted() is what left the pin; the queue reaches to the appended end less 8 cycles, so a
dry machine is a late Python.
Units: cycles of 8 ns of the stream, which begins with its first words and then keeps pace with time (time spent
dry included); steps are pulses.
Leaves: instants to motion.py, words to words.py, the queue to feed.py, ramps to a stop to
brake.py.
"""

import time

import machine
import rp2
from pumpwire.terms import CYCLES_PER_US, STEP_CLOCK_HZ

from rig.step.brake import Brake
from rig.step.feed import Feed
from rig.step.motion import Ramp
from rig.step.pio import HALT_AT, count, step
from rig.step.stream import LEAD_CYCLES, SPARE_WORDS, TAIL_CYCLES, Stream

STEP_MACHINE = 0
COUNT_MACHINE = 1
COIL_MACHINE = 2
MOST_STEPS = 1_400  # of one append: 4 ms of Python
_PIO = 0x50200000
_FDEBUG = _PIO + 0x08
_DRY = 1 << (24 + STEP_MACHINE)
_FIFO = _PIO + 0x10 + 4 * STEP_MACHINE
_PC = _PIO + 0xD4 + 0x18 * STEP_MACHINE
_TAKE = rp2.asm_pio_encode("pull(noblock)", 1)
_KEEP = rp2.asm_pio_encode("mov(isr, osr)", 1)
_ZERO = rp2.asm_pio_encode("set(x, 0)", 0)
_COPY = rp2.asm_pio_encode("mov(isr, x)", 0)
_PUSH = rp2.asm_pio_encode("push(noblock)", 0)


class Stepper:
    """The engine for the driver that `config` chooses. ValueError, motor off, if the configuration cannot work."""

    def __init__(self, config):
        from rig.board.drivers import check_programs  # these two are forgotten after the boot
        from rig.board.pins import gpio

        self._enable = machine.Pin(gpio("enable"), machine.Pin.OUT, value=1)
        self._direction = machine.Pin(gpio("dir"), machine.Pin.OUT, value=0)
        setup = config.setup()
        self._start_hz, self._setup_us = setup.start_hz, setup.setup_us
        self._hold_mw, self._lit_us = setup.hold_mw, setup.lit_ms * 1000
        self._hold_stopped = config.HOLD_STOPPED
        self._relief_steps = config.RELIEF_STEPS
        marker = machine.Pin(gpio("step"))
        self._coils = None
        if setup.kind == "coils":
            from rig.step.coils import Coils  # 2.4 kB that the other driver has no use for

            self._coils = Coils(COIL_MACHINE, marker, setup.microsteps, setup.lit_ms)
        check_programs([len(step[0]), len(count[0])] + ([self._coils.length] if self._coils else []))
        stop = machine.Pin(gpio("stop"), machine.Pin.IN, machine.Pin.PULL_UP)
        self._machine = rp2.StateMachine(STEP_MACHINE, step, sideset_base=marker, jmp_pin=stop)
        self._first = machine.mem32[_PC]
        self._counter = rp2.StateMachine(COUNT_MACHINE, count, in_base=marker)
        self._counter.exec(_ZERO)
        self._counter.active(1)
        self._feed = Feed(STEP_MACHINE, _FIFO)
        ramp = Ramp(setup.start_hz, setup.accel_hz_per_s)
        self._stream = Stream(self._feed, setup, ramp)
        self._brake = Brake(self._stream, ramp)
        self._counted = self._raw = 0
        self._starved = 0
        self.appended_steps = 0  # since power-on, less what cut() dropped
        self.reversed_steps = 0  # of the counted ones, those that went backwards
        self._backwards_from = -1
        self._open = False
        self._begin_ticks = self._passed_us = 0
        self.cut()

    # --- the stream

    def open(self):
        """Begin a stream. Nothing moves until something is appended: cycle 0 comes with the first words."""
        if self._open or self._feed.running:  # else it is cut, and nothing has moved since
            self.cut()
        self._open = True
        self.hold(True)

    @property
    def appended_cycles(self):
        """The end of what is queued, in stream cycles."""
        return self._stream.end_cycles

    def append(self, acc, inc, quantum, span_cycles, leave_inc=None):
        """Queue a constant flow for at most span_cycles; returns (cycles taken, steps, acc at the new end).

        Takes less when the queue is full or MOST_STEPS are written; 0 cycles when it cannot take any. Beyond the
        motor's start/stop rate the span begins (and, with leave_inc below inc, ends) with a ramp: the same steps in
        more cycles. The flow used up is then (new acc - acc + steps * quantum) // inc cycles. ValueError for a
        rate the motor cannot do.
        """
        if not self._open or self._brake.on or span_cycles <= 0:
            return 0, 0, acc
        feed = self._feed
        room = min(feed.free_words() - SPARE_WORDS, MOST_STEPS)
        if room <= 0:
            return 0, 0, acc
        stream = self._stream
        dry = False
        if feed.running:
            self._keep_time()
            dry = machine.mem32[_FDEBUG] & _DRY
            if dry:
                self._catch_up()
        taken = stream.append(acc, inc, quantum, span_cycles, inc if leave_inc is None else leave_inc, room)
        stream.tail_out()
        self._publish()
        if dry:
            machine.mem32[_FDEBUG] = _DRY  # only now: while it is dry, the flag comes back at once
        self.appended_steps += taken[1]
        return taken

    def _publish(self):
        stream, feed = self._stream, self._feed
        if not stream.words:
            return
        feed.publish(stream.words)
        stream.words = 0
        if not feed.running:
            feed.start()
            machine.mem32[_FDEBUG] = _DRY
            self._begin_ticks = time.ticks_us()
            self._passed_us = 0
            self._machine.active(1)

    def _keep_time(self):
        """Extend the stream's age over the wraps of ticks_us."""
        ticks = time.ticks_us()
        self._passed_us += time.ticks_diff(ticks, self._begin_ticks)
        self._begin_ticks = ticks

    def age_us(self):
        """How long the stream has been running; 0 before its first words."""
        if not self._feed.running:
            return 0
        self._keep_time()
        return self._passed_us

    def _catch_up(self):
        """The machine ran dry: the stream's end moves to now, so that stream time goes on as time does."""
        if self._is_halted():
            return
        self._starved += 1
        stream = self._stream
        stream.end_cycles = max(stream.end_cycles, self._passed_us * CYCLES_PER_US)
        stream.tail_cycles = TAIL_CYCLES
        stream.speed_inc = 0

    # --- what happened

    def counted(self):
        """Pulses that left the pin since power-on, at any moment."""
        counter = self._counter
        counter.exec(_COPY)
        counter.exec(_PUSH)
        raw = -counter.get() & 0xFFFFFFFF
        self._counted += (raw - self._raw) & 0xFFFFFFFF
        self._raw = raw
        return self._counted

    def starved(self):
        """How often the queue ran dry while a stream went on."""
        return self._starved

    @property
    def halted(self):
        """Whether the stop button halted the machine; it stays so until cut()."""
        return self._is_halted()

    def _is_halted(self):
        return machine.mem32[_PC] == self._first + HALT_AT

    def step_uj(self, interval_us):
        """Estimated energy of a step where one comes every interval_us, uJ."""
        return self._hold_mw * min(interval_us, self._lit_us or interval_us) // 1000

    # --- ends

    def cut(self):
        """Stop now: a high pulse is completed, everything queued is dropped. Returns counted(). Safe in any
        state.
        """
        self._machine.active(0)
        self._feed.reset()  # takes longer than any pulse, which is then complete
        self._machine.restart()
        for _ in range(8):
            self._machine.exec(_TAKE)
        self._machine.put(self._stream.high_cycles - 2)
        self._machine.exec(_TAKE)
        self._machine.exec(_KEEP)
        self._stream.begin(LEAD_CYCLES)
        self._brake.on = self._open = False
        self.appended_steps = self.counted()
        if self._backwards_from >= 0:
            self.reversed_steps += self.appended_steps - self._backwards_from
            self._turn(False)
        self.hold(self._hold_stopped and self.appended_steps > 0)
        return self.appended_steps

    def ramp_down(self):
        """Slow down, then cut: call it every tick until it returns True, at most 200 ms later. At once where no
        ramp is needed.
        """
        brake = self._brake
        if not brake.on:
            if not self._open or self._is_halted() or not brake.splice():
                self.cut()
                return True
            self.appended_steps += brake.change_steps
        late = machine.mem32[_FDEBUG] & _DRY or self._is_halted() or brake.is_late()
        if not late:
            self.appended_steps += brake.go_on()
        if late or brake.is_late():
            self.cut()
            return True
        self._publish()
        return False

    def is_ramped(self):
        """Whether all of a ramp down is written: it ends by itself, and `ramp_down` can wait."""
        return self._brake.is_written()

    def reverse(self, steps, interval_cycles):
        """Pressure relief: cut, then turn back by `steps`, one every interval_cycles; ends with cut().

        ValueError beyond the configured number of steps, or the motor's start/stop rate.
        """
        if not 0 < steps <= self._relief_steps:
            raise ValueError("relief is limited to %d steps" % self._relief_steps)
        if interval_cycles * self._start_hz < STEP_CLOCK_HZ:
            raise ValueError("a step every %d cycles is beyond the start/stop rate" % interval_cycles)
        self.open()
        self._backwards_from = self._counted
        self._turn(True)
        self.append(0, 1, interval_cycles, steps * interval_cycles)

    def _turn(self, backwards):
        """Set the direction; only while no pulse can come."""
        if not backwards:
            self._backwards_from = -1
        self._direction.value(1 if backwards else 0)
        if self._coils:
            self._coils.turn(backwards, self._counted)
        time.sleep_us(self._setup_us)

    def hold(self, on):
        """Coil current on or off, from outside a stream. Between slow steps the coil machine does it by itself."""
        self._enable.value(0 if on else 1)
        if self._coils and not (on and self._feed.running):
            self._coils.hold(on, self._counted)

    def release(self):
        """Coil current off: the motor can be turned by hand, or by the tube's pressure."""
        self.hold(False)
