"""The coming days of a program as a picture.

Owns: the plot's layout.
Rules: drawn from the forecast alone; vector or pixels by the file's name.
Units: µL/h, mL, days from now.
Leaves: figures to forecast.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pumpwire.program import demand_a_day_nl

from pumprig.pictures import save
from pumprig.quantities import rate_text, volume_text
from pumprig.shown import label
from pumprig.therapy import bridge_table
from pumprig.therapy.forecast import DAY_US, base_segments, check, periodic_starts
from pumprig.therapy.program import Program

INK, BLUE, ORANGE, GREY = "#1d2733", "#1f6f9f", "#d9822b", "#8a97a3"


def plot(program: Program, path: Path, now_us: int, days: int = 7) -> None:
    """Draw the base rate, periodic boluses and the volume of `days` days; the file's ending decides the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    end_us = now_us + days * DAY_US
    figure: Any = Figure(figsize=(9, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _rates(axes[0], program, now_us, end_us)
    _volumes(axes[1], program, now_us, end_us)
    axes[1].set_xlabel("days from now")
    facts = check(program, now_us)
    daily = volume_text(facts["daily_basal_nl"] + facts["daily_periodic_nl"])
    rising = bool(program.document["ramp"] or program.document["phases"])
    low = f", reservoir low after {facts['days_to_low']} d" if facts["days_to_low"] else ""
    figure.suptitle(
        f"{label(program.name)}  ·  {program.mode}, {daily} {'on the first day' if rising else 'a day'}{low}",
        color=INK,
        fontsize=12,
        x=0.01,
        ha="left",
    )
    save(figure, path)


def _rates(axis: Any, program: Program, now_us: int, end_us: int) -> None:
    xs: list[float] = []
    ys: list[float] = []
    for part in base_segments(program.document, now_us, now_us, end_us):
        xs += [(part.start_us - now_us) / DAY_US, (part.end_us - now_us) / DAY_US]
        ys += [part.rate_nl_per_day / 24_000] * 2
    axis.fill_between(xs, ys, color=BLUE, alpha=0.15, linewidth=0)
    axis.plot(xs, ys, color=BLUE, linewidth=1.6, label="basal")
    for volume_nl, _rate in program.document["bridge"]:
        if volume_nl:
            ends = min(bridge_table.lasts_us(program.document), end_us - now_us) / DAY_US
            told = f"bridge {volume_text(volume_nl)}, an estimate"
            axis.axvspan(0, ends, color=GREY, alpha=0.25, linewidth=0, label=told)
    starts = [
        (at_us - now_us) / DAY_US
        for at_us, _volume, _over in periodic_starts(program.document, now_us, end_us)
    ]
    if starts:
        axis.plot(
            starts,
            [max(ys) * 1.08 or 1] * len(starts),
            "v",
            color=ORANGE,
            markersize=4,
            label="periodic bolus",
        )
    for volume_nl, _over_ms, _lockout_s, most in program.document["demand"]:
        axis.plot([], [], " ", label=f"demand bolus {volume_text(volume_nl)}, at most {most} in 24 h")
    soft = program.document["soft_nl_per_day"] / 24_000
    if ys and soft < 5 * max(ys):
        axis.axhline(
            soft, color=ORANGE, linewidth=1, linestyle="--", label=f"soft limit {rate_text(soft * 1000)}"
        )
    axis.set_ylabel("rate, µL/h")
    axis.set_ylim(bottom=0)
    axis.legend(loc="lower right", frameon=False, fontsize=8, ncols=4)
    _plain(axis)


def _volumes(axis: Any, program: Program, now_us: int, end_us: int) -> None:
    """What will have flowed: with the boluses of the schedule, and with every allotted demand bolus besides."""
    times_us, base = [now_us], [0.0]
    for part in base_segments(program.document, now_us, now_us, end_us):
        times_us.append(part.end_us)
        base.append(base[-1] + part.rate_nl_per_day * (part.end_us - part.start_us) / DAY_US / 1_000_000)
    starts = sorted((a, v) for a, v, _o in periodic_starts(program.document, now_us, end_us))
    xs_us = sorted({*times_us, *(at + shift for at, _v in starts for shift in (-1, 0))})
    ys: list[float] = []
    segment = given = 0
    bolus_ml = 0.0
    for at_us in xs_us:
        while given < len(starts) and starts[given][0] <= at_us:
            bolus_ml += starts[given][1] / 1_000_000
            given += 1
        while segment < len(times_us) - 2 and times_us[segment + 1] < at_us:
            segment += 1
        share = (at_us - times_us[segment]) / max(1, times_us[segment + 1] - times_us[segment])
        ys.append(base[segment] + share * (base[segment + 1] - base[segment]) + bolus_ml)
    days = [(at_us - now_us) / DAY_US for at_us in xs_us]
    axis.plot(days, ys, color=INK, linewidth=1.4, label="scheduled")
    demand_ml = demand_a_day_nl(program.document) / 1_000_000
    if demand_ml:
        most = [y + demand_ml * day for day, y in zip(days, ys, strict=True)]
        axis.plot(
            days, most, color=GREY, linewidth=1, linestyle="--", label="and every allotted demand bolus"
        )
        axis.legend(loc="upper left", frameon=False, fontsize=8)
    axis.set_ylabel("volume, mL")
    axis.set_ylim(bottom=0)
    _plain(axis)


def _plain(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    axis.tick_params(colors=INK, labelsize=9)
    axis.margins(x=0)
