"""What many runs say together, honest for small numbers.

Owns: mean, standard deviation, standard error and quantiles of a figure; the rate of an alarm with its bound; when a
study knows enough; what matters.
Rules: runs that failed are counted and never left out silently; the order of the lines changes nothing; an alarm that
was seen in none of n runs has the upper 95 % bound 1 - 0.05^(1/n), about 3/n.
Units: as the figures; shares between 0 and 1.
Leaves: the page to report.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pumprig.study.plan import Study
from pumprig.study.results import Result

BATCH = 10  # a study that stops early is looked at after each so many runs


@dataclass(frozen=True)
class Summary:
    """A figure over n runs. se is the standard error of the mean; se05 to se95 those of the quantiles."""

    name: str
    n: int
    missing: int
    mean: float | None
    sd: float | None
    se: float | None
    q05: float | None
    q50: float | None
    q95: float | None
    se05: float | None
    se50: float | None
    se95: float | None


def summary(name: str, values: list[float | None]) -> Summary:
    """Mean, sd (n - 1), se, and quantiles by linear interpolation (Hyndman and Fan's type 7).

    The standard error of a quantile is half the width of the exact binomial interval of its order statistics that
    covers 68.3 %.
    """
    known = sorted(value for value in values if value is not None)
    n, missing = len(known), len(values) - len(known)
    if not n:
        return Summary(name, 0, missing, *[None] * 9)
    mean = math.fsum(known) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1)) if n > 1 else None
    quantiles = [quantile(known, p) for p in (0.05, 0.5, 0.95)]
    errors = [quantile_se(known, p) for p in (0.05, 0.5, 0.95)]
    return Summary(
        name, n, missing, mean, sd, sd / math.sqrt(n) if sd is not None else None, *quantiles, *errors
    )


def quantile(ordered: list[float], p: float) -> float:
    """Of values in ascending order."""
    place = p * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def quantile_se(ordered: list[float], p: float) -> float | None:
    """Of a quantile; None where the sample is too small to tell (an order statistic would lie outside of it)."""
    n = len(ordered)
    spread = math.sqrt(n * p * (1 - p))
    low, high = math.floor(n * p - spread), math.ceil(n * p + spread)
    if low < 0 or high > n - 1 or n < 2:
        return None
    return (ordered[high] - ordered[low]) / 2


def upper95(seen: int, n: int) -> float:
    """The upper 95 % bound of a share of which `seen` of n were seen (Clopper and Pearson)."""
    if seen >= n:
        return 1.0
    if not seen:
        return 1 - 0.05 ** (1 / n)
    return _beta_quantile(0.975, seen + 1, n - seen)


def lower95(seen: int, n: int) -> float:
    """The lower end of the same interval; 0 where nothing was seen."""
    if not seen:
        return 0.0
    return _beta_quantile(0.05 if seen == n else 0.025, seen, n - seen + 1)


def _beta_quantile(p: float, a: float, b: float) -> float:
    from scipy.special import betaincinv

    return float(betaincinv(a, b, p))


def rank_correlation(pairs: list[tuple[float, float]]) -> float:
    """Spearman's, ties by their mean rank; 0 where one of them does not vary."""
    first, second = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    n = len(pairs)
    mean = (n + 1) / 2
    top = math.fsum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True))
    norm = math.sqrt(math.fsum((a - mean) ** 2 for a in first) * math.fsum((b - mean) ** 2 for b in second))
    return top / norm if norm else 0.0


def _ranks(values: list[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for place in range(at, end + 1):
            ranks[order[place]] = (at + end) / 2 + 1
        at = end + 1
    return ranks


class Stopping:
    """Tells when a study knows enough of each of its programs. Only whole batches of a program's runs from its first on
    count, so that the answer does not depend on which run ended first."""

    def __init__(self, study: Study) -> None:
        self._stop, self._runs = study.stop, study.runs
        self._lines: dict[int, Result] = {}
        self._checked = [0] * len(study.programs)
        # How many runs of each program count, once it is known
        self.ends: list[int | None] = [None] * len(study.programs)

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def most(self) -> int:
        """How many runs there are at the most, as far as it is known."""
        return sum(self._runs if end is None else end for end in self.ends)

    def take(self, number: int, line: Result) -> int:
        """Take a run's line; returns how many there are."""
        self._lines[number] = line
        return len(self._lines)

    def needs(self, number: int) -> bool:
        """Whether this run is needed: its program is not known well enough by the runs before it."""
        which, offset = divmod(number, self._runs)
        end = self._end(which)
        return end is None or offset < end

    def _end(self, which: int) -> int | None:
        """How many runs of a program suffice, None while they do not."""
        stop, first = self._stop, which * self._runs
        while stop is not None and self.ends[which] is None:
            more = self._checked[which] + BATCH
            rows = [self._lines.get(number) for number in range(first + self._checked[which], first + more)]
            if more > self._runs or None in rows:
                break
            self._checked[which] = more
            values = [self._lines[first + offset]["figures"].get(stop.figure) for offset in range(more)]
            told = summary(stop.figure, values)
            if told.n >= stop.at_least and told.se is not None and 1.96 * told.se <= stop.half_width:
                self.ends[which] = more
        return self.ends[which]


def counted(study: Study, there: dict[str, Result]) -> tuple[list[Result], int]:
    """The lines that count, in the runs' order, and how many runs have none yet."""
    stopping = Stopping(study)
    lines: dict[int, Result | None] = {}
    for run in study.all_runs():
        line = there.get(run.key)
        lines[run.number] = None if line is None else {**line, "run": run.number}
        if line is not None:
            stopping.take(run.number, line)
    needed = [line for number, line in lines.items() if stopping.needs(number)]
    known = [line for line in needed if line is not None]
    return known, len(needed) - len(known)


def worst(lines: list[Result], figure: str, most: int = 5) -> list[Result]:
    """The runs whose figure lies farthest from the median."""
    known = [line for line in lines if line["figures"].get(figure) is not None]
    if not known:
        return []
    middle = quantile(sorted(line["figures"][figure] for line in known), 0.5)
    return sorted(known, key=lambda line: (-abs(line["figures"][figure] - middle), line["run"]))[:most]


def matters(lines: list[Result], figure: str) -> list[tuple[str, float]]:
    """(input, rank correlation with the figure), the strongest first."""
    names = sorted({name for line in lines for name in line["inputs"]})
    found: list[tuple[str, float]] = []
    for name in names:
        pairs = [
            (line["inputs"][name], line["figures"][figure])
            for line in lines
            if name in line["inputs"] and line["figures"].get(figure) is not None
        ]
        if len(pairs) >= 3:
            found.append((name, rank_correlation(pairs)))
    return sorted(found, key=lambda row: -abs(row[1]))


def alarms(lines: list[Result], names: list[str]) -> list[dict[str, Any]]:
    """For each alarm: in how many runs it was seen, of how many, with its 95 % bounds."""
    ran = [line for line in lines if line.get("digest")]
    rows: list[dict[str, Any]] = []
    for name in names:
        seen = sum(any(alarm[0] == name for alarm in line["alarms"]) for line in ran)
        if ran:
            bounds = {"lower95": lower95(seen, len(ran)), "upper95": upper95(seen, len(ran))}
            rows.append({"name": name, "runs": seen, "of": len(ran), **bounds})
    return rows
