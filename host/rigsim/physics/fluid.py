"""Where the water is: reservoir, line and catheter tip.

Owns: the outlet node (compliance, catheter resistance, slip through the rollers, the leak of a tube that they do not
close), the inlet and the reservoir.
Rules: volume is conserved to rounding: reservoir + line + tip + inlet's debt never changes but by a refill;
within a chunk the inflow is even and the node's equation is solved in closed form, so a chunk may be a
millisecond or a day.
Units: nL, Pa (gauge, against the room), seconds.
Leaves: when and how far the rotor turned to rotor.py; what sensors make of it to sensors.py.

The node: C p' = q - |q| k p - g p - (p - b) / R with q the head's flow without back-pressure, k the slip, g the leak, b
the back-pressure. The slip comes with motion; the leak flows back to the reservoir while the pump stands, too.
"""

from __future__ import annotations

import math

from rigsim.physics.truth import ATMOSPHERE_PA, ROOM_C, Truth

SPLIT_PA = 5_000.0  # a chunk that would move the pressure further is cut into parts
MAX_PARTS = 256
_VISCOSITY_PER_K = 0.022  # water gets thinner by so much per kelvin near room temperature


class Fluid:
    """Volumes and the outlet's pressure."""

    def __init__(self, truth: Truth, reservoir_nl: float) -> None:
        self.truth = truth
        self.reservoir_nl = reservoir_nl
        self.tip_nl = 0.0  # arrived at the catheter's tip since the beginning
        self.inlet_debt_nl = 0.0
        self.pressure_pa = 0.0
        self.back_pressure_pa = 0.0
        self.occluded = False
        self.inlet_occluded = False
        self.air_nl = 0.0  # air still before the rollers
        self.air_in_line_nl = 0.0
        self.temperature_c = ROOM_C
        self.leak_nl_per_pa_s = 0.0  # back through the rollers' gap

    @property
    def compliance_nl_per_pa(self) -> float:
        """Of the outlet side; air in it is compressed as an ideal gas."""
        return self.truth.compliance_nl_per_pa + self.air_in_line_nl / ATMOSPHERE_PA

    @property
    def conductance_nl_per_pa_s(self) -> float:
        """Of the catheter; 0 while it is blocked."""
        if self.occluded:
            return 0.0
        warmer_k = self.temperature_c - ROOM_C
        return (1 + _VISCOSITY_PER_K * warmer_k) / self.truth.resistance_pa_s_per_nl

    @property
    def line_nl(self) -> float:
        """What the outlet side holds beyond its volume without pressure."""
        return self.compliance_nl_per_pa * self.pressure_pa

    def advance(self, geometric_nl: float, elapsed_s: float) -> float:
        """Let the head displace geometric_nl evenly over elapsed_s; returns what really left the head, nL."""
        if elapsed_s <= 0.0:
            return 0.0
        wanted_nl = self._available(geometric_nl) if geometric_nl > 0 else geometric_nl
        parts = 1
        compliance = self.compliance_nl_per_pa
        conductance = self.conductance_nl_per_pa_s
        if wanted_nl and conductance * elapsed_s < 10 * compliance:
            jump_pa = abs(wanted_nl) / compliance
            parts = min(MAX_PARTS, 1 + int(jump_pa / SPLIT_PA))
        moved_nl = 0.0
        for _ in range(parts):
            moved_nl += self._node(wanted_nl / parts, elapsed_s / parts, compliance, conductance)
        self.reservoir_nl -= moved_nl
        if self.inlet_occluded:
            self.inlet_debt_nl += moved_nl
            self.reservoir_nl += moved_nl
        return moved_nl

    def _available(self, wanted_nl: float) -> float:
        """How much of a forward displacement finds water before the rollers."""
        if self.air_nl > 0.0:
            air_nl = min(self.air_nl, wanted_nl)
            self.air_nl -= air_nl
            self.air_in_line_nl += air_nl
            wanted_nl -= air_nl
        if self.inlet_occluded:
            left_nl = max(0.0, self.truth.inlet_nl - self.inlet_debt_nl)
            return left_nl * -math.expm1(-wanted_nl / self.truth.inlet_nl)
        return min(wanted_nl, max(0.0, self.reservoir_nl))

    def _node(self, wanted_nl: float, elapsed_s: float, compliance: float, conductance: float) -> float:
        """One part of a chunk in closed form; returns the inflow after slip."""
        flow = wanted_nl / elapsed_s
        slip = abs(flow) * self.truth.slip_per_pa
        before_pa = self.pressure_pa
        loss = slip + conductance + self.leak_nl_per_pa_s
        source = flow + conductance * self.back_pressure_pa
        decay = loss * elapsed_s / compliance
        if decay > 1e-9:
            final_pa = source / loss
            gone = -math.expm1(-decay)
            integral = final_pa * elapsed_s + (before_pa - final_pa) * gone * compliance / loss
            after_pa = before_pa + (final_pa - before_pa) * gone
        else:
            after_pa = before_pa + (source - loss * before_pa) * elapsed_s / compliance
            integral = (before_pa + after_pa) / 2 * elapsed_s
        out_nl = conductance * (integral - self.back_pressure_pa * elapsed_s)
        self.pressure_pa = after_pa
        self.tip_nl += out_nl
        return compliance * (after_pa - before_pa) + out_nl

    def refill(self, volume_nl: float) -> None:
        """Empty the reservoir and fill volume_nl in."""
        self.reservoir_nl = volume_nl

    def set_inlet(self, occluded: bool) -> None:
        """Close or open the way from the reservoir; opening lets the inlet draw what it owes."""
        if self.inlet_occluded and not occluded:
            drawn_nl = min(self.inlet_debt_nl, self.reservoir_nl)
            self.reservoir_nl -= drawn_nl
            self.inlet_debt_nl -= drawn_nl
        self.inlet_occluded = occluded

    def total_nl(self) -> float:
        """What never changes but by a refill: reservoir, line and tip, less what the inlet owes."""
        return self.reservoir_nl + self.line_nl + self.tip_nl - self.inlet_debt_nl
