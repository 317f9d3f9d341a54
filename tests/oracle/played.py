"""A scenario's run on the simulated rig: a request in, what was seen out, both of them plain JSON.

Owns: the run, and turning what the rig logged into plain rows.
Rules: no rule of the therapy is known here; what the judge sees is the log as it was written into flash, pulses at the
step pin, and the rehearsal's report. Runs on PyPy's Python 3.9 as well, with nothing but the simulator's own files:
`python -m oracle.played` takes a request a line.
Units: ms since the scenario's start; microseconds of the world or of the device's clock since its boot.
Leaves: programs and the report's account to drive.py.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pumpwire import records, spec
from rigsim.chip import CYCLES_PER_MS, CYCLES_PER_US, on
from rigsim.events import book
from rigsim.rehearse import _Run
from rigsim.wire import Exchange, Refused, stage_parts


class Played:
    """One run under way."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.rows: list[list[Any]] = []

    def run(self) -> dict[str, Any]:
        """`rows`, `step_nl` (numerator, denominator), `report`, `pulses`; or why the program was `refused`."""
        request = self.request
        with open(request["told"], "w", encoding="ascii") as told:
            run = _Run({name: request[name] for name in request if name not in OURS}, None, None, told)
            taken = run.recorder.take
            rig = run.rig

            def take(page: int, data: bytes) -> None:
                taken(page, data)
                if data[:2] == records.MAGIC:
                    self._keep(rig, data)

            rig.chip.flash.on_program = take
            try:
                run.begin(request["program"])
            except Refused as refused:
                return self._told(run, str(refused), {}, 0)
            self._book(run, request["events"])
            pulses = rig.pump.pulses_total
            run.run(request["for_ms"], None)
            rig.pump.true_nl()
            pulses = rig.pump.pulses_total - pulses
            return self._told(run, None, run.report(request, request["for_ms"], 0.0), pulses)

    def _told(self, run: Any, refused: str | None, report: dict[str, Any], pulses: int) -> dict[str, Any]:
        return {
            "refused": refused, "rows": [] if refused else self.rows, "step_nl": _step_nl(run),
            "report": report, "pulses": pulses,
        }  # fmt: skip

    def _keep(self, rig: Any, data: bytes) -> None:
        header, state, text = records.unpack(records.unseal(data))
        event = records.EVENTS[header["event"]]
        world_us = rig.chip.now // CYCLES_PER_US
        self.rows.append(
            [world_us, header["boot"], header["mono_us"], header["utc_us"], event, fields_of(text), state]
        )

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
            self.rows.append([rig.chip.now // CYCLES_PER_US, self.rows[-1][1], mono_us, 0, "cut", fields, {}])


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


def _later(run: Any, event: dict[str, Any]) -> None:
    """A program is committed that is to begin at a time of the wall clock."""
    wire = run.world.wire

    def commit(staged: Exchange) -> None:
        if staged.answer is not None:
            fields = (("hash", staged.answer["hash"]), ("override", 1), ("at_utc_s", event["at_utc_s"]))
            wire.start(Exchange("commit", fields))
        wire.start(Exchange("close", ()))

    wire.start(Exchange("hello", (("digest", spec.digest()),), wire._learn))
    wire.start(Exchange("open", ()))
    parts = stage_parts(event["document"])
    for fields in parts[:-1]:
        wire.start(Exchange("stage", fields))
    wire.start(Exchange("stage", parts[-1], commit))


# What no rehearsal's event does.
OWN = {"calibrate": _calibrate, "typed": _type, "later": _later}
# What the request has besides a rehearsal's own.
OURS = ("events", "for_ms", "told")


def _step_nl(run: Any) -> list[int]:
    """A step's volume, by the calibration, as the rig tells it."""
    status = run.wire.status()
    return [int(status["step_nl_num"]), int(status["step_nl_den"])]


def fields_of(text: str) -> dict[str, str]:
    """`name=value name=value`; of a name that stands twice the first."""
    fields: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals:
            fields.setdefault(name, value)
    return fields


def play(request: dict[str, Any]) -> dict[str, Any]:
    """One run in this process."""
    return Played(request).run()


def main() -> None:
    """A run a line, until the lines end."""
    for line in sys.stdin:
        print(json.dumps(play(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
