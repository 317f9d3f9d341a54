"""The pin table: the one source for board.py, the wiring plan, the simulator and the bring-up checklist.

Owns: which GPIO of the Pico does what.
Rules: a GPIO appears once, and none that a board keeps for itself; names are the ones on the wiring plan; no input
rests on a pull-down, whose leakage on an RP2350 (erratum E9) leaves it between high and low.
Units: GPIO numbers of the chip, not the board's physical pin numbers; the same on Pico, Pico W, Pico 2 and Pico 2 W.
Leaves: electrical limits to hardware/, behaviour to board.py.
"""

# (name, gpio, direction, what it is)
PINS = (
    ("uart_tx", 0, "out", "optional: to a TMC2209's single wire, through R11"),
    ("uart_rx", 1, "in", "optional: from that wire"),
    ("step", 2, "out", "step pulse to the driver; with the coils driver an unconnected marker"),
    ("dir", 3, "out", "direction to the driver, low is forward"),
    ("enable", 4, "out", "driver enable, active low, pulled up so that a Pico in reset keeps the motor off"),
    ("coil_a1", 6, "out", "coil A+, to IN1 of the ULN2003 or AIN1 of the DRV8833"),
    ("coil_b1", 7, "out", "coil B+, to IN2 of the ULN2003 or BIN1 of the DRV8833"),
    ("coil_a2", 8, "out", "coil A-, to IN3 of the ULN2003 or AIN2 of the DRV8833"),
    ("coil_b2", 9, "out", "coil B-, to IN4 of the ULN2003 or BIN2 of the DRV8833"),
    ("stop", 10, "in", "stop button to ground, pulled up: low means pressed"),
    ("request", 11, "in", "bolus request button to ground, pulled up: low means pressed"),
    ("silence", 12, "in", "alarm silence button to ground, pulled up: low means pressed"),
    ("buzzer", 13, "out", "piezo buzzer, driven by PWM"),
    ("alarm_led", 14, "out", "alarm LED, high is lit"),
    ("sda", 16, "i2c", "I2C0 data: AS5600 encoder (0x36), pressure sensor (0x18), optional FRAM (0x50)"),
    ("scl", 17, "i2c", "I2C0 clock"),
    ("supply", 26, "adc", "motor supply through a 10:1 divider"),
)

LED = (
    "LED"  # the board's own, by the board's own name: a GPIO on Pico and Pico 2, the radio's on the W boards
)
# of the board itself: power supply, USB's presence, LED and supply voltage; on a W board all four are the radio's
RESERVED = (23, 24, 25, 29)


def gpio(name):
    """The GPIO number of the pin `name`; KeyError if the table has none."""
    for row in PINS:
        if row[0] == name:
            return row[1]
    raise KeyError(name)
