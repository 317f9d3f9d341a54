"""The start-up graph and the trumpet curve as a picture.

Owns: one figure of two panels, as SVG, PNG or PDF.
Rules: colours that survive grey printing and colour blindness; both panels carry the set rate.
Units: time in min, flow in uL/h, errors in %.
Leaves: the figures to curve.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pumprig.accuracy.curve import Accuracy
from pumprig.accuracy.trumpet import Window
from pumprig.pictures import BLUE, GREY, ORANGE, STYLE, legend_below, save

NEAR = 1.3  # two numbers on the logarithmic axis would touch


def save_graphs(result: Accuracy, path: Path, name: str) -> None:
    """Write the two panels to `path`; its suffix (.svg, .png, .pdf) chooses the format."""
    save(figure(result, name), path)


def figure(result: Accuracy, name: str) -> Any:
    """The matplotlib figure: start-up on the left, trumpet on the right."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(9.5, 4.4), layout="constrained")
        axes: Any = drawing.subplots(1, 2)
        _startup(axes[0], result)
        _trumpet(axes[1], result)
        drawing.suptitle(f"{name}: set rate {result.rate_nl_per_h / 1000:g} µL/h", fontsize=10)
    return drawing


def _startup(axes: Any, result: Accuracy) -> None:
    times, rates = result.startup()
    axes.plot(times, rates / 1000, color=BLUE, linewidth=0.9, drawstyle="steps-pre", label="flow per 0.5 min")
    width = 10
    if len(rates) > 2 * width:
        import numpy as np

        smooth = np.convolve(rates, np.ones(width) / width, mode="valid")
        axes.plot(
            times[width - 1 :] - 2.25, smooth / 1000, color=ORANGE, linewidth=1.6, label="mean of 5 min"
        )
    axes.axhline(result.rate_nl_per_h / 1000, color=GREY, linewidth=1, linestyle="--", label="set rate")
    axes.set_xlabel("time since the start of the run / min")
    axes.set_ylabel("flow / (µL/h)")
    axes.set_title("start-up graph", loc="left", fontsize=9)
    legend_below(axes, 3)


def _trumpet(axes: Any, result: Accuracy) -> None:
    _horn(axes, result.windows, result.a_pct, BLUE, "o", f"T1: A = {result.a_pct:+.2f} %")
    if result.windows_b and result.b_pct is not None:
        _horn(axes, result.windows_b, result.b_pct, ORANGE, "s", f"last hour: B = {result.b_pct:+.2f} %")
    if result.bands:
        minutes = [band.p_min for band in result.bands]
        for sign in (1.0, -1.0):
            axes.plot(
                minutes,
                [result.a_pct + sign * band.noise_pct for band in result.bands],
                color=GREY,
                linewidth=0.9,
                linestyle=":",
                label="the balance's noise alone" if sign > 0 else None,
            )
    if result.cycle:
        minutes = [w.p_min for w in result.cycle]
        axes.plot(
            minutes,
            [w.ep_max_pct for w in result.cycle],
            "^",
            color=GREY,
            markersize=5,
            label="whole roller periods",
        )
        axes.plot(minutes, [w.ep_min_pct for w in result.cycle], "v", color=GREY, markersize=5)
    axes.axhline(0, color=GREY, linewidth=1, linestyle="--")
    axes.set_xscale("log")
    if result.hours:
        hour = result.hours[0]
        axes.vlines(
            60.0,
            hour.ep_min_pct,
            hour.ep_max_pct,
            color=BLUE,
            linewidth=1.2,
            linestyle=":",
            label="1 h, whole record",
        )
    hours = [60.0] if result.hours else []
    ticks = window_ticks([w.p_min for w in result.windows] + hours, [w.p_min for w in result.cycle])
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("observation window / min")
    axes.set_ylabel("error of the mean flow / %")
    axes.set_title("trumpet curve", loc="left", fontsize=9)
    legend_below(axes, 2)


def window_ticks(windows_min: list[float], more_min: list[float]) -> list[float]:
    """The lengths that carry a number: all windows, the last mark, and what is far enough from these to be read."""
    ticks = set(windows_min)
    for length in sorted(more_min, reverse=True):
        if all(not NEAR > length / tick > 1 / NEAR for tick in ticks):
            ticks.add(length)
    return sorted(ticks)


def _horn(axes: Any, windows: list[Window], mean_pct: float, colour: str, marker: str, label: str) -> None:
    if not windows:
        return
    minutes = [w.p_min for w in windows]
    axes.plot(
        minutes, [w.ep_max_pct for w in windows], color=colour, marker=marker, markersize=4, label=label
    )
    axes.plot(minutes, [w.ep_min_pct for w in windows], color=colour, marker=marker, markersize=4)
    axes.fill_between(
        minutes,
        [w.ep_min_pct for w in windows],
        [w.ep_max_pct for w in windows],
        color=colour,
        alpha=0.12,
        linewidth=0,
    )
    axes.axhline(mean_pct, color=colour, linewidth=0.8)
