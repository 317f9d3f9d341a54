"""The report's charts as drawings on paper.

Owns: the four drawings, from the very columns that the page's charts have.
Rules: no picture says more than its data: the band is the stated uncertainty; a gap in a series is a gap.
Units: axes in mL, µL, µL/h and UTC.
Leaves: the columns to series.py, the page's own charts to charts.js.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

from pumprig.quantities import EPOCH

INK, MUTED, GRID = "#1c2733", "#6b7a88", "#dfe5ea"
BLUE, ORANGE, RED = "#1f6f9f", "#d9822b", "#b83a3a"


def drawings(data: dict[str, Any]) -> list[tuple[str, str, bytes]]:
    """(title, note, PNG) of each chart of series.charts_of."""
    every = data["kinds"]["every"]
    return [
        (
            "Asked and given",
            "Given is counted steps × the calibration that was active; the band is its expanded uncertainty. Asked is "
            "what the program and requests asked for, as if nothing had interfered.",
            _delivered(data["delivered"]),
        ),
        ("Rate", "By program and each bolus, exact; and the mean of the counted steps.", _rate(data["rate"])),
        ("Volume by kind", f"A bar for each {every}, UTC.", _kinds(data["kinds"])),
        (
            "Reservoir",
            "The rig's own estimate, from counted steps, with its uncertainty.",
            _reservoir(data["reservoir"], data["low_ml"]),
        ),
    ]


def _figure(height: float) -> tuple[Any, Any]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    settings: Any = mpl.rcParams
    settings["font.family"] = ["DejaVu Sans"]
    figure: Any = Figure(figsize=(7.6, height), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(GRID)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=MUTED, labelsize=9, length=0, pad=6)
    axis.margins(x=0.01)
    locator: Any = AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return figure, axis


def _png(figure: Any, axis: Any, unit: str, top: float) -> bytes:
    axis.set_ylabel(unit, color=MUTED, rotation=0, ha="right", va="center")
    axis.set_ylim(0, top * 1.25 or 1)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=INK, ncols=5, handlelength=1)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def _times(seconds: list[float]) -> list[datetime]:
    return [EPOCH + timedelta(seconds=at) for at in seconds]


def _known(times: list[float], values: list[float | None]) -> tuple[list[datetime], list[float]]:
    rows = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    return _times([at for at, _value in rows]), [value for _at, value in rows]


def _delivered(data: dict[str, Any]) -> bytes:
    figure, axis = _figure(3.4)
    times, asked, given, low, high = data["columns"]
    band, lows = _known(times, low)
    axis.fill_between(
        band, lows, _known(times, high)[1], color=BLUE, alpha=0.18, linewidth=0, label="± U (k = 2)"
    )
    axis.plot(*_known(times, asked), color=ORANGE, linewidth=1.4, linestyle=(0, (4, 3)), label="asked")
    axis.plot(*_known(times, given), color=BLUE, linewidth=2, label="given, from counted steps")
    return _png(figure, axis, data["unit"], max([v or 0.0 for v in (*high, *asked)], default=0.0))


def _rate(columns: list[list[Any]]) -> bytes:
    figure, axis = _figure(3.0)
    times, exact, counted = columns
    at, means = _known(times, counted)
    axis.step(at, means, where="post", color=BLUE, linewidth=1, label="counted, mean between points")
    at, rates = _known(times, exact)
    axis.step(at, rates, where="post", color=ORANGE, linewidth=1.2, label="by program and bolus, exact")
    return _png(figure, axis, "µL/h", max([*rates, *means], default=0.0))


def _kinds(data: dict[str, Any]) -> bytes:
    figure, axis = _figure(2.6)
    times = _times(data["times"])
    width = timedelta(hours=0.8) if data["every"] == "hour" else timedelta(days=0.8)
    tops = [0.0] * len(times)
    for kind in data["kinds"]:
        axis.bar(
            times,
            kind["values"],
            bottom=tops,
            width=width,
            align="edge",
            color=kind["colour"],
            label=kind["name"],
        )
        tops = [top + value for top, value in zip(tops, kind["values"], strict=True)]
    return _png(figure, axis, data["unit"], max(tops, default=0.0))


def _reservoir(columns: list[list[Any]], low_ml: float | None) -> bytes:
    figure, axis = _figure(2.6)
    times, level, low, high = columns
    at = _times(times)
    axis.fill_between(at, low, high, color=INK, alpha=0.12, linewidth=0)
    axis.plot(at, level, color=INK, linewidth=1.8)
    if low_ml is not None:
        axis.axhline(low_ml, color=RED, linewidth=1, linestyle=(0, (2, 3)), label="low alert")
    return _png(figure, axis, "mL", max([*high, low_ml or 0.0], default=0.0))
