"""A scenario on the very firmware: programs through the host's reader, events through the simulated rig.

Owns: the run, and turning what the rig logged into plain rows.
Rules: no rule of the therapy is known here; what the judge sees is the log as it was written into flash, pulses at the
step pin, and the rehearsal's report.
Units: as in scenario.py.
Leaves: judging to judge.py, the rehearsal to rigsim.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

from oracle.program import Program
from oracle.scenario import Row, Scenario, Seen
from pumprig import rehearsal
from pumprig.errors import PumpError
from pumprig.therapy import program as host_program
from pumpwire import records
from rigsim.chip import CYCLES_PER_MS, CYCLES_PER_US, on
from rigsim.events import book
from rigsim.rehearse import _Run
from rigsim.wire import Refused


class Drive:
    """One run under way."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.rows: list[Row] = []
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
        with path.open("w", encoding="ascii") as told:
            run = _Run(request, None, None, told)
            seen = self._play(run, request, events)
        if seen.report:
            rates = [{**event, "do": "rate"} for event in events if event["do"] == "typed"]
            seen.report = rehearsal.finish({**request, "events": events + rates}, seen.report, path)
        return seen

    def _play(self, run: Any, request: dict[str, Any], events: list[dict[str, Any]]) -> Seen:
        scenario, text = self.scenario, request["program"]
        taken = run.recorder.take
        rig = run.rig

        def take(page: int, data: bytes) -> None:
            taken(page, data)
            if data[:2] == records.MAGIC:
                self._keep(rig, data)

        rig.chip.flash.on_program = take
        try:
            run.begin(text)
        except Refused as refused:
            self.refused_files[-1] = str(refused)
            return Seen([], _step_nl(run), {}, self.refused_files, {}, 0)
        self._book(run, events)
        pulses = rig.pump.pulses_total
        run.run(scenario.for_ms, None)
        rig.pump.true_nl()
        pulses = rig.pump.pulses_total - pulses
        report = run.report(request, scenario.for_ms, 0.0)
        return Seen(self.rows, _step_nl(run), self.programs, self.refused_files, report, pulses)

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

    def _keep(self, rig: Any, data: bytes) -> None:
        header, state, text = records.unpack(records.unseal(data))
        event = records.EVENTS[header["event"]]
        world_us = rig.chip.now // CYCLES_PER_US
        row = Row(
            world_us, header["boot"], header["mono_us"], header["utc_us"], event, fields_of(text), state
        )
        self.rows.append(row)

    def _book(self, run: Any, events: list[dict[str, Any]]) -> None:
        """Every event at its instant; before each cut, how far the pump has come."""
        for event in events:
            if event["do"] == "power_cut":
                run.rig.at(
                    run.world.start_cycle + event["at_ms"] * CYCLES_PER_MS, lambda: self._note_cut(run.rig)
                )
        own = [event for event in events if event["do"] in OWN]
        for event in own:
            cycle = run.world.start_cycle + event["at_ms"] * CYCLES_PER_MS
            run.rig.at(cycle, lambda event=event: OWN[event["do"]](run, event))
        book(run.world, [event for event in events if event["do"] not in OWN])

    def _note_cut(self, rig: Any) -> None:
        if rig.powered and rig.rig is not None:
            rig.pump.true_nl()
            with on(rig.chip):
                mono_us = rig.rig.clock.now_us()
            fields = {"pulses": str(rig.pump.pulses_total)}
            self.rows.append(
                Row(rig.chip.now // CYCLES_PER_US, self.rows[-1].boot, mono_us, 0, "cut", fields, {})
            )


def _calibrate(run: Any, event: dict[str, Any]) -> None:
    names = ("rate_nl_per_day", "volume_nl")
    run.world.wire.command("calibrate", *((name, event[name]) for name in names))


def _type(run: Any, event: dict[str, Any]) -> None:
    """A person at a plain terminal: asks for a rate, and confirms it by the code that is shown."""
    rig, wire = run.rig, run.world.wire

    def line(text: str) -> None:
        if rig.powered:
            rig.port.push(text.encode() + b"\r\n")

    def confirm() -> None:
        shown = [text for text in wire.other_lines[-6:] if b"commit " in text]
        if shown:
            line("commit " + shown[-1].split()[-1].decode())

    line("terminal")
    rig.after_us(1_000_000, lambda: line(f"rate {event['rate_nl_per_day']} nl/day"))
    rig.after_us(2_000_000, confirm)


OWN = {"calibrate": _calibrate, "typed": _type}  # what no rehearsal's event does


def _step_nl(run: Any) -> Fraction:
    """A step's volume, by the calibration, as the rig tells it."""
    status = run.wire.status()
    return Fraction(int(status["step_nl_num"]), int(status["step_nl_den"]))


def fields_of(text: str) -> dict[str, str]:
    """`name=value name=value`; of a name that stands twice the first."""
    fields: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals:
            fields.setdefault(name, value)
    return fields
