"""`make faults`: the whole campaign, bounded, seeded, in virtual time; a figure a line and a report of what held.

Owns: the order of the parts, their sizes, the report.
Rules: the same seeds every time; a part that fails does not keep the next from running; the exit code is 1 if
anything did not hold.
Units: cases, nL, seconds of wall time, and of the processor, which a busy machine does not change.
Leaves: what must hold to the parts, each beside its short form in the tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from faults import deeds, heap, one_number, outcomes, outside, said_no, steps, store_race, wear
from faults.busyday import BusyDay
from faults.cuts import Cuts
from faults.exactly import COMMANDS, Campaign
from faults.host_kills import Kills, at_random, work_s
from faults.lines import DeviceParser, HostParser
from faults.sensors import cases, judge
from sim import asked

Figures = tuple[int, str, list[str]]  # tried, what was measured, failures
REPORT = Path(__file__).resolve().parents[2] / "out" / "faults.txt"


def power_cuts(seed: int, on_return: str, instants: int) -> Figures:
    """Every flash operation of a day, and so many instants."""
    day = BusyDay(seed, on_return).run(samples=instants)
    cuts = Cuts(day)
    tally = cuts.every_operation(twice=60)
    tally = cuts.random_instants()
    return (
        tally.tried,
        f"{len(day.flash.tape)} flash operations, {len(day.samples)} instants; worst loss "
        f"{tally.worst_lost_nl} nL, bound {tally.worst_bound_nl} nL, all counted as delivered",
        tally.failures,
    )


def device_lines(by_person: bool, count: int, seed: int) -> Figures:
    """Mutations into the device's parser."""
    device = DeviceParser(by_person)
    wrong = device.feed(device.mutations(count, seed))
    return count, "mutated lines into the device", [repr(line) for line in wrong]


def host_lines(count: int, seed: int) -> Figures:
    """Mutations into the host's parser."""
    return count, "mutated answers into the host", HostParser().mutations(count, seed)


def asked_and_given(seeds: int) -> Figures:
    """Every event that interferes, and every example with its events: asked is given and not given, to a step."""
    failures: list[str] = []
    worst = tried = 0
    for name in asked.INTERFERING:
        for seed in range(seeds):
            report, by_hand_nl, why = asked.constant(name, seed)
            tried += 1
            off_nl = abs(report["asked_nl"] - by_hand_nl)
            worst = max(worst, off_nl)
            failures += [f"{name}, seed {seed}: {wrong}" for wrong in asked.adds_up(report)]
            if off_nl > 2 * asked.STEP_NL:
                failures.append(f"{name}, seed {seed}: asked {report['asked_nl']}, by hand {by_hand_nl}")
            if why and why not in {row["why"] for row in report["not_given"]}:
                failures.append(f"{name}, seed {seed}: {why} is not among the reasons")
    for path in asked.programs():
        tried += 1
        report = asked.example(path, 36 * asked.HOUR_MS)
        failures += [f"{path.name}: {wrong}" for wrong in asked.adds_up(report)]
    return tried, f"rehearsals; asked is off rate times time by {worst} nL at the most", failures


def store_races(count: int) -> Figures:
    """Races of eight processes on a new store, two of them killed at drawn instants."""
    failures: list[str] = []
    for seed in range(count):
        with tempfile.TemporaryDirectory() as folder:
            failures += store_race.race(Path(folder) / "log.db", 8, 2, seed)
    return count, "races of eight processes, two killed", failures


def outcomes_of_all() -> Figures:
    """Every command that acts, with each output that can fail it."""
    tried = 0
    failures: list[str] = []
    for number in range(len(outcomes.OUTPUTS)):
        with tempfile.TemporaryDirectory() as folder:
            cases, wrong = deeds.run(Path(folder), number, whole=True)
        tried += cases
        failures += wrong
    return tried, "commands with an output that fails; the exit code is that of what was done", failures


def two_hosts(count: int) -> Figures:
    """Two hosts on one number, across boots."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            failures += one_number.trial(Path(folder), seed)
    return (
        count,
        "histories of two hosts on one rig, lines lost, power cut: each told what became of its own",
        failures,
    )


def no_at_the_review() -> Figures:
    """Every command that asks, answered with no."""
    with tempfile.TemporaryDirectory() as folder:
        tried, failures = said_no.run(Path(folder))
    return tried, "commands answered with no on a terminal; the rig's whole state before and after", failures


def whole_tests(*names: str) -> Figures:
    """Tests whose short form is already whole, told by pytest."""
    here = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", *(str(here / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here.parents[1])
    last = (done.stdout.strip().splitlines() or ["no output"])[-1]
    passed = re.search(r"(\d+) passed", last)
    failures = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not failures:
        failures = [last]
    return int(passed[1]) if passed else 0, "tests of tampering and of failing outputs", failures


def hypothesis_lines(count: int) -> Figures:
    """Cases that hypothesis makes up, each into both parsers."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    device, host = DeviceParser(False), HostParser()
    wrong: list[str] = []
    tried = 0
    quick: dict[str, Any] = {
        "max_examples": count // 2,
        "deadline": None,
        "database": None,
        "phases": [Phase.generate],
        "derandomize": True,
        "suppress_health_check": list(HealthCheck),
    }

    @settings(**quick)
    @given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: b">" + text.encode()))
    def into_both(case: bytes) -> None:
        nonlocal tried
        tried += 2
        wrong.extend(map(repr, device.feed([case])))
        if host.hear(7, [case.decode(errors="replace").replace(">", "<", 1)]) is not None:
            wrong.append(repr(case))

    into_both()
    return tried, "hypothesis cases into both parsers", wrong


def exactly_once(verbs: list[str]) -> Figures:
    """The link cut after each byte of commands and answers."""
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder))
        for verb in verbs:
            campaign.run(verb)
            campaign.run(verb, stride=3, restart=False)
        campaign.close()
        return campaign.tried, f"cuts of {len(verbs)} commands: {campaign.outcomes}", campaign.failures


def step_times(name: str) -> Figures:
    """An hour under one disturbance."""
    basal = "fast" if name == "flash stalls" else "day"
    edges, wrong, met = steps.differing(steps.BASALS[basal], name, seed=11)
    stalls = f", {met} stalls" if met else ""
    return edges, f"steps in an hour under {name}{stalls}: {wrong} late", [f"{wrong} late"] if wrong else []


def sensors() -> Figures:
    """Every failing sensor, supply and clock."""
    failures: list[str] = []
    found = cases()
    for name, case in found.items():
        _came, wrong = judge(name, case)
        failures += [f"{name}: {what}" for what in wrong]
    return len(found), "failing sensors, brown-outs, clocks, wraps", failures


def heap_exhausted(stride: int) -> Figures:
    """A heap with from nothing to 30 kB left, then with enough, on a real MicroPython VM."""
    came, wrong = heap.exhaust(stride)
    told = f"commands with 0 to {heap.MOST_FREE} bytes of heap left, and with enough: " + ", ".join(
        f"{came[name]} {name}" for name in ("went on", "reset", "logged", "done")
    )
    return came["went on"] + came["reset"], told, wrong


def host_kills(kind: str, count: int, first_seed: int) -> Figures:
    """SIGKILL at every n-th operation of a kind, then at random."""
    with tempfile.TemporaryDirectory() as folder:
        kills = Kills(Path(folder))
        kills.sweep(first=1, stride=1, kinds=kind)
        swept = kills.killed
        seed = first_seed
        longest_s = work_s(kills.path, kills.database)
        while kills.killed < count:
            kills.kill(f"random {seed}", at_random(seed, longest_s))
            seed += 1
            if seed > first_seed + 4 * count:
                kills.failures.append(f"only {kills.killed} of {count} kills came in time")
                break
        told = f"hosts killed while pulling and programming, {swept} at each {kind}, the others at random"
        return kills.killed, told, kills.failures


def years_of_life() -> Figures:
    """The log's wear."""
    figures = wear.figures()
    failures = [f"{row.name}: {row.years:.0f} years" for row in figures if row.years < wear.LEAST_YEARS]
    return len(figures), "; ".join(map(str, figures)), failures


def parts() -> list[tuple[str, Callable[..., Figures], tuple[Any, ...]]]:
    """(name, what to run, with what)."""
    verbs = list(COMMANDS)
    return [
        ("host kills, link", host_kills, ("link operation", 500, 1)),
        ("host kills, store", host_kills, ("statement", 500, 10_000)),
        ("power cuts, resume", power_cuts, (1, "resume", 7_000)),
        ("power cuts, stop", power_cuts, (2, "stop", 7_000)),
        ("mutations, device, host session", device_lines, (False, 350_000, 11)),
        ("mutations, device, terminal", device_lines, (True, 350_000, 12)),
        ("mutations, host", host_lines, (300_000, 13)),
        ("hypothesis", hypothesis_lines, (100_000,)),
        ("exactly once, 1", exactly_once, (verbs[::2],)),
        ("exactly once, 2", exactly_once, (verbs[1::2],)),
        *(("steps, " + name, step_times, (name,)) for name in steps.DISTURBANCES),
        ("sensors", sensors, ()),
        ("heap", heap_exhausted, (120,)),
        ("wear", years_of_life, ()),
        ("strangers at the port", outside.strangers_at_ports, ()),
        ("answers rewritten, 1", outside.rewritten_answers, (600, 1)),
        ("answers rewritten, 2", outside.rewritten_answers, (600, 10_000)),
        ("starts interrupted", outside.interrupted_starts, (60,)),
        ("helpers interrupted", outside.interrupted_helpers, (4,)),
        ("hostile names", outside.hostile_names, ()),
        ("asked, given, not given", asked_and_given, (2,)),
        ("store, made and filled by eight at once", store_races, (12,)),
        ("two hosts on one number", two_hosts, (100,)),
        ("a no at the review", no_at_the_review, ()),
        ("outcomes of every command", outcomes_of_all, ()),
        ("tampering and outcomes", whole_tests, ("test_tampering.py", "test_outcomes.py")),
    ]


def timed(run: Callable[..., Figures], arguments: tuple[Any, ...]) -> tuple[Figures, float, float]:
    """One part, its wall time and the processor's; an exception is a failure of it."""
    began_s, before = time.monotonic(), os.times()
    try:
        figures = run(*arguments)
    except Exception as error:
        figures = (0, "did not end", [f"{type(error).__name__}: {error}"])
    spent_s = sum(os.times()[:4]) - sum(before[:4])
    return figures, time.monotonic() - began_s, spent_s


def main() -> int:
    """Run all parts on two cores; print and keep the report."""
    began_s = time.monotonic()
    rows: list[str] = []
    failed = total = 0
    processor_s = 0.0
    with ProcessPoolExecutor(max_workers=2) as pool:
        under_way = [(name, pool.submit(timed, run, arguments)) for name, run, arguments in parts()]
        for name, future in under_way:
            (tried, told, failures), took_s, spent_s = future.result()
            processor_s += spent_s
            total += tried
            failed += bool(failures)
            held = "held  " if not failures else "FAILED"
            row = f"{held} {name:<34} {tried:>8}  {told}  ({took_s:.0f} s, processor {spent_s:.0f} s)"
            rows.append(row)
            print(row, flush=True)
            for failure in failures[:5]:
                print(f"       {failure}", flush=True)
    last = (
        f"{total} cases, {len(rows) - failed} of {len(rows)} parts held, {time.monotonic() - began_s:.0f} s, "
        f"processor {processor_s:.0f} s"
    )
    print(last)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join([*rows, last]) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
