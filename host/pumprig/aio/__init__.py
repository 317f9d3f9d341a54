"""The same interface for asyncio: `async with pumprig.aio.connect("sim") as rig`.

Owns: the names.
Rules: what Rig, Plan and Dose have, AsyncRig, AsyncPlan and AsyncDose have, under the same names with the same
arguments: what asks the rig is awaited.
Units: as api/rig.py.
Leaves: cancelling to base.py, every verb's meaning to api/.
"""

from pumprig.aio.rig import AsyncRig, Opening, connect
from pumprig.aio.waited import AsyncDose, AsyncPlan, AsyncStagedDocument
from pumprig.api.programs import constant, read_program

__all__ = [
    "AsyncDose",
    "AsyncPlan",
    "AsyncRig",
    "AsyncStagedDocument",
    "Opening",
    "connect",
    "constant",
    "read_program",
]
