"""The report's pictures, as SVG text.

Owns: colours, layout and the four plots.
Rules: vector only; text stays text; no picture says more than its data: the band is the stated uncertainty.
Callers: report/page.py.
Units: axes in mL, µL, µL/h and UTC.
Leaves: the data to course.py.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

from pumpwire import spec

from pumprig.quantities import EPOCH
from pumprig.report.course import Course, Point

SHORTEST_US = 60_000_000  # records closer together say nothing of a rate
INK, MUTED, GRID = "#1c2733", "#6b7a88", "#dfe5ea"
BLUE, ORANGE, RED = "#1f6f9f", "#d9822b", "#b83a3a"
KIND_COLOURS = {
    "basal": "#1f6f9f",
    "periodic": "#5aa9c9",
    "demand": "#d9822b",
    "single": "#e3b04b",
    "spread": "#9c6b98",
    "bridge": "#6f8f5f",
    "prime": "#9aa5af",
    "relief": "#b83a3a",
    "calibration": "#c9cfd5",
}


def _figure(height: float) -> tuple[Any, Any]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = mpl.rcParams
    settings["svg.fonttype"] = "none"
    settings["svg.hashsalt"] = "pumprig"
    settings["font.family"] = ["DejaVu Sans"]
    figure: Any = Figure(figsize=(9.6, height), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    _plain(axis)
    return figure, axis


def _plain(axis: Any) -> None:
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(GRID)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=MUTED, labelsize=9, length=0, pad=6)
    axis.margins(x=0.01)


def _svg(figure: Any, label: str) -> str:
    """The picture as an element for a page: no fixed size, a label for screen readers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", text, count=1)
    text = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", text, count=1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _times(points: list[Point]) -> list[datetime]:
    from datetime import timedelta

    return [EPOCH + timedelta(microseconds=point.at_us) for point in points]


def _date_axis(axis: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator: Any = AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    offsets = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y"]
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=offsets))
    axis.xaxis.get_offset_text().set_color(MUTED)
    axis.xaxis.get_offset_text().set_fontsize(9)


def _scale(top_nl: float) -> tuple[float, str]:
    return (1_000_000, "mL") if top_nl >= 1_000_000 else (1_000, "µL")


def delivered(course: Course, relative_u: float) -> str:
    """Delivered and commanded volume over time, with the band of the expanded uncertainty."""
    points = course.thinned()
    figure, axis = _figure(4.2)
    axis.remove()
    axis, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    _plain(axis)
    _plain(below)
    times = _times(points)
    size, unit = _scale(max((point.delivered_nl for point in points), default=0))
    volumes = [point.delivered_nl / size for point in points]
    low, high = [v * (1 - relative_u) for v in volumes], [v * (1 + relative_u) for v in volumes]
    axis.fill_between(times, low, high, color=BLUE, alpha=0.18, linewidth=0, label="± U (k = 2)")
    axis.plot(times, volumes, color=BLUE, linewidth=2, label="delivered, from counted steps")
    commanded = [point.commanded_nl / size for point in points]
    axis.plot(times, commanded, color=ORANGE, linewidth=1.3, linestyle=(0, (4, 3)), label="commanded")
    axis.set_ylabel(unit, color=MUTED, rotation=0, ha="right", va="center")
    axis.set_ylim(bottom=0)
    axis.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=INK)
    below.plot(times, [point.delivered_nl - point.commanded_nl for point in points], color=INK, linewidth=1)
    below.axhline(0, color=MUTED, linewidth=0.8)
    below.set_ylabel("counted −\ncommanded, nL", color=MUTED, rotation=0, ha="right", va="center", fontsize=9)
    _date_axis(below)
    return _svg(figure, "delivered and commanded volume over time")


def rates(course: Course) -> str:
    """Mean rate between records: counted and commanded."""
    points: list[Point] = []
    for point in course.thinned():
        if not points or point.at_us - points[-1].at_us >= SHORTEST_US:
            points.append(point)
    figure, axis = _figure(2.6)
    times = _times(points)
    counted, commanded = [0.0], [0.0]
    for before, after in pairwise(points):
        hours = max(1e-9, (after.at_us - before.at_us) / 3.6e9)
        counted.append((after.delivered_nl - before.delivered_nl) / 1000 / hours)
        commanded.append((after.commanded_nl - before.commanded_nl) / 1000 / hours)
    if len(counted) > 1:
        counted[0], commanded[0] = counted[1], commanded[1]
    top = sorted(counted)[int(len(counted) * 0.995)] * 1.25 if counted else 1
    axis.fill_between(times, counted, step="pre", color=BLUE, alpha=0.15, linewidth=0)
    axis.step(times, counted, where="pre", color=BLUE, linewidth=1.2, label="counted")
    axis.step(
        times, commanded, where="pre", color=ORANGE, linewidth=1, linestyle=(0, (4, 3)), label="commanded"
    )
    axis.set_ylim(0, top or 1)
    axis.set_ylabel("µL/h", color=MUTED, rotation=0, ha="right", va="center")
    axis.legend(loc="upper right", frameon=False, fontsize=9, labelcolor=INK, ncols=2)
    _date_axis(axis)
    return _svg(figure, "rate over time")


def reservoir(course: Course) -> str:
    """The reservoir's estimate, its alert level and refills."""
    start_us = next((point.at_us for point in course.points if point.reservoir_nl), 0)
    points = [
        point for point in course.thinned() if point.at_us >= start_us
    ]  # before the first fill nothing is known
    figure, axis = _figure(2.4)
    axis.plot(_times(points), [point.reservoir_nl / 1e6 for point in points], color=INK, linewidth=1.8)
    if course.low_nl is not None:
        axis.axhline(course.low_nl / 1e6, color=RED, linewidth=1, linestyle=(0, (2, 3)))
        axis.annotate(
            "low alert",
            (1, course.low_nl / 1e6),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 4),
            textcoords="offset points",
            ha="right",
            color=RED,
            fontsize=9,
        )
    axis.set_ylim(bottom=0)
    axis.set_ylabel("mL", color=MUTED, rotation=0, ha="right", va="center")
    _date_axis(axis)
    return _svg(figure, "reservoir over time")


def by_day(course: Course) -> str:
    """Volume of each kind, a bar a day (UTC)."""
    days: dict[datetime, dict[str, int]] = defaultdict(lambda: dict.fromkeys(spec.KINDS, 0))
    times = _times(course.points)
    for i in range(1, len(course.points)):
        day = times[i].replace(hour=0, minute=0, second=0, microsecond=0)
        before, after = course.points[i - 1].kinds_nl, course.points[i].kinds_nl
        for kind in spec.KINDS:
            days[day][kind] += after[kind] - before[kind]
    figure, axis = _figure(2.6)
    size, unit = _scale(max((sum(row.values()) for row in days.values()), default=0))
    bottoms = dict.fromkeys(days, 0.0)
    for kind in spec.KINDS:
        if not any(row[kind] for row in days.values()):
            continue
        heights = [row[kind] / size for row in days.values()]
        axis.bar(
            list(days),
            heights,
            bottom=list(bottoms.values()),
            width=0.8,
            align="edge",
            color=KIND_COLOURS[kind],
            label=kind,
        )
        bottoms = {day: bottoms[day] + height for day, height in zip(days, heights, strict=True)}
    axis.set_ylabel(unit, color=MUTED, rotation=0, ha="right", va="center")
    axis.set_ylim(0, max(bottoms.values(), default=1) * 1.25 or 1)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=INK, ncols=9, handlelength=1)
    _date_axis(axis)
    return _svg(figure, "volume by kind and day")
