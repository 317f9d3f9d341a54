"""The power-on self test.

Owns: which checks run at boot and what each failure is called.
Rules: bounded well under 10 s; a failure leaves the motor off and is reported by name; what is absent by
configuration is not tested.
Units: none.
Leaves: the journal's own replay to journal.py, files' hashes to board.py.
"""

from rig.watch import thresholds


def failures(rig):
    """Names of the checks that fail now, most telling first."""
    failed = []
    if not rig.board.firmware_is_whole():
        failed.append("firmware")
    if rig.dosing.calibration_id and not rig.dosing.quantum:
        failed.append("calibration")
    if rig.board.buttons():
        failed.append("buttons")
    if rig.board.angle() is None:
        failed.append("encoder")
    if rig.board.pressure_pa() is None and rig.board.pressure_pa() is None:
        failed.append("pressure")
    if rig.board.supply_mv() < thresholds.SUPPLY_STOP_MV:
        failed.append("supply")
    elif not rig.board.set_driver():
        failed.append("driver")
    if not rig.board.clock_is_right:
        failed.append("clock")
    return failed
