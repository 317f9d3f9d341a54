"""Straight-line fits through noise that remembers: white noise plus a wandering part of unknown memory.

Owns: the noise model, its exact likelihood, and estimates averaged over what the data leave open about the noise.
Rules: no single noise setting is trusted: every one on a grid counts by its likelihood; priors are proper or flat.
Callers: fit.py and plan.py.
Units: none of its own; t in any unit, y in any unit, the parameters follow from the columns of the design matrix.
Leaves: what the columns mean to fit.py, and what the parameters are worth to budget.py.

Noise e = w + a: w white with variance s_i in block i, a a Gauss-Markov process of variance A and memory tau. For tau
much longer than the record, a is a random walk. In w_i - phi_i w_(i-1) form the covariance is tridiagonal, so that a
likelihood costs O(n) (LAPACK pttrf). A block's mean of a wandering signal differs from its value at the block's middle;
for blocks of length B the white part is reduced by A B / (3 tau), which makes the differences exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
WHITE_ONLY_SHARE = 0.5  # prior probability that nothing wanders
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
    variance; `white_sd` of one reading; `wander_sd` and `memory` of the wandering part, at the most likely setting.
    """

    beta: Floats
    cov: Floats
    sampling: Floats
    prior: Floats
    dof: Floats
    white_sd: float
    wander_sd: float
    memory: float


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
    t: Floats, y: Floats, x: Floats, breaks: NDArray[Any], least_sd: float = 0.0, most: int = 800
) -> Blocks:
    """Average readings into at most about `most` blocks, never across an index in `breaks` (first of a new part).

    t and y are (n,), x is (n, p). Slopes keep practically all their information: a straight line loses 1/blocks^2.
    """
    size = max(1, len(t) // most)
    bounds = np.unique(np.concatenate((np.arange(0, len(t), size), breaks)))
    bounds = bounds[bounds < len(t)]
    count = np.diff(np.append(bounds, len(t))).astype(np.float64)
    mean_t = np.add.reduceat(t, bounds) / count
    mean_y = np.add.reduceat(y, bounds) / count
    mean_x = np.add.reduceat(x, bounds, axis=0) / count[:, None]
    step = float(np.median(np.diff(t)))
    return Blocks(mean_t, mean_y, mean_x, count, count * step, max(least_sd**2, 1e-300))


def whiten(blocks: Blocks, wander: float, memory: float) -> tuple[Floats, Floats, Floats]:
    """Sufficient statistics under unit white variance per reading and a wandering variance `wander`.

    Returns x'C^-1 x, x'C^-1 y, and [log det C, y'C^-1 y].
    """
    from scipy.linalg import lapack

    pttrf: Any = lapack.dpttrf  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    pttrs: Any = lapack.dpttrs  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    white = 1.0 / blocks.count
    if wander > 0.0:
        inside = 1.0 - 1.0 / blocks.count**2
        white = white - wander * blocks.length / (3.0 * memory) * inside
        phi = np.exp(-np.diff(blocks.t) / memory)
    else:
        phi = np.zeros(len(blocks.t) - 1)
    z = np.column_stack((blocks.x, blocks.y))
    z[1:] -= phi[:, None] * np.column_stack((blocks.x, blocks.y))[:-1]
    diagonal = white + wander
    diagonal[1:] = white[1:] + phi**2 * white[:-1] + wander * (1.0 - phi**2)
    d, e, failed = pttrf(diagonal, -phi * white[:-1])
    if failed:
        raise FloatingPointError("the noise setting is not positive definite")
    solved, _ = pttrs(d, e, z)
    gram: Floats = z.T @ solved
    return gram[:-1, :-1], gram[:-1, -1], np.array([float(np.log(d).sum()), gram[-1, -1]])


def _setting(blocks: Blocks, precision: Floats, wander: float, memory: float) -> _Setting:
    """The estimate at one noise setting; `precision` (p,) of zero-mean priors, 0 for a flat one."""
    xx, xy, (log_det, yy) = whiten(blocks, wander, memory)
    n, p = blocks.x.shape
    flat = int((precision == 0).sum())
    prior = np.diag(precision)
    scale = 1.0
    beta = np.zeros(p)
    information = xx
    for _ in range(12):
        information = xx / scale + prior
        beta = np.linalg.solve(information, xy / scale)
        informed = p - float(np.trace(np.linalg.solve(information, prior)))
        rss = max(float(yy - 2 * beta @ xy + beta @ xx @ beta), 1e-300)
        new = max(rss / max(n - informed, 1.0), blocks.least_variance)
        if abs(new - scale) < 1e-9 * scale:
            break
        scale = new
    cov = np.linalg.inv(information)
    sampling = cov @ (xx / scale) @ cov
    by_prior = (cov * np.sqrt(precision)) ** 2
    fit = float(yy / scale - beta @ xy / scale)
    evidence = -0.5 * (
        (n - flat) * np.log(scale) + log_det + float(np.linalg.slogdet(xx + prior * scale)[1]) + fit
    )
    dof = max(n - flat, 3.0)
    return _Setting(evidence, beta, cov, sampling, by_prior, scale, dof, wander, memory)


def _along_amounts(blocks: Blocks, precision: Floats) -> list[tuple[Floats, list[_Setting]]]:
    """For each memory: log amounts of wandering (m,), from unnoticeable to overwhelming, and their settings.

    The amounts are refined by halving, first round each memory's best, then wherever the evidence is within e^-8 of the
    best of all and the spacing is still wider than a factor of 1.3.
    """
    span = float(blocks.t[-1] - blocks.t[0])
    block = float(np.median(blocks.length))
    per_block = float(np.median(blocks.count))
    total = float(blocks.count.sum())
    rows: list[tuple[Floats, list[_Setting]]] = []
    for memory in np.geomspace(max(2.0 * block, span / 400.0), 8.0 * span, 8):
        least = 0.03 / total * max(1.0, span / (2.0 * memory)) * max(1.0, memory / span)
        most = 30.0 * memory / (block * per_block)
        logs = np.linspace(np.log(least), np.log(max(most, 100.0 * least)), 9)
        rows.append((logs, [_setting(blocks, precision, float(np.exp(v)), float(memory)) for v in logs]))
    for _ in range(4):
        rows = [_refined(blocks, precision, logs, settings, np.inf) for logs, settings in rows]
    for _ in range(2):
        top = max(s.log_evidence for _, settings in rows for s in settings)
        rows = [_refined(blocks, precision, logs, settings, top - 8.0) for logs, settings in rows]
    return rows


def _refined(
    blocks: Blocks, precision: Floats, logs: Floats, settings: list[_Setting], floor: float
) -> tuple[Floats, list[_Setting]]:
    more = list(zip(logs, settings, strict=True))
    best = max(s.log_evidence for s in settings)
    for at in range(len(logs) - 1):
        higher = max(settings[at].log_evidence, settings[at + 1].log_evidence)
        if higher > min(floor, best - 1e-9) and logs[at + 1] - logs[at] > 0.26:
            middle = 0.5 * (logs[at] + logs[at + 1])
            more.append((middle, _setting(blocks, precision, float(np.exp(middle)), settings[at].memory)))
    more.sort(key=lambda pair: float(pair[0]))
    return np.array([pair[0] for pair in more]), [pair[1] for pair in more]


def estimate(blocks: Blocks, prior_sd: Floats) -> Estimate:
    """Bayesian generalised least squares, averaged over the noise grid.

    prior_sd (p,) gives the standard deviation of a zero-mean prior for each parameter, inf for a flat one.
    Raises numpy.linalg.LinAlgError where the columns cannot be told apart and no prior settles them.
    """
    precision = np.where(np.isinf(prior_sd), 0.0, 1.0 / np.square(prior_sd))
    settings = [_setting(blocks, precision, 0.0, 1.0)]
    shares = [WHITE_ONLY_SHARE]
    rows = _along_amounts(blocks, precision)
    longer = sum(along[0].memory ** LONG_MEMORY for _, along in rows)
    for logs, along in rows:
        width = np.gradient(logs)
        share = (1.0 - WHITE_ONLY_SHARE) * along[0].memory ** LONG_MEMORY / longer
        settings += along
        shares += list(share * width / width.sum())
    evidence = np.array([s.log_evidence for s in settings])
    weight = np.array(shares) * np.exp(evidence - evidence.max())
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
    )
