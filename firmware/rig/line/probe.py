"""What is wired to the board, as the rows of `probe`: for a new rig, and for the search of a fault.

Owns: the scan of the I2C bus, and the encoder's registers besides its angle.
Rules: reads only; sixteen addresses a row, so that a row fits a tick; a part that does not answer is left out. The
pressure is the one measured at the last reading: who wants the present one asks twice. A module on loan (rig.lend).
Units: counts as the chip has them, Pa, mV.
Leaves: what a reading means to the host's doctor/.

AS5600, data sheet, register map: 0x0B status (bit 5 magnet found, 4 too weak, 3 too strong), 0x0C raw angle, 0x1A gain
(0 to 128 at 3.3 V).
"""

import sys

from pumpwire.answers import row, told

from rig import lend

FIRST, END, AT_ONCE = 0x08, 0x78, 16
ENCODER = 0x36  # as in board.py, which is not loaded where there is no chip


def rows(board):
    """The rows of `probe`."""
    config = sys.modules.get("rig.board.config")  # on a bare VM there is none
    driver = None
    for first in range(FIRST, END, AT_ONCE):
        if first + AT_ONCE >= END and config is not None and config.UART is not None:
            driver = lend.get("rig.board.tmc2209")  # in a tick of its own
        found = [str(address) for address in range(first, first + AT_ONCE) if _answers(board.bus, address)]
        yield told(row("probe", "bus"), (",".join(found) or None,))
    if driver is not None:
        yield told(row("probe", "driver"), driver.told(board.uart, config))
    magnet, gain, angle = _encoder(board.bus)
    keys, pressure_pa, supply_mv = board.buttons(), board.pressure_pa(), board.supply_mv()
    yield told(row("probe"), (magnet, gain, angle, keys, pressure_pa, supply_mv, _made(config)))


def _made(config):
    """Driver, motor, microsteps and steps of a revolution, as configured; on a bare VM nothing is."""
    if config is None:
        return "none,none,16,3200"
    turn_steps = config.steps_num // config.steps_den
    return "%s,%s,%d,%d" % (config.DRIVER, config.MOTOR, config.MICROSTEPS, turn_steps)


def _answers(bus, address):
    try:
        bus.writeto(address, b"")
    except OSError:
        return False
    return True


def _encoder(bus):
    """Status, gain and raw angle; None each where it does not answer."""
    try:
        status = bus.readfrom_mem(ENCODER, 0x0B, 3)
        gain = bus.readfrom_mem(ENCODER, 0x1A, 1)
    except OSError:
        return (None,) * 3
    return status[0] & 0x38, gain[0], (status[1] << 8 | status[2]) & 0xFFF
