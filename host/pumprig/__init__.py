"""The host tool of the pump rig, and its public Python interface.

Nothing is imported before it is used: `import pumprig` is quick, and loads no numerical library.
"""

from importlib import import_module

TYPE_CHECKING = False  # typing itself would take longer to import than all of this

if TYPE_CHECKING:
    from typing import Any

    from pumprig import aio as aio
    from pumprig.api.dose import Dose as Dose
    from pumprig.api.dose import Progress as Progress
    from pumprig.api.plan import Plan as Plan
    from pumprig.api.programs import Constant as Constant
    from pumprig.api.programs import constant as constant
    from pumprig.api.programs import read_program as read_program
    from pumprig.api.reading import Event as Event
    from pumprig.api.reading import Reading as Reading
    from pumprig.api.rehearsal import Rehearsal as Rehearsal
    from pumprig.api.rehearsal import rehearse as rehearse
    from pumprig.api.rig import Rig as Rig
    from pumprig.api.rig import connect as connect
    from pumprig.api.upkeep import Calibration as Calibration
    from pumprig.api.upkeep import Refilled as Refilled
    from pumprig.api.upkeep import calibrations as calibrations
    from pumprig.errors import InputFileError as InputFileError
    from pumprig.errors import LinkError as LinkError
    from pumprig.errors import PumpError as PumpError
    from pumprig.errors import RefusedError as RefusedError
    from pumprig.errors import StoreError as StoreError
    from pumprig.errors import UsageError as UsageError
    from pumprig.rig.pull import Pulled as Pulled
    from pumprig.rig.status import Alarm as Alarm
    from pumprig.rig.status import Status as Status
    from pumprig.rig.stopped import Cancelled as Cancelled
    from pumprig.rig.stopped import Stopped as Stopped
    from pumprig.therapy.program import Program as Program
    from pumprig.therapy.review import Difference as Difference

__version__ = "0.1.0"

# name: (module, its name there)
_NAMES = {
    "Alarm": ("rig.status", "Alarm"),
    "Calibration": ("api.upkeep", "Calibration"),
    "Cancelled": ("rig.stopped", "Cancelled"),
    "Constant": ("api.programs", "Constant"),
    "Difference": ("therapy.review", "Difference"),
    "Dose": ("api.dose", "Dose"),
    "Event": ("api.reading", "Event"),
    "InputFileError": ("errors", "InputFileError"),
    "LinkError": ("errors", "LinkError"),
    "Plan": ("api.plan", "Plan"),
    "Program": ("therapy.program", "Program"),
    "Progress": ("api.dose", "Progress"),
    "Pulled": ("rig.pull", "Pulled"),
    "PumpError": ("errors", "PumpError"),
    "Reading": ("api.reading", "Reading"),
    "Refilled": ("api.upkeep", "Refilled"),
    "RefusedError": ("errors", "RefusedError"),
    "Rehearsal": ("api.rehearsal", "Rehearsal"),
    "Rig": ("api.rig", "Rig"),
    "Status": ("rig.status", "Status"),
    "Stopped": ("rig.stopped", "Stopped"),
    "StoreError": ("errors", "StoreError"),
    "UsageError": ("errors", "UsageError"),
    "calibrations": ("api.upkeep", "calibrations"),
    "connect": ("api.rig", "connect"),
    "constant": ("api.programs", "constant"),
    "read_program": ("api.programs", "read_program"),
    "rehearse": ("api.rehearsal", "rehearse"),
}

__all__ = [
    "Alarm",
    "Calibration",
    "Cancelled",
    "Constant",
    "Difference",
    "Dose",
    "Event",
    "InputFileError",
    "LinkError",
    "Plan",
    "Program",
    "Progress",
    "Pulled",
    "PumpError",
    "Reading",
    "Refilled",
    "RefusedError",
    "Rehearsal",
    "Rig",
    "Status",
    "Stopped",
    "StoreError",
    "UsageError",
    "aio",
    "calibrations",
    "connect",
    "constant",
    "read_program",
    "rehearse",
]


def __getattr__(name: str) -> "Any":
    """A public name, imported when it is first used."""
    if name == "aio":
        return import_module("pumprig.aio")
    if name not in _NAMES:
        raise AttributeError(f"module 'pumprig' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    value = getattr(import_module("pumprig." + module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
