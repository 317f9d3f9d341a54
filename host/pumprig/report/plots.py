"""The report's pictures, as SVG text.

Owns: colours, layout and the four plots.
Rules: vector only; text stays text; no picture says more than its data: the band is the stated uncertainty.
Units: axes in mL, µL, µL/h and UTC.
Leaves: the data to course.py.
"""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta
from typing import Any

from pumpwire import spec

from pumprig.quantities import EPOCH
from pumprig.report.course import Course

FONT = 10
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
    figure: Any = Figure(figsize=(7.6, height), layout="constrained")
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


def _times(instants_us: list[int]) -> list[datetime]:
    return [EPOCH + timedelta(microseconds=at_us) for at_us in instants_us]


def _date_axis(axis: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator: Any = AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    offsets = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y"]
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=offsets))
    axis.xaxis.get_offset_text().set_color(MUTED)
    axis.xaxis.get_offset_text().set_fontsize(FONT)


def _scale(top_nl: float) -> tuple[float, str]:
    return (1_000_000, "mL") if top_nl >= 1_000_000 else (1_000, "µL")


def delivered(course: Course, relative_u: float) -> str:
    """Given and asked volume over time, with the band of the expanded uncertainty."""
    points = course.points
    figure, axis = _figure(3.6)
    times = _times([point.at_us for point in points])
    size, unit = _scale(max((point.asked_nl for point in points), default=0))
    volumes = [point.delivered_nl / size for point in points]
    low, high = [v * (1 - relative_u) for v in volumes], [v * (1 + relative_u) for v in volumes]
    axis.fill_between(times, low, high, color=BLUE, alpha=0.18, linewidth=0, label="± U (k = 2)")
    asked = [point.asked_nl / size for point in points]
    axis.plot(times, asked, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 3)), label="asked")
    axis.plot(times, volumes, color=BLUE, linewidth=2, label="given, from counted steps")
    axis.set_ylabel(unit, color=MUTED, rotation=0, ha="right", va="center")
    axis.set_ylim(bottom=0, top=max([*high, *asked, 0]) * 1.25 or 1)
    axis.legend(loc="upper left", frameon=False, fontsize=FONT, labelcolor=INK, ncols=3)
    _date_axis(axis)
    return _svg(figure, "given and asked volume over time")


def rates(course: Course) -> str:
    """The exact course of rates by program and bolus, and what was counted."""
    figure, axis = _figure(3.2)
    size, unit = _rate_scale(max((rate for _at, rate in course.rates), default=0))
    edges = [edge for since_us, until_us, _rate in course.counted for edge in (since_us, until_us)]
    means = [rate / size for _since, _until, rate in course.counted for _ in (0, 1)]
    axis.fill_between(_times(edges), means, color=BLUE, alpha=0.2, linewidth=0)
    axis.plot(_times(edges), means, color=BLUE, linewidth=1, label="counted, mean between points")
    times = _times([at_us for at_us, _rate in course.rates])
    exact = [rate / size for _at, rate in course.rates]
    axis.step(times, exact, where="post", color=ORANGE, linewidth=1.2, label="by program and bolus, exact")
    axis.set_ylim(0, max([*exact, 0]) * 1.3 or 1)
    axis.set_ylabel(unit, color=MUTED, rotation=0, ha="right", va="center")
    axis.legend(loc="upper left", frameon=False, fontsize=FONT, labelcolor=INK, ncols=2)
    _date_axis(axis)
    return _svg(figure, "rate over time")


def _rate_scale(top_nl_per_day: float) -> tuple[float, str]:
    """(nL/day of one unit, the unit): µL/h, or mL/day where that is more readable."""
    return (24_000, "µL/h") if top_nl_per_day < 24_000_000 else (1_000_000, "mL/day")


def reservoir(course: Course) -> str:
    """The reservoir's estimate, its alert level and refills."""
    points = [point for point in course.points if point.reservoir_nl is not None]
    figure, axis = _figure(2.8)
    levels = [(point.reservoir_nl or 0) / 1e6 for point in points]
    axis.plot(_times([point.at_us for point in points]), levels, color=INK, linewidth=1.8)
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
            fontsize=FONT,
        )
    axis.set_ylim(bottom=0)
    axis.set_ylabel("mL", color=MUTED, rotation=0, ha="right", va="center")
    _date_axis(axis)
    return _svg(figure, "reservoir over time")


def by_day(course: Course) -> str:
    """Volume of each kind, a bar a day (UTC)."""
    rows = sorted(course.days.items())
    days = [EPOCH + timedelta(days=day) for day, _row in rows]
    figure, axis = _figure(2.8)
    size, unit = _scale(max((sum(row.values()) for _day, row in rows), default=0))
    bottoms = [0.0] * len(rows)
    for kind in spec.KINDS:
        heights = [row[kind] / size for _day, row in rows]
        if not any(heights):
            continue
        axis.bar(days, heights, bottom=bottoms, width=0.8, align="edge", color=KIND_COLOURS[kind], label=kind)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axis.set_ylabel(unit, color=MUTED, rotation=0, ha="right", va="center")
    axis.set_ylim(0, max(bottoms, default=1) * 1.25 or 1)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper left", frameon=False, fontsize=FONT, labelcolor=INK, ncols=5, handlelength=1)
    _date_axis(axis)
    return _svg(figure, "volume by kind and day")
