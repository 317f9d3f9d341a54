"""Straight-line fits through noise that remembers: white noise plus a wandering part of unknown memory.

Owns: the noise model, its exact likelihood, and estimates averaged over what the data leave open about the noise.
Rules: no single noise setting is trusted: every one on a grid counts by its likelihood; priors are proper or flat.
Units: none of its own; t in any unit, y in any unit, the parameters follow from the columns of the design matrix.
Leaves: what the columns mean to fit.py, and what the parameters are worth to budget.py.

Noise e = w + a: w white with variance s_i in block i, a a Gauss-Markov process of variance A and memory tau. For tau
much longer than the record, a is a random walk. In w_i - phi_i w_(i-1) form the covariance is tridiagonal, so that a
likelihood costs O(n) (LAPACK pttrf). A block's mean of a wandering
signal differs from its value at the block's middle; `block_factors` makes that exact for blocks of equal length.
1/f noise is the third kind: a sum of such processes over all memories, handled with one eigen-decomposition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Statistics = tuple[Floats, Floats, float, float]  # x'C^-1 x, x'C^-1 y, log det C, y'C^-1 y
Whitener = Callable[[float], Statistics]  # of the wandering variance over the white variance of a reading
FLICKER_SHARE = 0.3  # prior probability of 1/f noise, where something wanders
LEAST_AMOUNT = 0.03  # the least wandering looked at, as a share of what white noise does to a slope
WHITE_ONLY_SHARE = 0.5  # prior probability that nothing wanders
MOST_BLOCKS = 800  # of a 4 h record 18 s each: a draught of half a minute must show as what it is
LONG_MEMORY = 1.0  # prior of a memory grows with this power: a forgotten random walk is the dangerous mistake


@dataclass(frozen=True)
class Blocks:
    """Means over blocks of readings: t (n,), y (n,), x (n, p), readings per block count (n,), duration length (n,).

    `least_variance` of one reading: a balance that repeats to the digit still has its readability.
    """

    t: Floats
    y: Floats
    x: Floats
    count: Floats
    length: Floats
    least_variance: float = 1e-300


@dataclass(frozen=True)
class Estimate:
    """Parameters (p,) and covariance (p, p) averaged over the noise grid.

    `sampling` (p, p) is the part of the covariance that noise causes, `prior` (p, p) column k the part of each
    variance that comes from the prior of parameter k; `dof` (p,) the effective degrees of freedom of each
    variance; `log_evidence` compares models of the same readings; `white_sd` of one reading; `wander_sd` and
    `memory` of the wandering part, at the most likely setting.
    """

    beta: Floats
    cov: Floats
    sampling: Floats
    prior: Floats
    dof: Floats
    white_sd: float
    wander_sd: float
    memory: float
    log_evidence: float = 0.0


@dataclass(frozen=True)
class _Setting:
    log_evidence: float
    beta: Floats
    cov: Floats
    sampling: Floats
    prior: Floats
    scale: float
    dof: float
    wander: float
    memory: float


def make_blocks(
    t: Floats, y: Floats, x: Floats, breaks: NDArray[Any], least_sd: float = 0.0, most: int = MOST_BLOCKS
) -> Blocks:
    """Average readings into at most `most` blocks, never across an index in `breaks` (first of a new part).

    t and y are (n,), x is (n, p). Slopes keep practically all their information: a straight line loses 1/blocks^2.
    """
    size = -(-len(t) // most)
    bounds = np.unique(np.concatenate((np.arange(0, len(t), size), breaks)))
    bounds = bounds[bounds < len(t)]
    count = np.diff(np.append(bounds, len(t))).astype(np.float64)
    mean_t = np.add.reduceat(t, bounds) / count
    mean_y = np.add.reduceat(y, bounds) / count
    mean_x = np.add.reduceat(x, bounds, axis=0) / count[:, None]
    step = float(np.median(np.diff(t)))
    return Blocks(mean_t, mean_y, mean_x, count, count * step, max(least_sd**2, 1e-300))


def block_factors(ratio: Floats) -> tuple[Floats, Floats]:
    """Variance of a block's mean and covariance of two blocks' means at their middles' distance, over those of points.

    ratio (n,) is the block's length over the memory of a Gauss-Markov process.
    """
    small = np.maximum(ratio, 1e-4)
    within = 2.0 * (small - 1.0 + np.exp(-small)) / small**2
    apart = 2.0 * (np.cosh(small) - 1.0) / small**2
    return within, apart


def gauss_markov(blocks: Blocks, memory: float) -> Whitener:
    """The whitener for a wandering part of one memory: statistics under unit white variance of a reading.

    Blocks so unequal that their means' covariance cannot be had from `block_factors` count as points.
    """
    from scipy.linalg import lapack

    pttrf: Any = lapack.dpttrf  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]
    pttrs: Any = lapack.dpttrs  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]
    plain = np.column_stack((blocks.x, blocks.y))
    phi = np.exp(-np.diff(blocks.t) / memory)
    lagged = plain.copy()
    lagged[1:] -= phi[:, None] * plain[:-1]
    within, apart = block_factors(blocks.length / memory)
    share = float(np.median(apart))
    nugget = np.where(blocks.count > 1, within - share, 1.0 - share)

    def factor(white: Floats, wander: float) -> tuple[Any, Any, int]:
        diagonal = white + wander
        diagonal[1:] = white[1:] + phi**2 * white[:-1] + wander * (1.0 - phi**2)
        return pttrf(diagonal, -phi * white[:-1])

    def statistics(amount: float) -> Statistics:
        if amount == 0.0:
            gram = plain.T @ (plain * blocks.count[:, None])
            return gram[:-1, :-1], gram[:-1, -1], -float(np.log(blocks.count).sum()), float(gram[-1, -1])
        d, e, failed = factor(1.0 / blocks.count + amount * nugget, amount * share)
        if failed:
            d, e, failed = factor(1.0 / blocks.count, amount)
        solved: Any = pttrs(d, e, lagged)[0]
        gram = lagged.T @ solved
        return gram[:-1, :-1], gram[:-1, -1], float(np.log(d).sum()), float(gram[-1, -1])

    return statistics


def flicker(blocks: Blocks) -> Whitener:
    """The whitener for 1/f noise: equal variances at memories from a block to eight records, a factor of 4 apart.

    One eigen-decomposition serves every amount. Means over blocks are exact for blocks of equal length.
    """
    gaps = np.abs(blocks.t[:, None] - blocks.t[None, :])
    length = float(np.median(blocks.length))
    span = float(blocks.t[-1] - blocks.t[0])
    memories = np.geomspace(length, 8.0 * span, max(2, round(np.log(8.0 * span / length) / np.log(4.0))))
    total = np.zeros_like(gaps)
    for memory in memories:
        within, apart = block_factors(np.array([length / memory]))
        total += np.where(gaps < 0.5 * length, within, np.exp(-gaps / memory) * apart) / len(memories)
    root = np.sqrt(blocks.count)
    sizes, vectors = np.linalg.eigh(root[:, None] * total * root[None, :])
    z = vectors.T @ (root[:, None] * np.column_stack((blocks.x, blocks.y)))
    base = -float(np.log(blocks.count).sum())

    def statistics(amount: float) -> Statistics:
        spread = 1.0 + amount * np.maximum(sizes, 0.0)
        gram = z.T @ (z / spread[:, None])
        return gram[:-1, :-1], gram[:-1, -1], base + float(np.log(spread).sum()), float(gram[-1, -1])

    return statistics


def _setting(blocks: Blocks, whitener: Whitener, precision: Floats, wander: float, memory: float) -> _Setting:
    """The estimate at one noise setting; `precision` (p,) of zero-mean priors, 0 for a flat one."""
    xx, xy, log_det, yy = whitener(wander)
    n, p = blocks.x.shape
    flat = int((precision == 0).sum())
    prior = np.diag(precision)
    ridge = np.diag(1e-9 * np.diag(xx))
    scale = max((yy - float(xy @ np.linalg.solve(xx + ridge, xy))) / n, blocks.least_variance)
    cov = np.linalg.inv(xx / scale + prior)
    beta = cov @ xy / scale
    for _ in range(6):
        informed = p - float(np.diag(cov) @ precision)
        rss = max(float(yy - 2 * beta @ xy + beta @ xx @ beta), 1e-300)
        new = max(rss / max(n - informed, 1.0), blocks.least_variance)
        settled = abs(new - scale) < 1e-6 * scale
        scale = new
        cov = np.linalg.inv(xx / scale + prior)
        beta = cov @ xy / scale
        if settled:
            break
    sampling = cov @ (xx / scale) @ cov
    by_prior = (cov * np.sqrt(precision)) ** 2
    fit = float(yy / scale - beta @ xy / scale)
    log_prior_det = float(np.linalg.slogdet(xx + prior * scale)[1])
    evidence = -0.5 * ((n - p) * np.log(scale) + log_det + log_prior_det + fit)
    return _Setting(evidence, beta, cov, sampling, by_prior, scale, max(n - flat, 3.0), wander, memory)


@dataclass
class _Row:
    """One kind of wandering: log amounts (m,) from unnoticeable to overwhelming, settings, prior weight."""

    whitener: Whitener
    memory: float
    weight: float
    logs: list[float]
    settings: list[_Setting]

    def refine(self, blocks: Blocks, precision: Floats, floor: float) -> None:
        """Halve the cells where the evidence exceeds `floor` or is this row's best, down to a factor of 1.3."""
        best = max(s.log_evidence for s in self.settings)
        found = list(zip(self.logs, self.settings, strict=True))
        for at in range(len(self.logs) - 1):
            higher = max(self.settings[at].log_evidence, self.settings[at + 1].log_evidence)
            if higher > min(floor, best - 1e-9) and self.logs[at + 1] - self.logs[at] > 0.26:
                middle = 0.5 * (self.logs[at] + self.logs[at + 1])
                found.append(
                    (middle, _setting(blocks, self.whitener, precision, float(np.exp(middle)), self.memory))
                )
        found.sort(key=lambda pair: pair[0])
        self.logs = [pair[0] for pair in found]
        self.settings = [pair[1] for pair in found]


def _rows(blocks: Blocks, precision: Floats) -> list[_Row]:
    """Every kind of wandering on its refined grid of amounts; the prior weights add up to 1."""
    span = float(blocks.t[-1] - blocks.t[0])
    block = float(np.median(blocks.length))
    total = float(blocks.count.sum())
    memories = [float(m) for m in np.geomspace(0.5 * block, 8.0 * span, 9)]
    longer = sum(m**LONG_MEMORY for m in memories)
    kinds = [(gauss_markov(blocks, m), m, (1.0 - FLICKER_SHARE) * m**LONG_MEMORY / longer) for m in memories]
    kinds.append((flicker(blocks), span, FLICKER_SHARE))
    rows: list[_Row] = []
    for whitener, memory, weight in kinds:
        least = LEAST_AMOUNT / total * max(1.0, span / (2.0 * memory)) * max(1.0, memory / span)
        most = max(30.0 * memory / block * len(blocks.t) / total, 100.0 * least)
        logs = [float(v) for v in np.linspace(np.log(least), np.log(most), 9)]
        settings = [_setting(blocks, whitener, precision, float(np.exp(v)), memory) for v in logs]
        rows.append(_Row(whitener, memory, weight, logs, settings))
    for _ in range(4):
        for row in rows:
            row.refine(blocks, precision, np.inf)
    for _ in range(2):
        top = max(s.log_evidence for row in rows for s in row.settings)
        for row in rows:
            row.refine(blocks, precision, top - 6.0)
    return rows


def estimate(blocks: Blocks, prior_sd: Floats) -> Estimate:
    """Bayesian generalised least squares, averaged over the noise grid.

    prior_sd (p,) gives the standard deviation of a zero-mean prior for each parameter, inf for a flat one.
    Raises numpy.linalg.LinAlgError where the columns cannot be told apart and no prior settles them. Runs on one
    thread: the matrices are small, and threads of the linear algebra waste ten times the work on a busy machine.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _estimate(blocks, prior_sd)


def _estimate(blocks: Blocks, prior_sd: Floats) -> Estimate:
    precision = np.where(np.isinf(prior_sd), 0.0, 1.0 / np.square(prior_sd))
    settings = [_setting(blocks, gauss_markov(blocks, 1.0), precision, 0.0, 1.0)]
    shares = [WHITE_ONLY_SHARE]
    for row in _rows(blocks, precision):
        width = np.gradient(np.array(row.logs))
        settings += row.settings
        shares += list((1.0 - WHITE_ONLY_SHARE) * row.weight * width / width.sum())
    evidence = np.array([s.log_evidence for s in settings])
    weight = np.array(shares) * np.exp(evidence - evidence.max())
    told = float(evidence.max() + np.log(weight.sum()) + 0.5 * np.log(precision[precision > 0]).sum())
    weight /= weight.sum()
    best = settings[int(np.argmax(weight))]
    beta = np.array(sum(w * s.beta for w, s in zip(weight, settings, strict=True)))
    widened = [s.dof / (s.dof - 2.0) for s in settings]
    sampling = np.array(sum(w * s.sampling * f for w, s, f in zip(weight, settings, widened, strict=True)))
    spread = np.array(
        sum(w * np.outer(s.beta - beta, s.beta - beta) for w, s in zip(weight, settings, strict=True))
    )
    prior = np.array(sum(w * s.prior for w, s in zip(weight, settings, strict=True)))
    cov = np.array(sum(w * s.cov for w, s in zip(weight, settings, strict=True))) + spread
    variances = np.array([np.diag(s.cov) for s in settings])
    logs = np.log(variances)
    mean = weight @ logs
    spread_log = weight @ (logs - mean) ** 2 + weight @ np.array([2.0 / s.dof for s in settings])
    dof = 2.0 / spread_log
    return Estimate(
        beta,
        cov,
        sampling + spread,
        prior,
        dof,
        best.scale**0.5,
        (best.wander * best.scale) ** 0.5,
        best.memory,
        told,
    )
