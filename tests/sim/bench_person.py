"""Who stands at a simulated rig: measures with a meter, looks at the rotor, presses buttons, pulls plugs.

Owns: every answer of a bring-up, taken from the simulated world.
Rules: nothing here reads what the firmware or the tool says of the rig: the eye sees the rotor itself, the ear the
buzzer's line, the meter the wires; what is told to do is done by its words.
Units: as the questions ask.
Leaves: the world to rigsim, the questions to hardware/bringup.toml.
"""

import re

from pumpwire import documents
from rigsim import buttons
from rigsim.commission import commit
from rigsim.wire import Wire

SECOND = 125_000_000


class BenchPerson:
    """`careless`: names of measurements and questions that are answered as if all were well."""

    def __init__(self, line, careless=()):
        self.line = line
        self.sim = line.rig
        self.careless = set(careless)
        self.asked = []
        self._heard = self._lit = False
        self._turned = self.sim.pump.rotor.rotor_steps
        self._tip = self.sim.pump.fluid.tip_nl
        self.sim.after_tick = self._listen

    # --- what is asked

    def measured(self, step, measure):
        self.asked.append(step.id)
        if measure.name in self.careless:
            low, high = max(measure.lowest, -1e6), min(measure.highest, 1e9)
            return (low + high) / 2
        return self.sim.pump.wires.meter[measure.name]

    def chosen(self, step, choice):
        self.asked.append(step.id)
        see = {
            "answer": lambda: "yes",
            "seen": self._rotor,
            "noticed": self._noticed,
            "water": self._water,
        }[choice.name]
        word = see()
        assert word in choice.options, (step.id, word)
        return word

    def told(self, text):
        if "Press the stop button" in text:
            self._heard = self._lit = False
            self.sim.after_us(3_000_000, lambda: buttons.press(self.sim, "stop"))

    def ready(self, text):
        hold = re.match(r"Hold (\w+) down", text)
        if hold:
            self._hold(hold[1], 0)
        elif text.startswith("Let "):
            self._hold(text.split()[1], 1)
        elif "clamp" in text:
            self.sim.pump.change(occluded=True)
        elif "Pull USB" in text:
            self.sim.pump.change(occluded=False)
            self.sim.power_off()
            self.line.pause(5.0)
            self.sim.power_on()
            self.line.reopen()
        else:
            raise AssertionError(text)
        self.line.pause(0.5)

    def weigh(self):
        """What the calibration tutorial ends with: a calibration of this head, by its true volume."""
        head = self.sim.pump.head
        text = f"kind=calibration id=77 nl_num={round(head.nl_per_rev)} nl_den=1 u_ppm=12000"
        commit(Wire(self.sim), documents.canonical(documents.parse(text)))
        self.sim.after_tick = self._listen
        self.sim.port.tapped = False
        self.sim.port.listen(True)

    # --- what is seen

    def _listen(self):
        chip, pins, wires = self.sim.chip, self.sim.wiring.pins, self.sim.pump.wires
        tone = chip.peripherals.get(f"pwm{pins['buzzer']}", {"duty": 0})["duty"]
        self._heard = self._heard or (tone > 0 and not wires.buzzer_open)
        self._lit = self._lit or (chip.level(pins["alarm_led"]) == 1 and not wires.led_open)

    def _noticed(self):
        return {(True, True): "both", (True, False): "tone", (False, True): "led"}.get(
            (self._heard, self._lit), "neither"
        )

    def _rotor(self):
        rotor = self.sim.pump.rotor
        self.sim.pump.advance()
        turned, self._turned = rotor.rotor_steps - self._turned, rotor.rotor_steps
        if abs(turned) * 360 >= 3 * rotor.steps_num / rotor.steps_den:  # three degrees are seen
            return "ccw" if turned > 0 else "cw"
        if rotor.trembles:
            return "trembled"
        return "stiff" if rotor.enabled else "loose"

    def _water(self):
        self.sim.pump.advance()
        moved, self._tip = self.sim.pump.fluid.tip_nl - self._tip, self.sim.pump.fluid.tip_nl
        return "outlet" if moved > 20_000 else "reservoir" if moved < -20_000 else "nowhere"

    def _hold(self, name, level):
        line = self.sim.pump.wires.buttons.get(name, name)
        if line:
            self.sim.chip.drive(self.sim.wiring.pins[line], level)
