"""A scenario on the very firmware: programs through the host's reader, events through the simulated rig.

Owns: what the host does before the run and after it.
Rules: no rule of the therapy is known here.
Units: as in scenario.py.
Leaves: the run itself to played.py, judging to judge.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from oracle import played
from oracle.program import Program
from oracle.scenario import Row, Scenario, Seen
from pumprig import rehearsal
from pumprig.errors import PumpError
from pumprig.therapy import program as host_program

Play = Callable[[dict[str, Any]], dict[str, Any]]


class Drive:
    """One run under way."""

    def __init__(self, scenario: Scenario, play: Play = played.play) -> None:
        self.scenario = scenario
        self._play = play
        self.programs: dict[str, Program] = {}
        self.refused_files: dict[int, str] = {}
        self._folder = tempfile.TemporaryDirectory()

    def document(self, program: Program, index: int) -> str | None:
        """The text that the host would stage; None where it refuses the file."""
        path = Path(self._folder.name) / "program.toml"
        path.write_text(program.toml(), encoding="utf-8")
        try:
            loaded = host_program.load(path, self.scenario.start_utc_us)
        except PumpError as error:
            self.refused_files[index] = str(error)
            return None
        self.programs[loaded.hash] = program
        return loaded.text

    def run(self) -> Seen:
        """From power-on to the report."""
        scenario = self.scenario
        with self._folder:
            text = self.document(scenario.program, -1)
            if text is None:
                return Seen([], Fraction(1), {}, self.refused_files, {}, 0)
            events = self._events()
        request = {
            "program": text,
            "seed": scenario.seed,
            "start_utc_us": scenario.start_utc_us,
            "reservoir_nl": scenario.program.reservoir_nl,
        }
        with tempfile.TemporaryDirectory() as folder:
            return self._run(request, events, Path(folder) / "told.txt")

    def _run(self, request: dict[str, Any], events: list[dict[str, Any]], path: Path) -> Seen:
        asked = {**request, "events": events, "for_ms": self.scenario.for_ms, "told": str(path)}
        told = self._play(asked)
        seen = Seen(
            [Row(*row) for row in told["rows"]], Fraction(*told["step_nl"]), {}, self.refused_files, {}, 0
        )
        if told["refused"] is not None:
            self.refused_files[-1] = told["refused"]
            return seen
        like = {"typed": "rate", "later": "load"}
        rates = [{**event, "do": like[event["do"]]} for event in events if event["do"] in like]
        seen.programs, seen.pulses = self.programs, told["pulses"]
        seen.report = rehearsal.finish({**request, "events": events + rates}, told["report"], path)
        return seen

    def _events(self) -> list[dict[str, Any]]:
        rows = []
        for index, event in enumerate(self.scenario.events):
            row: dict[str, Any] = {"do": event.do, "at_ms": event.at_ms, **event.fields}
            if event.program is not None:
                text = self.document(event.program, index)
                if text is None:
                    continue
                row["document"] = text
            rows.append(row)
        return rows
