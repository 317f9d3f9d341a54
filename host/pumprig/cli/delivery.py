"""`rate`, `bolus`, `demand`, `prime`, `resume`: commands that move fluid.

Owns: these commands.
Rules: each asks or takes --yes; a rate is staged, read back, shown and committed by its hash; quantities carry units.
Callers: the command table.
Units: nL, nL/day, ms on the wire; with units on the command line.
Leaves: numbers and outcomes to client.py, limits to the rig and the command table.
"""

from __future__ import annotations

import click
from pumpwire import documents, spec

from pumprig import quantities
from pumprig.cli.calibrated import warn_of_calibration
from pumprig.cli.connect import changing
from pumprig.cli.review import show_review, warn_of_bolus
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import PumpError, UsageError
from pumprig.rig import refusals
from pumprig.rig.answers import Staged
from pumprig.rig.client import Client
from pumprig.rig.requests import fields_of
from pumprig.rig.status import read_status
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program


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
    with changing(settings) as client:
        value = int(client.read("status").fields["minimum_nl_per_day"]) if asked is None else asked
        old = active(client)
        new = _constant(old, value)
        staged = staged_as(client, new)
        before = read_status(client)
        show_review(settings, old, new, quantities.now_utc_us(), before["reservoir_nl"])
        warn_of_calibration(settings, before, new.document)
        warn_of_bolus(settings, before)
        commit_staged(settings, client, staged.hash, override, yes)
        after = read_status(client)
        if after["therapy"]["hash"] != staged.hash:
            raise PumpError("The rig does not run what was committed.", "", "Look at `pumprig status`.")
    settings.show(f"{after['state']}: {quantities.rate_text(after['rate_nl_per_h'])}, therapy {staged.hash}")
    settings.document(after)


def _constant(old: Program | None, value: int) -> Program:
    """The program of a constant rate. Raises RefusedError where the active limits, which it keeps, are exceeded."""
    if old is not None and value > old.document["hard_nl_per_day"]:
        limit = str(old.document["hard_nl_per_day"])
        fields = {"name": "limit", "code": str(spec.ERRORS["limit"]), "rate_nl_per_day": str(value)}
        raise refusals.refused("rate", {**fields, "limit_nl_per_day": limit})
    return programs.constant(old, value)


def active(client: Client) -> Program | None:
    """The program that the rig runs. Raises PumpError if this tool does not understand it."""
    return _program(client, "text")


def waiting(client: Client) -> Program | None:
    """The program that waits for its time. Raises PumpError if this tool does not understand it."""
    return _program(client, "later")


def _program(client: Client, field: str) -> Program | None:
    text = "".join(row.get(field, "") for row in client.read("program").rows)
    if not text:
        return None
    try:
        return programs.of_text(text)
    except documents.DocumentError as error:
        raise PumpError(f"The rig's program is not understood: {error.args[0]}: {error.args[1]}.") from None


def staged_as(client: Client, new: Program) -> Staged:
    """Stage a program, and see that the rig read back just that. Raises as the client, and PumpError."""
    staged = client.stage(new.text)
    if staged.hash != new.hash:
        client.change("discard")
        raise PumpError(
            f"The rig read back {staged.hash}, not {new.hash}.", "Nothing was committed.", "Try again."
        )
    return staged


def commit_staged(
    settings: Settings, client: Client, digest: str, override: bool, yes: bool, at_utc_s: int = 0
) -> None:
    """Ask, then commit; a no discards what is staged. Raises PumpError, RefusedError."""
    when = f" It begins at {quantities.local_text(at_utc_s * 1_000_000)}." if at_utc_s else ""
    try:
        settings.ask(yes, f"Commit this?{when}")
    except PumpError:
        client.change("discard")
        raise
    client.commit(digest, override, at_utc_s)


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
    with changing(settings) as client:
        settings.ask(yes, f"Deliver a {text}?")
        answer = client.change("bolus", values).fields
    _granted(settings, kind, answer)


@click.command()
@yes_option
def demand(yes: bool) -> None:
    """Ask for a demand bolus, as the request button does."""
    settings = current()
    settings.consent(yes)
    with changing(settings) as client:
        settings.ask(yes, "Ask for a demand bolus?")
        answer = client.change("demand").fields
    _granted(settings, "demand bolus", answer)


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
    with changing(settings) as client:
        settings.ask(yes, f"Prime {told}?")
        answer = client.change("prime", {"volume_nl": volume_nl}).fields
    _granted(settings, "priming", answer)


def _granted(settings: Settings, what: str, answer: dict[str, str]) -> None:
    numbers = {name: int(text) for name, text in answer.items() if text.isdigit()}
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
    with changing(settings) as client:
        settings.ask(yes, f"Resume {read_status(client)['therapy']['name'] or 'nothing'}?")
        client.change("resume")
        after = read_status(client)
    settings.show(f"{after['state']}: {quantities.rate_text(after['rate_nl_per_h'])}")
    settings.document(after)
