"""A new rig's first calibration: what a student would find on the balance, put into the firmware over the real
link.

Owns: the value of the first calibration and its document.
Rules: near the truth, not equal to it: the error is drawn from the seed and lies within the stated
uncertainty; nothing but machine lines reaches the firmware.
Units: nL a revolution as a ratio of integers, ppm (k = 2).
Leaves: how a real calibration is made to pumprig.calibration.
"""

from __future__ import annotations

from pumpwire import documents

from rigsim.physics.truth import seeded
from rigsim.wire import Wire, stage_parts

U_PPM = 10_000  # k = 2
ID = 1
_SCALE = 1000


def first_calibration(wire: Wire) -> str:
    """The canonical text of the calibration of this rig's tube."""
    pump = wire.rig.pump
    error = seeded(f"first calibration {pump.truth.seed}").gauss(0, U_PPM / 2_000_000)
    nl_per_rev = pump.head.nl_per_rev * pump.truth.stroke_factor * (1 + error)
    document = {
        "kind": "calibration",
        "id": ID,
        "nl_num": round(nl_per_rev * _SCALE),
        "nl_den": _SCALE,
        "u_ppm": U_PPM,
        "tube": pump.head.name,
        "by": "simulator",
    }
    return documents.canonical(document)


def commit(wire: Wire, text: str, override: int = 0) -> str:
    """Stage and commit a document; returns its hash. Raises wire.Refused."""
    wire.greet()
    wire.call("open")
    answer = None
    for fields in stage_parts(text):
        answer = wire.call("stage", *fields).answer
    assert answer is not None
    wire.call("commit", ("hash", answer["hash"]), ("override", override))
    wire.call("close")
    return answer["hash"]


def commission(wire: Wire) -> None:
    """Calibrate the rig and tell it that its reservoir is full, if it is not calibrated yet."""
    status: dict[str, str] = {}
    exchange = wire.call("status")
    for row in [*exchange.rows, exchange.answer or {}]:
        status.update(row)
    if int(status.get("calibration_id", "0")) == 0:
        commit(wire, first_calibration(wire))
        wire.call("open")
        wire.call("refill", ("volume_nl", int(wire.rig.pump.fluid.reservoir_nl)))
        wire.call("close")
