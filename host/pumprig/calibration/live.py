"""A calibration run as a person watches it: where it stands, what the balance says, how the flow goes.

Owns: the picture of a run for a terminal, and the flow of the last minutes.
Rules: draws what it is given and decides nothing; holds a bounded number of readings, however long the run.
Units: s, g, uL/h.
Leaves: the terminal to rich, the figures that count to fit.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from pumprig import quantities
from pumprig.calibration.runfolder import Stage
from pumprig.calibration.weighing_run import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

BARS = " ▁▂▃▄▅▆▇█"
CELLS = 60
READINGS = 4096
FLOW_SHARE = 0.05  # of the run's length: what the flow is averaged over
UL_PER_G = 1003.0


class Picture:
    """The last readings and the stages of one run."""

    def __init__(self, stages: list[Stage]) -> None:
        self._stages = stages
        self._end_s = stages[-1].end_s
        self._seen: deque[tuple[float, float]] = deque(maxlen=READINGS)
        self._every_s = self._end_s / READINGS

    def add(self, progress: Progress) -> None:
        """Take a reading up, if it is not too close to the last one."""
        late = not self._seen or progress.t_s - self._seen[-1][0] >= self._every_s
        if progress.mass_g is not None and late:
            self._seen.append((progress.t_s, progress.mass_g))

    def flow_ul_per_h(self) -> float | None:
        """The slope of the last readings; None while there are too few."""
        span_s = max(30.0, FLOW_SHARE * self._end_s)
        last = [row for row in self._seen if self._seen[-1][0] - row[0] <= span_s]
        if len(last) < 5 or last[-1][0] <= last[0][0]:
            return None
        t_s, mass_g = np.array(last).T
        return float(np.polyfit(t_s - t_s[0], mass_g, 1)[0]) * 3600.0 * UL_PER_G

    def curve(self) -> str:
        """Mass over the whole run, one block a cell; what is still to come is dots."""
        if not self._seen:
            return "·" * CELLS
        t_s, mass_g = np.array(self._seen).T
        cell = np.minimum((t_s / self._end_s * CELLS).astype(int), CELLS - 1)
        low, high = float(mass_g.min()), float(mass_g.max())
        drawn = ["·"] * CELLS
        for at in np.unique(cell):
            level = (float(mass_g[cell == at].mean()) - low) / max(high - low, 1e-12)
            drawn[int(at)] = BARS[1 + int(level * 7.99)]
        return "".join(drawn)

    def told(self, progress: Progress) -> str:
        """The stage as words."""
        stage = progress.stage
        at = f" {stage.rate_nl_per_h / 1000:g} µL/h" if stage.rate_nl_per_h else ""
        number = next(i for i, row in enumerate(self._stages, 1) if row.start_s == stage.start_s)
        return f"{number}/{len(self._stages)} {stage.kind}{at}"

    def draw(self, progress: Progress) -> RenderableType:
        """The whole picture as rich shows it."""
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        from pumprig.plainconsole import styled

        flow = self.flow_ul_per_h()
        stage = progress.stage
        grid = Table.grid(padding=(0, 2))
        grid.add_row("stage", self.told(progress))
        grid.add_row("", ProgressBar(stage.end_s - stage.start_s, progress.t_s - stage.start_s, width=CELLS))
        grid.add_row("mass", "no reading" if progress.mass_g is None else f"{progress.mass_g:.4f} g")
        grid.add_row("", self.curve())
        grid.add_row("flow, about", "" if flow is None else f"{flow:.3g} µL/h with evaporation")
        grid.add_row("steps", "" if progress.steps is None else str(progress.steps))
        grid.add_row("left", quantities.duration_text(1000 * round(progress.left_s)))
        if progress.trouble:
            grid.add_row(styled("trouble", "bold red"), styled(progress.trouble, "bold red"))
        return Panel(grid, title="calibration run", title_align="left", expand=False)
