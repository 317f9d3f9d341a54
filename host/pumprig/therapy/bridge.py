"""The bridge between the program that runs and a new one, computed from what both know.

Owns: `--bridge auto`: its volume and rate.
Rules: plug flow: the stored volume of the line leaves at the rate that gives the new program's dose with the old
fluid, Q = dose / C_old; only for the same drug, whose dose can be kept; real fluid mixes, so its end is an estimate.
Units: nL, nL/day, ng/mL.
Leaves: a bridge that a file states to bridge_table.py, running it to the rig.
"""

from __future__ import annotations

from pumpwire import documents, units

from pumprig.errors import PumpError
from pumprig.therapy.bridge_table import NONE, mean_rate
from pumprig.therapy.program import Program, drugs_of, of_text

NOT_SENT = "Nothing was sent."
BY_HAND = "Say it in the file: `[bridge]` with a volume and a rate, or `none = true`."


def auto(old: Program | None, new: Program) -> Program:
    """The new program with its bridge; as it is where the fluid does not change. Raises PumpError."""
    if old is None or all(old.document[name] == new.document[name] for name in ("drug", "concentration")):
        return new
    before, after = drugs_of(old.document), drugs_of(new.document)
    if not before or not after or before[0].name != after[0].name:
        was, becomes = (drugs[0].name if drugs else "no named drug" for drugs in (before, after))
        raise PumpError(f"From {was} to {becomes} there is no dose to keep.", NOT_SENT, BY_HAND)
    if before[0].concentration_ng_per_ml == after[0].concentration_ng_per_ml:
        return _with(new, NONE)
    volume_nl = int(new.document["catheter_nl"] or old.document["catheter_nl"])
    if not volume_nl:
        raise PumpError("The volume of the line is not known.", NOT_SENT, "State [catheter] in the file.")
    old_c, new_c = before[0].concentration_ng_per_ml, after[0].concentration_ng_per_ml
    rate = (2 * mean_rate(new.document) * new_c + old_c) // (2 * old_c)
    hard = int(new.document["hard_nl_per_day"])
    if not documents.MIN_RATE_NL_PER_DAY <= rate <= hard:
        least, most, needed = (
            units.show(value, "rate") for value in (documents.MIN_RATE_NL_PER_DAY, hard, rate)
        )
        raise PumpError(f"The bridge would need {needed}; allowed: {least} to {most}.", NOT_SENT, BY_HAND)
    return _with(new, ((volume_nl, rate),))


def _with(new: Program, bridge: tuple[tuple[int, int], ...]) -> Program:
    return of_text(documents.canonical({**new.document, "bridge": bridge}))
