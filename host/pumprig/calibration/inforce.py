"""What the calibration in force is worth, in words: weighed, a guess, or of another computer; its U and its age.

Owns: how a rig's calibration is named wherever it is told of.
Rules: a guess is called one, never by a bare number; an age that is not known is said to be not known.
Units: U in % of the volume, k = 2; instants aware, in UTC.
Leaves: the record of a weighing to register.py, since when it is in force to store/known.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pumprig import quantities
from pumprig.calibration import register

GUESS_U_PCT = 10.0  # no weighing is as bad; `calibrate nominal` says 20
DAY_S = 86_400


@dataclass(frozen=True)
class InForce:
    """`kind`: weighed (on this computer), guess, other (made elsewhere), none."""

    id: int | None
    kind: str
    u_pct: float | None
    made_at: datetime | None
    since: datetime | None
    tube: str = ""

    def told(self, now: datetime) -> str:
        """In one line for a person."""
        if self.kind == "none":
            return "none: nothing can be delivered"
        u = "U not known" if self.u_pct is None else f"U {self.u_pct:.2g} % (k = 2)"
        since = f"in force for {_age(now, self.since)}" if self.since else "age not known"
        if self.kind == "guess":
            return f"nominal, a guess: {u}, {since}; weigh before you believe a volume"
        if self.kind == "weighed" and self.made_at:
            made = f"weighed {self.made_at:%Y-%m-%d} ({_age(now, self.made_at)} old)"
            return f"{self.id}: {u}, {made}" + (f", tube {self.tube}" if self.tube else "")
        return f"{self.id}: {u}, {since}, not weighed on this computer"

    def document(self) -> dict[str, object]:
        """As JSON."""
        made, since = (
            quantities.iso(quantities.to_utc_us(at)) if at else None for at in (self.made_at, self.since)
        )
        return {"kind": self.kind, "made_at": made, "in_force_since": since}


def in_force(calibration_id: int | None, u_ppm: int | None, since_utc_us: int | None = None) -> InForce:
    """What a rig's calibration is. u_ppm: as the rig says it; since: as far as this computer knows."""
    since = quantities.moment(since_utc_us)
    if not calibration_id:
        return InForce(None, "none", None, None, None)
    u_pct = None if u_ppm is None else u_ppm / 10_000
    try:
        content = register.load(calibration_id).content
    except register.RegisterError:
        kind = "guess" if u_pct is not None and u_pct >= GUESS_U_PCT else "other"
        return InForce(calibration_id, kind, u_pct, None, since)
    made = datetime.fromisoformat(content["made_at"])
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    return InForce(calibration_id, "weighed", u_pct, made, since, str(content.get("tube", "")))


def _age(now: datetime, then: datetime) -> str:
    seconds = max(0.0, (now - then).total_seconds())
    if seconds < DAY_S:
        return quantities.duration_text(1000 * seconds)
    return f"{seconds / DAY_S:.0f} d"
