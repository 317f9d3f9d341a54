"""`make mutants`: one place of the firmware made wrong at a time; do the tests notice?

Owns: which modules, which tests, the draw, the list of what became of each, the count.
Rules: the places are drawn by a seed; the tree's own files are never touched; a run that was broken off goes on where
it stood, as long as the module is unchanged; a mutant that would run for ever is killed by the limit of processor
time and counted apart; one that waits for ever, breaks the machinery or is not reached by any test is not killed.
Units: mutants; seconds of processor time.
Leaves: what a mutant is to mutated.py, running tests on it to mutant_tests.py, why a survivor may live to
docs/explanation/mutants.md.

Why not mutmut 3.8 or cosmic-ray: mutmut changes only what is inside a function, so no threshold, table or default of
the firmware, leaves out every property, and makes all mutants of a file, not a drawn sample; cosmic-ray starts a
process and runs all tests for each mutant. (mutmut's source was read in November 2026.) Two hundred lines are less.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
import time
from collections import Counter
from typing import Any

import mutant_tests as runner
import mutated

RIG = "firmware/rig"
WIRE = "firmware/lib/pumpwire"
# What decides over flow, records and alarms: the window of 24 h is day_cap, the schedule boluses to grants.
MODULES = [
    *(f"{RIG}/flow/{name}.py" for name in ("therapy", "dosing", "anglemap", "counted", "delivery")),
    *(
        f"{RIG}/flow/{name}.py"
        for name in ("day_cap", "weigh", "boluses", "overlay", "requests", "grants", "apart")
    ),
    *(f"{RIG}/line/{name}.py" for name in ("session", "access", "later")),
    *(f"{RIG}/log/{name}.py" for name in ("journal", "finding", "checkpoint", "logbook")),
    *(f"{RIG}/boot/{name}.py" for name in ("recovery", "loss", "snapshot", "replay")),
    *(f"{RIG}/watch/{name}.py" for name in ("monitor", "rotation", "pressure", "reservoir", "thresholds")),
    *(f"{WIRE}/{name}.py" for name in ("daily", "program", "codec", "records")),
]
# Those that kill much for their time: what takes minutes (rises, campaigns, whole days) would be reached too seldom.
TESTS = [
    *(f"tests/unit/{room}" for room in ("flow", "log", "line", "watch", "wire", "boot", "therapy")),
    *(
        f"tests/requirements/test_{what}.py"
        for what in (
            "rotation",
            "power",
            "alarms",
            "interrupted",
            "interrupted_limits",
            "delivery",
            "dispense",
        )
    ),
    *(f"tests/requirements/test_{what}.py" for what in ("commands", "clock")),
    *(f"tests/oracle/test_{kind}.py" for kind in ("everything", "cuts", "stops", "boluses", "calm")),
    "tests/faults/test_power_cuts.py",
]
# Where the tests nearest to a module do not stand under its own name
ELSEWHERE = {
    "flow/anglemap": "flow/test_angle_map",
    "flow/apart": "flow/test_grants",
    "flow/overlay": "flow/test_boluses",
    "flow/requests": "flow/test_grants",
    "line/later": "line/test_therapy_later",
    "log/finding": "log/test_journal",
    **{f"boot/{name}": "boot" for name in ("recovery", "loss", "snapshot", "replay")},
    "pumpwire/daily": "flow/test_daily",
    "pumpwire/program": "flow/test_program",
    "pumpwire/codec": "wire/test_wire",
    "pumpwire/records": "wire/test_records",
}


def nearest(path: str) -> str:
    """How the names of the tests nearest to a module begin."""
    room, name = path.removesuffix(".py").split("/")[-2:]
    return "tests/unit/" + ELSEWHERE.get(f"{room}/{name}", f"{room}/test_{name}")


# They meet its mutants first, and alone with --near.
NEAR = {path: nearest(path) for path in MODULES}
GOAL = 0.95
DONE = runner.ROOT / "out" / "mutants.jsonl"
KILLED = ("killed", "endless")


def drawn(count: int, seed: int, only: str) -> tuple[list[tuple[str, int]], int]:
    """The places of the sample, and of how many they are drawn; of these only those whose path has `only` in it."""
    every = [(path, place.number) for path in MODULES for place in mutated.places(runner.source(path))]
    # A lot for each place: a longer sample goes on where a shorter one ends, and a module that changes moves its own.
    every.sort(key=lambda row: hashlib.sha256(f"{seed} {row[0]} {row[1]}".encode()).digest())
    return [row for row in every[:count] if only in row[0]], len(every)


def on_file() -> dict[tuple[str, int], dict[str, Any]]:
    """What became of mutants of modules that have not changed since; the last word counts."""
    rows = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    digests = {path: runner.digest(path) for path in MODULES}
    return {(row["file"], row["place"]): row for row in rows if digests.get(row["file"]) == row["digest"]}


class Sample:
    """The mutants of one draw, and what became of them."""

    def __init__(
        self, sample: list[tuple[str, int]], budget_s: float, until_s: float, again: bool, near: bool
    ) -> None:
        self.sample = sample
        self.near = near
        self.budget_s = budget_s
        self.until_s = until_s
        self.rows = on_file()
        self.coming = [
            key
            for key in sample
            if key not in self.rows or ((again or near) and self.rows[key]["became"] not in KILLED)
        ]
        self.sources = {path: runner.source(path) for path, _number in sample}
        self.digests = {path: runner.digest(path) for path in self.sources}  # a file may change meanwhile
        self.places = {path: mutated.places(text) for path, text in self.sources.items()}
        self.kills: Counter[tuple[str, str]] = Counter()
        for row in self.rows.values():
            if row["became"] == "killed":
                self.kills[row["file"], row["by"]] += 1

    def order(self, path: str, number: int, tests: dict[str, dict[str, Any]]) -> list[str]:
        """The tests that reach a place: what killed most in this module for the least time first."""
        place = self.places[path][number]
        if place.function:
            wanted = {path: {place.statement}}
        else:
            wanted = {
                other: lines_with(text, place.names) | ({0} if other == path else set())
                for other, text in self.sources.items()
            }
        near = {
            name
            for name, row in tests.items()
            if any(wanted.get(file, set()) & set(lines) for file, lines in row["lines"].items())
        }
        if not place.function:
            near = near or {name for name, row in tests.items() if path in row["lines"]}
            near |= {name for name in tests if name.startswith(NEAR[path])}  # they may read the number itself
        score = {
            name: (self.kills[path, name] + (0.5 if name.startswith(NEAR[path]) else 0.05))
            / (tests[name]["cpu_s"] + 0.02)
            for name in sorted(near)
        }
        return sorted(score, key=lambda name: -score[name])

    def keep(self, path: str, number: int, became: dict[str, Any]) -> None:
        """A line on file."""
        place = self.places[path][number]
        row = {
            "file": path,
            "place": number,
            "line": place.line,
            "what": place.what,
            "digest": self.digests[path],
        }
        row |= became
        self.rows[path, number] = row
        if row["became"] == "killed":
            self.kills[path, row["by"]] += 1
        if self.near and row["became"] not in KILLED:
            print(
                f"  lives: {path}:{place.line} {place.what} (#{number}, {became['by']})",
                file=sys.stderr,
                flush=True,
            )
            return  # other tests are still to come
        with DONE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def run(self) -> None:
        """Those that tests reach in functions in a process that has collected them; those that act at import from here.

        None before it is known of every test what it reaches.
        """
        runner.collected_apart(self.tests(), self._inside)
        tests = runner.known()
        if self.near:
            tests = {name: row for name, row in tests.items() if name.startswith(tuple(NEAR.values()))}
        killed = [key for key, row in on_file().items() if row["became"] in KILLED]  # the fork has written it
        for path, number in sorted(set(self.coming) - set(killed)):
            order = self.order(path, number, tests)
            if time.monotonic() > self.until_s or (self.places[path][number].function and order):
                continue
            # a function that no test reaches may be called as its module is imported
            order = order or [name for name in tests if name.startswith(NEAR[path])]
            code = mutated.mutant(self.sources[path], number, str(runner.ROOT / path))
            self.keep(path, number, runner.at_import(order, tests, path, code, self.budget_s))

    def tests(self) -> list[str]:
        """All, or those that stand nearest to the sample's modules."""
        if not self.near:
            return TESTS
        begins = {NEAR[path] for path, _number in self.sample}
        files = [path for begin in begins for path in runner.ROOT.glob(f"{begin}*")]
        return sorted(str(path.relative_to(runner.ROOT)) for path in files)

    def _inside(self, items: list[Any]) -> None:
        named = {item.nodeid: item for item in items}
        tests = runner.reach(items, MODULES, self.until_s)
        if any(row["failed"] for row in tests.values()):
            raise AssertionError("a test does not pass without a mutant: main says which")
        live = runner.live_functions(self.sources)
        for path, number in self.coming:
            if time.monotonic() > self.until_s:
                return
            if not self.places[path][number].function:
                continue
            order = [named[name] for name in self.order(path, number, tests)]
            if order:
                code = mutated.mutant(self.sources[path], number, str(runner.ROOT / path))
                self.keep(path, number, runner.in_function(order, tests, code, live[path], self.budget_s))


def lines_with(text: str, names: tuple[str, ...]) -> set[int]:
    """The lines of the statements in which any of these names stands."""
    found: set[int] = set()
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.stmt):
            for node in ast.walk(statement):
                if getattr(node, "id", getattr(node, "attr", None)) in names:
                    found.add(statement.lineno)
    return found


def shown(rows: list[dict[str, Any]], wanted: int) -> int:
    """The survivors and the count; 0 where the goal is reached by all."""
    for row in sorted(rows, key=lambda row: (row["file"], row["line"])):
        if row["became"] not in KILLED:
            print(
                f"  {row['became']}: {row['file']}:{row['line']} {row['what']} (#{row['place']}, {row['by']})"
            )
    became = Counter(row["became"] for row in rows)
    killed = sum(became[name] for name in KILLED)
    share = 100 * killed / max(1, len(rows))
    endless = f", {became['endless']} of them ran without end" if became["endless"] else ""
    print(f"{killed} of {len(rows)} mutants killed ({share:.1f} %; goal {100 * GOAL:.0f} %){endless}")
    if len(rows) < wanted:
        print(f"{wanted - len(rows)} are still to come: the same command goes on")
    return 0 if rows and len(rows) == wanted and killed >= GOAL * wanted else 1


def main() -> int:
    """A sample of mutants; 1 if fewer than 95 % are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="of the sample, files whose path has this in it")
    parser.add_argument("--budget-s", type=float, default=20.0, help="of tests for a mutant")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="stop after so long; the same command goes on"
    )
    parser.add_argument("--again", action="store_true", help="those that lived, once more")
    parser.add_argument(
        "--near", action="store_true", help="the nearest tests only; those that live stay open"
    )
    parser.add_argument("--list", action="store_true", help="run nothing")
    options = parser.parse_args()
    until_s = time.monotonic() + options.minutes * 60
    sample, of = drawn(options.count, options.seed, options.only)
    DONE.parent.mkdir(exist_ok=True)
    made = Sample(sample, options.budget_s, until_s, options.again, options.near)
    print(f"{len(sample)} of {of} mutants, seed {options.seed}; {len(made.coming)} to run", flush=True)
    if made.coming and not options.list:
        try:
            made.run()
        except RuntimeError as error:
            failed = [name for name, row in runner.known().items() if row["failed"]]
            print("These tests do not pass without a mutant:" if failed else error, *failed, sep="\n  ")
            return 2
    rows = on_file()  # the forks have written it
    return shown([rows[key] for key in sample if key in rows], len(sample))


if __name__ == "__main__":
    sys.exit(main())
