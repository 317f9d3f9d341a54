"""A TMC2209's registers over its single wire: written as configured, and read back.

Owns: the datagrams and their CRC, which values the configuration asks for, what the driver says of itself.
Rules: loaded only where `UART` is configured (a module on loan); the driver counts the datagrams that it took, and a
write that it did not count is none; its current comes from these registers, not from its trimmer; the motor stands.
Units: mA of a coil, rms; mohm of the sense resistors; per cent of the running current at a standstill.
Leaves: the UART, and when it is set, to board.py; what a reading means to the host's doctor/.

Data sheet Rev. 1.03: datagrams 4.1, CRC 4.2, registers 5, currents 9. MS1 and MS2 stay high, so its address is 3.
"""

ADDRESS = 3
SYNC, TO_HOST, WRITE = 0x05, 0xFF, 0x80
GCONF, GSTAT, IFCNT, IOIN, IHOLD_IRUN, TPOWERDOWN, TCOOLTHRS, SGTHRS = (
    0x00,
    0x01,
    0x02,
    0x06,
    0x10,
    0x11,
    0x14,
    0x40,
)
SG_RESULT, CHOPCONF, DRV_STATUS = 0x41, 0x6C, 0x6F
SPREAD, BY_WIRE, BY_REGISTER, FILTERED = 1 << 2, 1 << 6, 1 << 7, 1 << 8  # of GCONF
CHOPPER = 0x1000_0053  # of CHOPCONF: as after a reset, steps interpolated to 1/256
FINE_SENSE = 1 << 17
FULL_UV, FINE_UV, OWN_MOHM = 325_000, 180_000, 20  # full scale at the sense resistors; of the chip itself
MODES = ("stealth", "spread")


def crc(data):
    """CRC-8, polynomial 7, each byte from its lowest bit on."""
    value = 0
    for byte in data:
        for bit in range(8):
            feed = value >> 7 ^ byte >> bit & 1
            value = value << 1 & 0xFF ^ (7 if feed else 0)
    return value


def scale(run_ma, sense_mohm, full_uv):
    """IRUN for a current, rounded down: (IRUN + 1) / 32 of full scale / (sense + 20 mohm) / sqrt(2)."""
    return run_ma * (sense_mohm + OWN_MOHM) * 32 * 1414 // (1000 * full_uv) - 1


def registers(choice, microsteps):
    """(register, value) of a configuration (mA, standstill %, mode, stall guard, mohm). ValueError with the reason."""
    run_ma, hold_percent, mode, stall, sense_mohm = choice
    if mode not in MODES:
        raise ValueError("UART: the chopper is stealth or spread, not %s" % mode)
    if not 10 <= hold_percent <= 100 or not 0 <= stall <= 255 or not 50 <= sense_mohm <= 500:
        raise ValueError("UART: standstill 10 to 100 %, stall guard 0 to 255, sense resistors 50 to 500 mohm")
    if stall and mode != "stealth":
        raise ValueError("UART: the stall guard of a TMC2209 works with stealth alone")
    fine = scale(run_ma, sense_mohm, FINE_UV) <= 31
    irun = scale(run_ma, sense_mohm, FINE_UV if fine else FULL_UV)
    if not 0 <= irun <= 31:
        raise ValueError("UART: %d mA cannot be set with %d mohm" % (run_ma, sense_mohm))
    ihold = max(0, (irun + 1) * hold_percent // 100 - 1)
    mres = 8
    while microsteps > 1:
        microsteps, mres = microsteps // 2, mres - 1
    return (
        (GCONF, BY_WIRE | BY_REGISTER | FILTERED | (SPREAD if mode == "spread" else 0)),
        (CHOPCONF, CHOPPER | mres << 24 | (FINE_SENSE if fine else 0)),
        (IHOLD_IRUN, 1 << 16 | irun << 8 | ihold),
        (TPOWERDOWN, 20),
        (TCOOLTHRS, 0xF_FFFF if stall else 0),
        (SGTHRS, stall),
        (GSTAT, 7),  # forget what was before
    )


class Wire:
    """The single wire, on a UART. What is sent comes back, before an answer."""

    def __init__(self, uart):
        self._uart = uart

    def _send(self, data):
        data += bytes((crc(data),))
        waiting = self._uart.any()
        if waiting:  # once, for a wire that never keeps quiet; its echo will not be what was sent
            self._uart.read(waiting)
        self._uart.write(data)
        return self._uart.read(len(data)) == data

    def read(self, place):
        """A register's value, None where no right answer came."""
        head = bytes((SYNC, TO_HOST, place))
        answer = self._send(bytes((SYNC, ADDRESS, place))) and self._uart.read(8)
        if not answer or len(answer) < 8 or answer[:3] != head or crc(answer[:7]) != answer[7]:
            return None
        return answer[3] << 24 | answer[4] << 16 | answer[5] << 8 | answer[6]

    def write(self, place, value):
        """Send a register's value; whether it was counted is told by IFCNT."""
        data = (value >> 24 & 0xFF, value >> 16 & 0xFF, value >> 8 & 0xFF, value & 0xFF)
        self._send(bytes((SYNC, ADDRESS, place | WRITE) + data))


def configure(uart, config):
    """Write all of it; whether the driver has counted each."""
    wire, wanted = Wire(uart), registers(config.UART, config.MICROSTEPS)
    before = wire.read(IFCNT)
    if before is None:
        return False
    for place, value in wanted:
        wire.write(place, value)
    after = wire.read(IFCNT)
    return after is not None and (after - before) & 0xFF == len(wanted)


def told(uart, config):
    """(version, DRV_STATUS, SG_RESULT, what is not as configured): None each where the driver does not answer."""
    wire, wanted = Wire(uart), dict(registers(config.UART, config.MICROSTEPS))
    about = wire.read(IOIN)
    if about is None:
        return None, None, None, "silent"
    wrong = [
        name
        for name, place in (("gconf", GCONF), ("chopconf", CHOPCONF))
        if wire.read(place) != wanted[place]
    ]
    if (wire.read(GSTAT) or 0) & 1:
        wrong.append("reset")  # it has lost its supply since it was set
    return about >> 24, wire.read(DRV_STATUS), wire.read(SG_RESULT), ",".join(wrong) or None
