"""The pump head's geometry, and the volume that leaves it as a function of the rotor's angle.

Owns: tube, track and roller dimensions (data/pumphead.toml), what follows from them, and displacement_nl.
Rules: pure and deterministic; one source for the simulator, the printed parts and the docs; the volume of a
whole revolution is nl_per_rev exactly; all cost is paid when a head is built, a reading is one table look-up.
Units: mm, radians (forward is positive, theta is not wrapped), nL (1 mm3 = 1000 nL), Pa.
Leaves: pressure, compliance, ageing and stall to the simulated pump; solids to hardware/cad.

The model looks at the outlet, not at each roller (after McIntyre et al., arXiv 2011.13167): the sealing
roller sweeps lumen area x centreline radius x angle, and each roller that leaves the track gives its own
volume back to the tube, taking it from the outlet. The roller's own volume is integrated over the gap between
roller and track; a squeezed tube keeps its perimeter: at lumen height b a stadium of A0 (1 - (1 - b/d)^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any

_TABLE_PER_REV = 720  # cells of the periodic table; a multiple of 3 and of 4 rollers
_CELLS_PER_RAD = _TABLE_PER_REV / (2 * math.pi)
_FOOTPRINT_STEPS = 200  # integration steps over a roller's footprint
DEFAULT_HEAD = "r3"
CLOSED_AT = 0.137  # of the two walls squeezed: from there on nothing of the lumen is open
OPEN_PER_SQUEEZE = 3.96  # share of the lumen that is open for each share of the walls that is missing to it
WATER_PA_S = 1.0e-3
_Cubic = tuple[float, float, float, float]  # c0 + c1 x + c2 x^2 + c3 x^3 over one cell, x from 0 to 1


class HeadError(ValueError):
    """A head that cannot be built: which dimension, its value and what it would have to be."""


@dataclass(frozen=True)
class PumpHead:
    """One head with its tube; `load_head` makes it from pumphead.toml, `dataclasses.replace` a changed one.

    Raises HeadError for rollers that touch each other, a tube that is not closed, an arc on which no roller
    seals for a moment, or one that leaves the tube no way in and out.
    """

    name: str
    inner_diameter_mm: float
    wall_mm: float
    rollers: int
    roller_diameter_mm: float
    roller_width_mm: float
    centreline_radius_mm: float
    occlusion: float
    seal_deg: float
    entry_ramp_deg: float
    exit_ramp_deg: float
    ramp_lift_mm: float
    pocket_loss_per_kpa: float
    roller_factor: tuple[float, ...]
    _returned: tuple[_Cubic, ...] = field(init=False, repr=False, compare=False)
    _footprint: tuple[tuple[float, float], ...] = field(init=False, repr=False, compare=False)
    _roller_nl: float = field(init=False, repr=False, compare=False)
    _swept_nl_per_rad: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _refuse_impossible(self)
        object.__setattr__(self, "_swept_nl_per_rad", self.lumen_mm2 * self.centreline_radius_mm * 1000)
        object.__setattr__(self, "_footprint", self._footprint_heights())
        object.__setattr__(self, "_roller_nl", self._own_volume_nl(0.0))
        if self.seal_deg < 360.0 / self.rollers + self.footprint_deg / 2:
            raise HeadError(f"{self.name}: seal_deg {self.seal_deg} leaves a moment when no roller seals")
        object.__setattr__(self, "_returned", self._returned_table())

    @property
    def lumen_mm2(self) -> float:
        """Area of the free tube's lumen."""
        return math.pi * self.inner_diameter_mm**2 / 4

    @property
    def outer_diameter_mm(self) -> float:
        """Outside diameter of the free tube."""
        return self.inner_diameter_mm + 2 * self.wall_mm

    @property
    def track_radius_mm(self) -> float:
        """Radius of the track's surface in the sealing arc."""
        return self.centreline_radius_mm + self.outer_diameter_mm / 2

    @property
    def gap_mm(self) -> float:
        """Smallest distance between a roller and the sealing track."""
        return 2 * self.wall_mm * (1 - self.occlusion)

    def leak_nl_per_pa_s(self, gap_error_mm: float) -> float:
        """Back through what a roller leaves open of the tube, by pressure alone; 0 where the tube is closed.

        At a gap of 1.548 mm some 0.145 of the lumen of a 0.51 x 2.23 mm tube is open, at 1.485 mm nothing (a
        plane-strain model, tests/tube_model.py): a share that falls straight with the gap over two walls. What
        is open is two equal corners, each taken for a round channel under the roller (Hagen-Poiseuille, water).
        """
        squeezed = 1 - (self.gap_mm + gap_error_mm) / (2 * self.wall_mm)
        share = min(1.0, max(0.0, (CLOSED_AT - squeezed) * OPEN_PER_SQUEEZE))
        corner_mm2 = self.lumen_mm2 * share / 2
        length_mm = math.radians(self.footprint_deg) * self.track_radius_mm
        per_corner = corner_mm2**2 / (8 * math.pi * WATER_PA_S * length_mm)  # mm3 / (Pa s)
        return 2 * per_corner * 1000

    @property
    def roller_centre_radius_mm(self) -> float:
        """Radius of the circle on which the rollers' axles lie."""
        return self.track_radius_mm - self.gap_mm - self.roller_diameter_mm / 2

    @property
    def footprint_deg(self) -> float:
        """Rotor angle over which one roller squeezes the tube in the sealing arc, both sides together."""
        low, high = 0.0, self._contact_limit_rad()
        for _ in range(40):
            middle = (low + high) / 2
            if self.track_radius_mm - self._roller_reach_mm(middle) < self.outer_diameter_mm:
                low = middle
            else:
                high = middle
        return 2 * math.degrees(low)

    @property
    def arc_deg(self) -> float:
        """The whole track: entry ramp, seal and exit ramp."""
        return self.entry_ramp_deg + self.seal_deg + self.exit_ramp_deg

    @property
    def ceiling_nl_per_rev(self) -> float:
        """Lumen area times the centreline's length: the volume without the rollers' own."""
        return self.swept_nl_per_rad * 2 * math.pi

    @property
    def swept_nl_per_rad(self) -> float:
        """What the sealing roller pushes ahead of it per radian."""
        return self._swept_nl_per_rad

    @property
    def roller_nl(self) -> float:
        """Lumen volume that one roller takes away while it squeezes the tube on the sealing arc."""
        return self._roller_nl

    @property
    def nl_per_rev(self) -> float:
        """Displacement of one revolution without back-pressure."""
        return self.ceiling_nl_per_rev - self.rollers * self.roller_nl

    @property
    def roller_period_rad(self) -> float:
        """Rotor angle between two rollers: the pulsation's period."""
        return 2 * math.pi / self.rollers

    def track_lift_mm(self, phi_rad: float) -> float:
        """How far the track at `phi_rad` (0: the seal's middle, + to the exit) lies outside the seal."""
        phi_rad = math.remainder(phi_rad, 2 * math.pi)
        beyond = abs(phi_rad) - math.radians(self.seal_deg) / 2
        if beyond <= 0:
            return 0.0
        ramp = math.radians(self.exit_ramp_deg if phi_rad > 0 else self.entry_ramp_deg)
        if beyond >= ramp:
            return self.ramp_lift_mm
        return self.ramp_lift_mm * (1 - math.cos(math.pi * beyond / ramp)) / 2

    def pocket_nl(self, back_pressure_pa: float) -> float:
        """What a pocket between two rollers takes from the outlet as it opens against `back_pressure_pa`."""
        return self.pocket_loss_per_kpa * back_pressure_pa / 1000 * self.nl_per_rev / self.rollers

    def displacement_nl(self, theta_rad: float, back_pressure_pa: float = 0.0) -> float:
        """Volume that has left the outlet with the rotor at `theta_rad`; 0 at 0; may fall for a moment."""
        returned_each = self._roller_nl + (self.pocket_nl(back_pressure_pa) if back_pressure_pa else 0.0)
        return self._swept_nl_per_rad * theta_rad - returned_each * self._returned_count(theta_rad)

    def slope_nl_per_rad(self, theta_rad: float, back_pressure_pa: float = 0.0) -> float:
        """The derivative of `displacement_nl`: times the angular speed the flow; negative is backflow."""
        returned_each = self._roller_nl + self.pocket_nl(back_pressure_pa)
        cells = theta_rad * _CELLS_PER_RAD
        index = math.floor(cells)
        x = cells - index
        _, c1, c2, c3 = self._returned[index % _TABLE_PER_REV]
        per_cell = self.rollers / _TABLE_PER_REV + c1 + x * (2 * c2 + x * 3 * c3)
        return self.swept_nl_per_rad - returned_each * per_cell * _CELLS_PER_RAD

    def _returned_count(self, theta_rad: float) -> float:
        """Rollers that have left the track since angle 0, a fraction for one that is leaving."""
        cells = theta_rad * _CELLS_PER_RAD
        index = math.floor(cells)
        x = cells - index
        c0, c1, c2, c3 = self._returned[index % _TABLE_PER_REV]
        return self.rollers / _TABLE_PER_REV * cells + c0 + x * (c1 + x * (c2 + x * c3))

    def _returned_table(self) -> tuple[_Cubic, ...]:
        """The periodic part of `_returned_count` over one revolution, 0 at angle 0: a cubic for each cell."""
        step_deg = 360.0 / _TABLE_PER_REV
        start_deg = -self.seal_deg / 2  # one roller stands at the middle of the arc at angle 0
        whole = self._roller_nl
        own: list[float] = []
        while not own or own[-1] > 0:
            own.append(self._own_volume_nl(math.radians(len(own) * step_deg)))

        def share(angle_deg: float) -> float:
            """Share of its volume that a roller at `angle_deg` from the arc's middle has given back."""
            steps = round(angle_deg / step_deg)
            if steps <= 0:
                return 0.0
            return 1 - own[steps] / whole if steps < len(own) else 1.0

        def count(theta_deg: float) -> float:
            total = 0.0
            for k in range(self.rollers):
                turns, position = divmod(theta_deg + k * 360.0 / self.rollers - start_deg, 360.0)
                total += self.roller_factor[k] * (turns + share(position + start_deg))
            return total

        values = [count(k * step_deg) - self.rollers * k / _TABLE_PER_REV for k in range(_TABLE_PER_REV)]
        return _periodic_cubics([value - values[0] for value in values], self.rollers / _TABLE_PER_REV)

    def _own_volume_nl(self, position_rad: float) -> float:
        """Lumen volume that a roller at `position_rad` from the seal's middle takes away (midpoint rule)."""
        half = self._footprint[-1][0]
        if 0 < position_rad < math.radians(self.seal_deg) / 2 - half:
            return self._roller_nl
        closed_share = 0.0
        free_mm, seal_rad = self.inner_diameter_mm, math.radians(self.seal_deg) / 2
        for offset, height in self._footprint:
            if height >= free_mm:
                continue
            phi_rad = position_rad + offset
            lifted = height if abs(phi_rad) <= seal_rad else height + self.track_lift_mm(phi_rad)
            flat = 1 - lifted / free_mm if lifted > 0.0 else 1.0
            if flat > 0:
                closed_share += flat * flat
        width = self._footprint[1][0] - self._footprint[0][0]
        return closed_share * width * self.swept_nl_per_rad

    def _footprint_heights(self) -> tuple[tuple[float, float], ...]:
        """Angle from the axle and height left for the lumen (negative: over-closed), across the footprint."""
        width = math.radians(self.footprint_deg) / _FOOTPRINT_STEPS
        offsets = [(k + 0.5 - _FOOTPRINT_STEPS / 2) * width for k in range(_FOOTPRINT_STEPS)]
        free = self.track_radius_mm - 2 * self.wall_mm
        return tuple((offset, free - self._roller_reach_mm(offset)) for offset in offsets)

    def _contact_limit_rad(self) -> float:
        """Angle at which a ray from the rotor's centre just touches a roller."""
        return math.asin(self.roller_diameter_mm / 2 / self.roller_centre_radius_mm)

    def _roller_reach_mm(self, offset_rad: float) -> float:
        """Distance from the rotor's centre to the roller's outer surface, `offset_rad` from its axle."""
        centre = self.roller_centre_radius_mm
        inside = (self.roller_diameter_mm / 2) ** 2 - (centre * math.sin(offset_rad)) ** 2
        return centre * math.cos(offset_rad) + math.sqrt(max(0.0, inside))


def _periodic_cubics(values: list[float], rise: float) -> tuple[_Cubic, ...]:
    """Cubics through `values`, which repeat: continuous in value and slope, falling by `rise` a cell at the most.

    Slopes as of Catmull and Rom, held to three times the lesser of the two steps beside a value (Fritsch and Carlson,
    SIAM J. Numer. Anal. 17, 1980): with `rise` a cell added the values never fall, and then neither do the cubics.
    """
    steps = [values[(k + 1) % len(values)] - here + rise for k, here in enumerate(values)]
    slopes = [
        min((steps[k - 1] + step) / 2, 3 * max(0.0, min(steps[k - 1], step))) for k, step in enumerate(steps)
    ]
    cubics: list[_Cubic] = []
    for k, here in enumerate(values):
        first, last = slopes[k] - rise, slopes[(k + 1) % len(values)] - rise
        step = steps[k] - rise
        cubics.append((here, first, 3 * step - 2 * first - last, first + last - 2 * step))
    return tuple(cubics)


def _refuse_impossible(head: PumpHead) -> None:
    """Raise HeadError for dimensions that contradict each other."""
    if head.rollers < 2 or _TABLE_PER_REV % head.rollers:
        raise HeadError(f"{head.name}: rollers {head.rollers} must be 2 or more and divide {_TABLE_PER_REV}")
    if len(head.roller_factor) != head.rollers or abs(sum(head.roller_factor) - head.rollers) > 1e-9:
        raise HeadError(
            f"{head.name}: roller_factor needs {head.rollers} values of mean 1: {head.roller_factor}"
        )
    if not 0 <= head.occlusion <= 0.5:
        raise HeadError(
            f"{head.name}: occlusion {head.occlusion} must lie between 0 and 0.5, or the tube leaks"
        )
    if head.arc_deg > 290:
        raise HeadError(
            f"{head.name}: seal and ramps take {head.arc_deg} deg; 290 leave the tube its way in and out"
        )
    pitch_mm = 2 * head.roller_centre_radius_mm * math.sin(math.pi / head.rollers)
    if pitch_mm <= head.roller_diameter_mm:
        raise HeadError(
            f"{head.name}: rollers of {head.roller_diameter_mm} mm touch at a pitch of {pitch_mm:.2f} mm"
        )
    if head.gap_mm + head.ramp_lift_mm < head.outer_diameter_mm:
        raise HeadError(f"{head.name}: ramp_lift_mm {head.ramp_lift_mm} never frees the tube")


_given: dict[str, Any] = {}


def use_document(document: dict[str, Any]) -> None:
    """Take the table of pumphead.toml as read by another interpreter: PyPy's Python has no tomllib."""
    _given.update(document)


def _head_document() -> dict[str, Any]:
    if _given:
        return _given
    import tomllib

    text = resources.files("rigsim").joinpath("data/pumphead.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def head_names() -> tuple[str, ...]:
    """The names that `load_head` knows, the default first."""
    return tuple(_head_document()["variant"])


@cache
def load_head(name: str = DEFAULT_HEAD) -> PumpHead:
    """The head `name` of pumphead.toml; HeadError names the known ones if there is none of that name."""
    document = _head_document()
    if name not in document["variant"]:
        raise HeadError(f"no pump head {name!r}; pumphead.toml has {', '.join(document['variant'])}")
    values: dict[str, Any] = {**document["tube"], **document["head"], **document["variant"][name]}
    values["roller_factor"] = tuple(values["roller_factor"])
    unknown = set(values) - {entry.name for entry in fields(PumpHead) if entry.init}
    if unknown:
        raise HeadError(f"pumphead.toml: unknown keys {sorted(unknown)}")
    return PumpHead(name=name, **values)
