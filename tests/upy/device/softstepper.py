"""Motor and step engine in software: counts exactly what was queued, at the instants at which it was due.

Owns: the stepper's interface without PIO, and the rotor that it turns.
Rules: MicroPython's dialect; closed forms, so that any time may pass between two looks; no ramps.
Units: cycles of 8 ns, steps, microseconds of `time.us`.
Leaves: the real engine to firmware/rig/step/stepper.py and tests/pio.
"""


class Pump:
    """What the motor turns and the line feels; it outlasts a power cut."""

    def __init__(self):
        self.steps = 0
        self.stuck = False
        self.pressure_pa = 101_325

    def turn(self, steps):
        """Steps that left the pin, negative ones backwards."""
        if not self.stuck:
            self.steps += steps

    def angle(self):
        """As the encoder's raw angle, 0 to 4095."""
        return self.steps * 4096 // 3200 % 4096


class SoftStepper:
    """The stepper's interface over segments (start, acc, inc, quantum, steps): a step leaves when its instant comes."""

    halted = False

    def __init__(self, time, pump):
        self._time = time
        self._pump = pump
        self._open_us = -1
        self._direction = 1
        self._segments = []
        self._passed = 0  # steps of the present segment that have left
        self._count = 0
        self.appended_cycles = 0
        self.appended_steps = 0

    def open(self):
        """Start a stream."""
        self.cut()
        self._open_us = self._time.us
        self._direction = 1
        self.appended_cycles = 0

    def append(self, acc, inc, quantum, cycles, leave_inc=None):
        """Queue constant flow for `cycles`; -> (cycles taken, steps, phase at the end)."""
        total = acc + inc * cycles
        steps = max(0, total // quantum) if inc else 0
        if steps:
            self._segments.append((self.appended_cycles, acc, inc, quantum, steps))
        self.appended_cycles += cycles
        self.appended_steps += steps
        return cycles, steps, total - steps * quantum

    def counted(self):
        """Steps that have left since power-on."""
        if self._open_us >= 0:
            now_cycles = (self._time.us - self._open_us) * 125
            while self._segments:
                start, acc, inc, quantum, steps = self._segments[0]
                if start >= now_cycles:
                    break
                done = max(0, min(steps, (acc + inc * (now_cycles - start)) // quantum))
                self._count += done - self._passed
                self._pump.turn((done - self._passed) * self._direction)
                self._passed = done
                if done < steps:
                    break
                self._segments.pop(0)
                self._passed = 0
        return self._count

    def age_us(self):
        """Since the stream began."""
        return self._time.us - self._open_us

    def cut(self):
        """Drop what is queued; returns the count."""
        self.counted()
        self._segments = []
        self._passed = 0
        self._open_us = -1
        self.appended_steps = self._count
        return self._count

    def ramp_down(self):
        """Stop at once: this one has no speed that needs a ramp."""
        self.cut()
        return True

    def is_ramped(self):
        """It has no ramp."""
        return False

    def reverse(self, steps, interval_cycles):
        """Go back; counted like every step."""
        self.open()
        self._direction = -1
        self.append(0, 1, interval_cycles, steps * interval_cycles)

    def step_uj(self, interval_us):
        """Of coils with 4.8 W, always on."""
        return 4_800 * interval_us // 1000

    def starved(self):
        """It never runs dry."""
        return 0
