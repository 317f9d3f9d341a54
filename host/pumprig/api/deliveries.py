"""Single doses, and the stop.

Owns: bolus, demand, prime, dispense, a calibration's delivery, stop.
Rules: a quantity is text with its unit, or a number under a name that ends in its unit; a request that the table of
limits refuses is never sent; a stop asks for nothing, and overtakes everything.
Units: nL, seconds, nL/h as the names say.
Leaves: following a dose to dose.py, limits to rig/requests.py and the rig.
"""

from __future__ import annotations

from concurrent.futures import Future

from pumprig.api.base import needed, quantity, whole_numbers
from pumprig.api.dose import Dose
from pumprig.api.holding import Holding
from pumprig.api.therapy import Therapies
from pumprig.errors import UsageError
from pumprig.rig.answers import Answer
from pumprig.rig.requests import fields_of
from pumprig.rig.stopped import Stopped

MS = 1_000


class Deliveries(Therapies):
    """Single doses."""

    def bolus(
        self,
        volume: str | None = None,
        *,
        over: str | None = None,
        spread: bool = False,
        volume_nl: int | None = None,
        over_s: float | None = None,
    ) -> Dose:
        """Deliver one bolus on top of the base rate, over 1 min unless said otherwise.

        spread: one that a demand bolus may interrupt. Returns at once; `wait` follows it. Raises RefusedError,
        LinkError.
        """
        nl = needed(quantity(volume, volume_nl, 1, "volume", "the volume"), "The volume", '"50 ul"')
        over_ms = quantity(over, over_s, MS, "time", "over")
        values: dict[str, int | str | None] = {
            "volume_nl": nl,
            "over_ms": 60_000 if over_ms is None else over_ms,
            "spread": 1 if spread else 0,
        }
        return self._dose("spread" if spread else "single", "bolus", values)

    def demand(self) -> Dose:
        """Ask for a demand bolus, as the request button does. Raises RefusedError with when it would be allowed."""
        return self._dose("demand", "demand", {})

    def prime(self, volume: str | None = None, *, volume_nl: int | None = None) -> Dose:
        """Fill the line with a volume, without one with the catheter's. Only from stopped. Raises RefusedError."""
        nl = quantity(volume, volume_nl, 1, "volume", "the volume")
        if nl == 0:
            raise UsageError(
                "A priming of nothing.", "Nothing was sent.", "Without a volume, the catheter's is primed."
            )
        return self._dose("prime", "prime", {"volume_nl": nl or 0})

    def dispense(
        self,
        volume: str | None = None,
        *,
        over: str | None = None,
        rate: str | None = None,
        volume_nl: int | None = None,
        over_s: float | None = None,
        rate_nl_per_h: float | None = None,
    ) -> Dose:
        """Deliver one dose from a standing pump, which then stands again; over 1 min unless said otherwise.

        Limits, cap and reservoir hold as for a bolus; a loaded program stays loaded and stopped. Raises RefusedError,
        LinkError.
        """
        nl = needed(quantity(volume, volume_nl, 1, "volume", "the volume"), "The volume", '"1 ml"')
        over_ms = quantity(over, over_s, MS, "time", "over")
        per_day = quantity(rate, rate_nl_per_h, 24, "rate", "the rate")
        if over_ms is not None and per_day is not None:
            raise UsageError("A dose takes a time or a rate, not both.", "Nothing was sent.")
        if over_ms == 0:
            raise UsageError("A dose over no time.", "Nothing was sent.", "The shortest takes 1 s.")
        if per_day == 0:
            raise UsageError("A dose at no rate would never end.", "Nothing was sent.")
        values: dict[str, int | str | None] = {"volume_nl": nl}
        if per_day is not None:
            values["rate_nl_per_day"] = per_day
        else:
            values["over_ms"] = 60_000 if over_ms is None else over_ms
        return self._dose("single", "dispense", values)

    def deliver_for_calibration(self, *, rate_nl_per_h: float, volume_nl: int) -> dict[str, int]:
        """A weighing's delivery: kind `calibration`, never therapy; the rig stops by itself at its end."""
        values: dict[str, int | str | None] = {
            "rate_nl_per_day": round(24 * rate_nl_per_h),
            "volume_nl": volume_nl,
        }
        fields_of("calibrate", values)
        return whole_numbers(self._change_one("calibrate", values))

    def stop(self) -> Stopped:
        """Stop the pump now: the line leaves at once, past whatever other threads are doing; then it is confirmed.

        Needs no session and asks nothing; the program stays loaded. Raises LinkError if nothing confirms it.
        """
        return stopped_of(self._worker.stop())

    def begin_stop(self) -> Future[Answer]:
        """Write the stop now, and return at once with its confirmation to come."""
        return self._worker.begin_stop()

    def _dose(self, kind: str, verb: str, values: dict[str, int | str | None]) -> Dose:
        fields_of(verb, values)  # before anything is sent

        def work(held: Holding) -> Dose:
            after = int(held.client.read("status").fields["log_next"]) - 1
            answer = whole_numbers(held.client.change(verb, values).fields)
            return Dose(self, kind, verb, held.client.accepted_seq, after, answer)

        return self._change(work)


def stopped_of(answer: Answer) -> Stopped:
    """What the rig said of a stop."""
    return Stopped.of(answer.fields)
