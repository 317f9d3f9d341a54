"""A tube between two plates, squeezed until it closes: a plane-strain model with large strains, of its own.

Owns: how much of a thick tube's lumen is still open at a gap.
Rules: a quarter of the tube, for both planes are mirrors; neo-Hookean and nearly incompressible; no friction; the inner
wall meets itself at the mirror; nothing of rigsim is used.
Units: mm; stress in units of the shear modulus, which cancels.
Leaves: what the simulator makes of it to rigsim.geometry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

Floats = NDArray[np.float64]
BULK = 50.0  # over the shear modulus: Poisson's ratio 0.49
CONTACT = 400.0  # stiffness of a wall, over the shear modulus
GAUSS = [(a / np.sqrt(3), b / np.sqrt(3)) for a in (-1, 1) for b in (-1, 1)]
CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)


def _gradients(at: tuple[float, float], nodes: Floats) -> tuple[Floats, Floats]:
    """Shape functions' gradients (element, corner, xy) and the areas, at a point of every element."""
    s, t = at
    local = (
        np.stack([CORNERS[:, 0] * (1 + CORNERS[:, 1] * t), CORNERS[:, 1] * (1 + CORNERS[:, 0] * s)], axis=1)
        / 4
    )
    jacobian = np.einsum("eci,cj->eij", nodes, local)
    return np.einsum("cj,eji->eci", local, np.linalg.inv(jacobian)), np.linalg.det(jacobian)


class Tube:
    """A quarter of a tube of `inside_mm` with a wall of `wall_mm`, in `layers` by `around` elements."""

    def __init__(self, inside_mm: float, wall_mm: float, layers: int = 8, around: int = 28) -> None:
        radii = np.linspace(inside_mm / 2, inside_mm / 2 + wall_mm, layers + 1)
        angles = np.linspace(0, np.pi / 2, around + 1)
        self.start = np.array([(r * np.cos(a), r * np.sin(a)) for a in angles for r in radii])
        index = np.arange(len(self.start)).reshape(around + 1, layers + 1)
        self.cells = np.array(
            [
                (index[j, i], index[j, i + 1], index[j + 1, i + 1], index[j + 1, i])
                for j in range(around)
                for i in range(layers)
            ]
        )
        self.inner, self.outer = index[:, 0], index[:, -1]
        fixed = [2 * index[0] + 1, 2 * index[-1]]  # y on the x axis, x on the y axis
        self.free = np.setdiff1d(np.arange(2 * len(self.start)), np.concatenate(fixed))
        nodes = self.start[self.cells]
        self.points = [(*_gradients(at, nodes), True) for at in GAUSS]
        middle, area = _gradients((0.0, 0.0), nodes)
        self.points.append((middle, 4 * area, False))
        self.dofs = (2 * self.cells[:, :, None] + np.arange(2)).reshape(len(self.cells), 8)
        self.at = self.start.copy()

    def _energy(self, at: Floats, half_gap: float) -> float:
        total = 0.0
        for gradient, area, shears in self.points:
            f = np.einsum("eci,ecj->eij", at[self.cells], gradient)
            j = np.linalg.det(f)
            if (j <= 0).any():
                return np.inf
            density = (
                (np.einsum("eij,eij->e", f, f) - 2) / 2 - np.log(j) if shears else BULK / 2 * (j - 1) ** 2
            )
            total += float(np.sum(density * area))
        over = np.maximum(0.0, at[self.outer, 1] - half_gap)
        under = np.maximum(0.0, -at[self.inner, 1])
        return total + CONTACT / 2 * float(np.sum(over**2) + np.sum(under**2))

    def _system(self, at: Floats, half_gap: float) -> tuple[Floats, coo_matrix]:
        force = np.zeros(at.size)
        rows, columns, values = [], [], []
        for gradient, area, shears in self.points:
            f = np.einsum("eci,ecj->eij", at[self.cells], gradient)
            j, inverse = np.linalg.det(f), np.linalg.inv(f)
            turned = np.swapaxes(inverse, 1, 2)
            pairs = np.einsum("eij,ekl->eijkl", turned, turned)
            crossed = np.einsum("eil,ekj->eijkl", turned, turned)
            if shears:
                stress = f - turned
                tangent = np.einsum("ik,jl->ijkl", np.eye(2), np.eye(2)) + crossed
            else:
                stress = BULK * ((j - 1) * j)[:, None, None] * turned
                tangent = BULK * (
                    (j * (2 * j - 1))[:, None, None, None, None] * pairs
                    - (j * (j - 1))[:, None, None, None, None] * crossed
                )
            np.add.at(
                force,
                self.dofs,
                (np.einsum("eij,ecj->eci", stress, gradient) * area[:, None, None]).reshape(-1, 8),
            )
            block = (
                np.einsum("eijkl,ecj,edl->ecidk", tangent, gradient, gradient)
                * area[:, None, None, None, None]
            )
            rows.append(np.repeat(self.dofs, 8, axis=1).ravel())
            columns.append(np.tile(self.dofs, (1, 8)).ravel())
            values.append(block.reshape(len(self.cells), 64).ravel())
        for nodes, sign, limit in ((self.outer, 1.0, half_gap), (self.inner, -1.0, 0.0)):
            depth = sign * (at[nodes, 1] - limit)
            touching = nodes[depth > 0]
            force[2 * touching + 1] += CONTACT * sign * depth[depth > 0]
            rows.append(2 * touching + 1)
            columns.append(2 * touching + 1)
            values.append(np.full(len(touching), CONTACT))
        size = at.size
        whole = coo_matrix(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size)
        )
        return force, whole

    def squeeze(self, gap_mm: float) -> None:
        """Bring the plates to a gap, from where they are: Newton's method, a step as long as the energy falls."""
        for _ in range(80):
            force, whole = self._system(self.at, gap_mm / 2)
            if np.abs(force[self.free]).max() < 1e-7:
                return
            step = np.zeros(self.at.size)
            step[self.free] = spsolve(whole.tocsr()[self.free][:, self.free], -force[self.free])
            before, share = self._energy(self.at, gap_mm / 2), 1.0
            while share > 1e-4 and self._energy(self.at + share * step.reshape(-1, 2), gap_mm / 2) > before:
                share /= 2
            self.at = self.at + share * step.reshape(-1, 2)
        raise ArithmeticError(f"no balance at a gap of {gap_mm} mm")

    def open_share(self) -> float:
        """Of the lumen's area, as far as it is above the mirror."""
        x, y = self.at[self.inner, 0], np.maximum(0.0, self.at[self.inner, 1])
        x0, y0 = self.start[self.inner].T
        area = abs(float(np.trapezoid(y, x)))
        return area / abs(float(np.trapezoid(y0, x0)))


def open_shares(inside_mm: float, wall_mm: float, gaps_mm: list[float]) -> dict[float, float]:
    """Gap -> share of the lumen that is open there; the gaps from wide to narrow."""
    tube, found = Tube(inside_mm, wall_mm), {}
    now = inside_mm + 2 * wall_mm
    for gap in gaps_mm:
        while now - gap > 1e-9:
            now = max(gap, now - 0.04)
            tube.squeeze(now)
        found[gap] = tube.open_share()
    return found
