"""`rate`, `bolus`, `demand`, `prime`, `resume`: commands that move fluid.

Owns: these commands.
Rules: each asks or takes --yes; a rate is staged, read back, shown and committed by its hash; quantities carry units.
Units: nL, nL/day, ms on the wire; with units on the command line.
Leaves: numbers and outcomes to the interface, limits to the rig and the command table.
"""

from __future__ import annotations

import click

from pumprig import quantities
from pumprig.api.dose import Dose
from pumprig.api.plan import Plan
from pumprig.api.programs import Constant
from pumprig.cli.review import show_plan
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import PumpError, UsageError
from pumprig.rig.requests import fields_of
from pumprig.rig.status import Status


def quantity(words: tuple[str, ...], kind: str, what: str) -> int:
    """The words of a quantity, which a shell has split. Raises UsageError."""
    if len(words) > 2:
        quoted = 'An option\'s quantity goes in quotes: --removed "2.1 ml", --over "10 min".'
        raise UsageError(f"{what}: '{' '.join(words)}' is more than a quantity.", "Nothing was sent.", quoted)
    return quantities.parse(" ".join(words), kind, what)


@click.command()
@click.argument("rate", nargs=-1, required=True)
@click.option("--override", is_flag=True, help="Go beyond the soft limit; it is logged.")
@yes_option
def rate(rate: tuple[str, ...], override: bool, yes: bool) -> None:
    """Constant therapy at RATE, for example `20 ul/h`: stage, review, commit, read back.

    Only the base flow changes: the active program's boluses, limits and all else go on, a bolus under way too.
    RATE may be `minimum`, the lowest rate at which the modelled implant is kept running.
    """
    settings = current()
    asked = None if rate == ("minimum",) else quantity(rate, "rate", "the rate")
    if asked == 0:
        raise UsageError(
            "A rate of nothing is no therapy.",
            "Nothing was sent.",
            "`pumprig stop` stops the pump; `pumprig dispense VOLUME` gives one dose from a standing pump.",
        )
    if asked is not None:
        fields_of("rate", {"rate_nl_per_day": asked})
    settings.consent(yes)
    with settings.changing() as rig:
        plan = rig.propose(Constant(asked))
        show_plan(settings, plan)
        after = commit(settings, plan, override, yes).document()
    settings.show(f"{after['state']}: {quantities.rate_text(after['rate_nl_per_h'])}, therapy {plan.hash}")
    settings.document(after)


def commit(settings: Settings, plan: Plan, override: bool, yes: bool) -> Status:
    """Ask, then commit; a no discards what is staged. Raises PumpError, RefusedError."""
    at = plan.at_utc_s
    when = f" It begins at {quantities.local_text(at * 1_000_000)}." if at else ""
    try:
        settings.ask(yes, f"Commit this?{when}")
    except PumpError:
        plan.discard()
        raise
    return plan.commit(override)


@click.command()
@click.argument("volume", nargs=-1, required=True)
@click.option("--over", default="1 min", show_default=True, help="Its duration.")
@click.option("--spread", is_flag=True, help="A spread bolus, which a demand bolus may interrupt.")
@yes_option
def bolus(volume: tuple[str, ...], over: str, spread: bool, yes: bool) -> None:
    """Deliver one bolus of VOLUME, for example `50 ul`, on top of the basal rate."""
    settings = current()
    volume_nl = quantity(volume, "volume", "the volume")
    over_ms = quantities.parse(over, "time", "--over")
    values: dict[str, int | str | None] = {
        "volume_nl": volume_nl,
        "over_ms": over_ms,
        "spread": 1 if spread else 0,
    }
    fields_of("bolus", values)
    settings.consent(yes)
    kind = "spread bolus" if spread else "bolus"
    text = f"{kind} {quantities.volume_text(volume_nl)} over {quantities.duration_text(over_ms)}"
    with settings.changing() as rig:
        settings.ask(yes, f"Deliver a {text}?")
        dose = rig.bolus(volume_nl=volume_nl, over_s=over_ms / 1000, spread=spread)
    _granted(settings, kind, dose)


@click.command()
@yes_option
def demand(yes: bool) -> None:
    """Ask for a demand bolus, as the request button does."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, "Ask for a demand bolus?")
        dose = rig.demand()
    _granted(settings, "demand bolus", dose)


@click.command()
@click.argument("volume", nargs=-1)
@yes_option
def prime(volume: tuple[str, ...], yes: bool) -> None:
    """Fill the line with VOLUME; without it, with the stored catheter volume. Only from stopped."""
    settings = current()
    volume_nl = quantity(volume, "volume", "the volume") if volume else 0
    if volume and not volume_nl:
        raise UsageError(
            "A priming of nothing.", "Nothing was sent.", "Without a volume, the catheter's is primed."
        )
    fields_of("prime", {"volume_nl": volume_nl})
    settings.consent(yes)
    told = quantities.volume_text(volume_nl) if volume_nl else "the stored catheter volume"
    with settings.changing() as rig:
        settings.ask(yes, f"Prime {told}?")
        dose = rig.prime(volume_nl=volume_nl or None)
    _granted(settings, "priming", dose)


def _granted(settings: Settings, what: str, dose: Dose) -> None:
    numbers = dose.answer
    volume = quantities.volume_text(numbers["requested_nl"]) if "requested_nl" in numbers else ""
    settings.show(
        f"{what} begun: {volume} ({numbers.get('requested_steps', '?')} steps)" if volume else f"{what} begun"
    )
    settings.document({"begun": what, **numbers})


@click.command()
@yes_option
def resume(yes: bool) -> None:
    """Run the active therapy again after a stop."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, f"Resume {rig.status().therapy.name or 'nothing'}?")
        after = rig.resume().document()
    settings.show(f"{after['state']}: {quantities.rate_text(after['rate_nl_per_h'])}")
    settings.document(after)
