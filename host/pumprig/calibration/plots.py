"""The pictures of a calibration: a weighing's fit with its budget, and the volume of a revolution over the rate.

Owns: a figure of three panels for a fit, and one for several rates, as SVG, PNG or PDF.
Rules: left-out rows are shown, not hidden; the budget shows standard uncertainties in the flow's unit.
Units: mass mg, time h, flow nL/h.
Leaves: style and saving to pumprig.accuracy.graphs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pumprig.calibration.fitted import Fit
from pumprig.calibration.rates import Point, RateModel
from pumprig.calibration.register import picture_name
from pumprig.pictures import BLUE, GREY, ORANGE, STYLE, save, written
from pumprig.quantities import plus_minus

SAME_RATE = 1.1  # numbers of weighings so near to each other would touch


def save_fit(result: Fit, path: Path) -> None:
    """Write the fit's picture; the suffix (.svg, .png, .pdf) chooses the format."""
    save(figure(result), path)


def figure(result: Fit) -> Any:
    """Mass over time, residuals (block means), and the largest terms of the budget."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(9.5, 4.6), layout="constrained")
        axes: Any = drawing.subplot_mosaic([["mass", "budget"], ["left", "budget"]], width_ratios=[1.25, 1])
        hours = result.curve_t_h - result.curve_t_h[0]
        axes["mass"].plot(hours, result.curve_mass_mg - result.curve_mass_mg[0], color=BLUE, linewidth=1.4)
        axes["mass"].set_ylabel("mass / mg")
        axes["mass"].set_title("readings (means of blocks)", loc="left", fontsize=9)
        axes["left"].plot(hours, result.curve_residual_mg, color=BLUE, linewidth=0.8)
        axes["left"].axhline(0, color=GREY, linewidth=1, linestyle="--")
        axes["left"].set_xlabel("time / h")
        axes["left"].set_ylabel("residual / mg")
        axes["left"].sharex(axes["mass"])
        _budget(axes["budget"], result)
        figures = result.result
        flow, u = figures.flow_nl_per_h / 1000, figures.u_flow_nl_per_h / 1000
        drawing.suptitle(
            f"{result.weighing.name}: {plus_minus(flow, u)} µL/h (k = {figures.k:.3g})", fontsize=10
        )
    return drawing


def pictures_of(fits: list[Fit]) -> dict[str, tuple[str, bytes]]:
    """SVG text and PNG bytes of each fit's figure, by the name that a record gives it."""
    found: dict[str, tuple[str, bytes]] = {}
    for fit in fits:
        drawing = figure(fit)
        files = [written(drawing, "svg", metadata={"Date": None}), written(drawing, "png")]
        text = files[0].decode("utf-8")
        found[picture_name({"sha256": fit.weighing.sha256, "name": fit.weighing.name})] = (
            text[text.index("<svg") :],
            files[1],
        )
    return found


def rates_figure(points: list[Point], model: RateModel) -> Any:
    """Volume per revolution of each weighing with U (95 %), in their order, and the model with its band."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(9.5, 3.2), layout="constrained")
        axes: Any = drawing.subplots()
        low, high = model.lowest_nl_per_h / 1.2, model.highest_nl_per_h * 1.2
        grid = np.geomspace(low, high, 60)
        curve = np.array([model.at(float(rate)) for rate in grid]) / 1000
        axes.fill_between(grid / 1000, curve[:, 0] - curve[:, 1], curve[:, 0] + curve[:, 1], color="#d5e2f0")
        axes.plot(grid / 1000, curve[:, 0], color=BLUE, linewidth=1.2)
        rates = np.array([p.rate_nl_per_h for p in points]) / 1000
        volumes = np.array([p.nl_per_rev for p in points]) / 1000
        u = np.array([2 * p.u_nl_per_rev for p in points]) / 1000
        axes.errorbar(rates, volumes, u, fmt="o", color=ORANGE, markersize=4, capsize=3, linewidth=1)
        for numbers, x, y in _numbered(rates, volumes + u):
            axes.annotate(
                numbers, (x, y), (0, 3), textcoords="offset points", ha="center", fontsize=8, color=GREY
            )
        axes.margins(y=0.12)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlabel("flow / (µL/h)")
        axes.set_ylabel("µL per revolution")
        axes.set_title("weighings in their order, and the model; U for 95 %", loc="left", fontsize=9)
    return drawing


def _numbered(rates: Any, tops: Any) -> list[tuple[str, float, float]]:
    """The weighings' numbers, those of one rate together, above the highest of them: (text, rate, height)."""
    groups: list[list[int]] = []
    for place in np.argsort(rates, kind="stable").tolist():
        if groups and rates[place] < SAME_RATE * rates[groups[-1][0]]:
            groups[-1].append(place)
        else:
            groups.append([place])
    return [
        (
            ", ".join(str(place + 1) for place in sorted(group)),
            float(np.mean(rates[group])),
            float(np.max(tops[group])),
        )
        for group in groups
    ]


def _budget(axes: Any, result: Fit) -> None:
    from matplotlib.ticker import MaxNLocator

    terms = [t for t in result.result.terms if t.u_nl_per_h > 0.005 * result.result.u_flow_nl_per_h][:9]
    places = np.arange(len(terms))[::-1]
    axes.barh(places, [t.u_nl_per_h for t in terms], color=BLUE, height=0.55)
    axes.barh([-1], [result.result.u_flow_nl_per_h / result.result.k], color=ORANGE, height=0.55)
    names = [_wrapped(t.source) for t in terms]
    axes.set_yticks([*places, -1], [*names, "combined"], fontsize=8)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("standard uncertainty / (nL/h)")
    axes.set_title("budget", loc="left", fontsize=9)


def _wrapped(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, 26))
