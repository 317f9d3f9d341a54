"""What every command that reads the stored log needs: which device, which time, whether the store can be believed.

Owns: these options, and the refusal to compute from a store with a fault.
Rules: nothing is computed from a log that does not verify, unless --anyway says so, and then it is said first.
Units: instants as ISO 8601 or ages.
Leaves: the verdict to store/verify.py.
"""

from __future__ import annotations

import click

from pumprig import quantities
from pumprig.cli.settings import Settings
from pumprig.errors import PumpError, UsageError
from pumprig.store import Store
from pumprig.store.anyway import read_whole_alone
from pumprig.store.believed import verdict_of
from pumprig.store.verify import Verdict
from pumprig.terminal import painted

MOST_NAMED = 5

device_option = click.option("--device", metavar="ID", help="A device's id, where the store holds several.")
from_option = click.option("--from", "from_", metavar="TIME", help="ISO 8601, or how long ago: `2 d`.")
to_option = click.option("--to", metavar="TIME", help="ISO 8601, or how long ago: `2 d`.")
anyway_option = click.option("--anyway", is_flag=True, help="Go on although the store has a fault.")


def device_of(store: Store, chosen: str | None) -> str:
    """The device that is meant. Raises UsageError where that is not clear."""
    known = store.devices()
    if chosen or not known:
        known = [*known, *store.without_row()]
    if chosen:
        fitting = [device for device in known if device.startswith(chosen)]
        if len(fitting) == 1:
            return fitting[0]
        raise UsageError(
            f"No one device in the store begins with '{chosen}'.",
            "",
            "Stored: " + (", ".join(known) or "none"),
        )
    if len(known) == 1:
        return known[0]
    if not known:
        raise PumpError(
            f"The store {store.path} is empty.", "Nothing was read.", "`pumprig log pull` fills it."
        )
    raise UsageError(
        "The store holds several devices.", "Nothing was read.", "Name one: --device " + ", ".join(known)
    )


def span_of(from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    """The two options as microseconds UTC. Raises UsageError."""
    now_us = quantities.now_utc_us()
    first = quantities.parse_instant(from_, "--from", now_us) if from_ else None
    last = quantities.parse_instant(to, "--to", now_us) if to else None
    if first is not None and last is not None and first >= last:
        raise UsageError("--from is not before --to.", "Nothing was read.")
    return first, last


class VerifyError(PumpError):
    """The store is not what the rig sealed and this computer kept; `details()` are the findings."""

    def __init__(self, verdict: Verdict, not_done: str, next_step: str, most: int = MOST_NAMED) -> None:
        super().__init__(summary(verdict), not_done, next_step)
        self._verdict = verdict
        self._most = most

    def lines(self) -> list[str]:
        return [str(self), *named(self._verdict, self._most)]

    def details(self) -> dict[str, object]:
        return self._verdict.document()


def summary(verdict: Verdict) -> str:
    """The verdict in one line."""
    told = f"{verdict.count} records, {verdict.first} to {verdict.last}"
    if verdict.ok:
        return (
            f"{told}: every seal, every link of the chain and every hash is right (digest {verdict.digest})"
        )
    return f"{told}: {len(verdict.faults)} {'fault' if len(verdict.faults) == 1 else 'faults'} in the store."


def named(verdict: Verdict, most: int = MOST_NAMED) -> list[str]:
    """The first faults, a line each."""
    lines = [
        f"record {where}: {what}" if isinstance(where, int) else f"{where}: {what}"
        for where, what in verdict.faults[:most]
    ]
    if len(verdict.faults) > most:
        lines.append(f"and {len(verdict.faults) - most} more; `pumprig log verify` names them")
    return lines


def believed(settings: Settings, store: Store, device_id: str, anyway: bool) -> Verdict:
    """The store's verdict, before anything is computed from it. Raises VerifyError unless `anyway`.

    Then what follows is computed from the records whose own seal is right.
    """
    verdict = verdict_of(store, device_id)
    if verdict.ok:
        return verdict
    if not anyway:
        raise VerifyError(
            verdict, "Nothing was computed.", "--anyway goes on; the rig's own log is the original."
        )
    settings.say(painted("warning:", fg="yellow"), f" {summary(verdict)}")
    for line in named(verdict):
        settings.say(f"  {line}")
    left_out = read_whole_alone(store, device_id)
    if left_out:
        settings.say(f"  damaged records are left out of what follows: {left_out}")
    return verdict
