"""What a rig says, taken only where it is understood.

Owns: which fields of an answer are numbers, and what happens where one is none, or is not there.
Rules: a field whose name ends in a unit, or is a count, holds plain decimal digits, with a sign at most, and no more
than 20; anything else is taken for not said; who needs a field that was not said gets a LinkError with the outcome of
the request, never a value made up and never a failure of Python.
Units: by the fields' names.
Leaves: the meaning of a field to pumpwire, damaged lines to pumpwire.codec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pumprig.errors import LinkError

NUMBER = re.compile(r"-?[0-9]{1,20}")
ENDS_IN_A_UNIT = re.compile(
    r"_(nl|nl_per_day|steps|us|ms|s|h|ppm|mv|hz|mj_per_ul|num|den|seq|crc|code|next|first|days|torn|erases|percent"
    r"|revolutions|life|id_number|asked|given|step)$"
)
COUNTS = frozenset((
    "protocol", "boot", "number", "first", "late", "alarms", "acked", "angle", "code", "calibration_id", "percent",
    "revolutions", "ramp_held", "mono_us", "magnet", "gain", "keys", "pressure_pa",
))  # fmt: skip


class Fields(dict[str, str]):
    """The understood fields of an answer. Asking for one that is not there raises LinkError with the outcome."""

    def __init__(self, fields: Mapping[str, str] = {}, outcome: str = "not done") -> None:
        super().__init__(fields)
        self.outcome = outcome

    def __missing__(self, name: str) -> str:
        raise LinkError(
            f"The rig's answer has no {name}, or it was not understood.",
            self.outcome,
            "`pumprig doctor` says what answers at that port; `pumprig flash` installs the matching firmware.",
        )


def understood(fields: Mapping[str, str]) -> Fields:
    """The fields of one row without those that cannot be what their name says."""
    return Fields({
        name: text
        for name, text in fields.items()
        if not (name in COUNTS or ENDS_IN_A_UNIT.search(name)) or NUMBER.fullmatch(text)
    })  # fmt: skip
