"""What a rig says, taken only where it is understood.

Owns: the kind of every field of an answer and of a refusal, and what happens where a field is not of its kind.
Rules: the kinds are the table's (pumpwire.answers, for a refusal pumpwire.words); a number is plain decimal digits,
with a sign at most, of 64 bits; a field that is not of its kind, or that the table does not know, is taken for
not said; who needs a field that was not said gets a LinkError with the outcome of the request, never a value made up
and never a failure of Python.
Units: by the kinds, as pumpwire.texts.UNITS says.
Leaves: the meaning of a field to pumpwire, damaged lines to pumpwire.codec.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from pumpwire import answers, words

from pumprig.errors import LinkError

NUMBER = re.compile(r"-?[0-9]{1,20}")
LIMIT = 1 << 63
HEX = re.compile(r"[0-9a-f]{0,64}")
FREE = ("text", "base64")


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


@functools.cache
def kinds_of(verb: str) -> dict[str, str]:
    """The kind of every field of a verb's answer."""
    kinds = {name: kind for _name, _times, fields in answers.rows_of(verb) for name, kind in fields}
    return {**kinds, answers.REPEATED: "flag?"}


@functools.cache
def kinds_of_refusals() -> dict[str, str]:
    """The kind of every field that a refusal may have."""
    kinds = {name: kind for name, kind, _text in words.REFUSALS}
    return {**kinds, "code": "int", "name": "text", answers.REPEATED: "flag?"}


def understood(fields: Mapping[str, str], verb: str) -> Fields:
    """The fields of a row of a verb's answer, an empty one for a refusal, without those that are not of their kind."""
    kinds = kinds_of(verb) if verb else kinds_of_refusals()
    return Fields({name: text for name, text in fields.items() if _is(kinds.get(name, ""), text)})


def _is(kind: str, text: str) -> bool:
    bare = kind.rstrip("?")
    if bare in FREE:
        return True
    if bare == "hex":
        return HEX.fullmatch(text) is not None
    if bare == "flag":
        return text in ("0", "1")
    return bool(bare) and NUMBER.fullmatch(text) is not None and -LIMIT <= int(text) < LIMIT
