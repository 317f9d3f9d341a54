"""`make mutants`: one place of the firmware made wrong at a time; the tests nearest to it have to notice.

Owns: what is mutated and how, which tests are nearest to a module, the count.
Rules: a mutant is one change of one node of the syntax tree, drawn by a seed; the tree's own files are never touched,
each mutant runs in a copy, through a few random weeks first, for these are quick; the tests must pass without a mutant
first; a run that takes too long is counted apart, not as killed: the machine may have been slow.
Units: mutants; seconds a run may take.
Leaves: why a survivor may live to the reader of the list.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RIG = "firmware/rig"
WIRE = "firmware/lib/pumpwire"
FLOW = [
    "tests/unit/flow",
    "tests/requirements/test_interrupted.py",
    "tests/requirements/test_interrupted_limits.py",
    "tests/oracle/test_boluses.py",
]
BOOT = [
    "tests/unit/log",
    "tests/faults/test_power_cuts.py",
    "tests/requirements/test_power.py",
    "tests/oracle/test_cuts.py",
]
NEAREST = {
    f"{RIG}/flow/therapy.py": [*FLOW, "tests/oracle/test_stops.py"],
    f"{RIG}/flow/dosing.py": FLOW,
    f"{RIG}/flow/delivery.py": [*FLOW, "tests/oracle/test_stops.py"],
    f"{RIG}/flow/day_cap.py": FLOW,
    f"{RIG}/flow/boluses.py": [*FLOW, "tests/oracle/test_stops.py", "tests/oracle/test_cuts.py"],
    f"{RIG}/flow/overlay.py": [*FLOW, "tests/oracle/test_cuts.py"],
    f"{RIG}/flow/requests.py": [*FLOW, "tests/requirements/test_delivery.py", "tests/oracle/test_cuts.py"],
    f"{RIG}/flow/grants.py": [
        *FLOW,
        "tests/requirements/test_delivery.py",
        "tests/requirements/test_dispense.py",
        "tests/oracle/test_everything.py",
    ],
    f"{RIG}/line/session.py": [
        "tests/unit/line",
        "tests/requirements/test_commands.py",
        "tests/faults/test_exactly_once.py",
    ],
    f"{RIG}/log/journal.py": BOOT,
    f"{RIG}/log/checkpoint.py": [*BOOT, "tests/requirements/test_interrupted.py"],
    f"{RIG}/boot/recovery.py": BOOT,
    f"{RIG}/boot/snapshot.py": [*BOOT, "tests/requirements/test_interrupted.py"],
    f"{RIG}/watch/monitor.py": [
        "tests/unit/watch",
        "tests/requirements/test_alarms.py",
        "tests/requirements/test_rotation.py",
        "tests/oracle/test_stops.py",
    ],
    f"{RIG}/watch/rotation.py": ["tests/requirements/test_rotation.py", "tests/requirements/test_alarms.py"],
    f"{RIG}/watch/pressure.py": ["tests/unit/watch", "tests/requirements/test_alarms.py"],
    f"{WIRE}/daily.py": ["tests/unit/flow/test_daily.py", *FLOW],
    f"{WIRE}/program.py": [*FLOW, "tests/oracle/test_calm.py"],
    f"{WIRE}/codec.py": ["tests/unit/wire"],
}
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
WEEKS = """
from oracle.runs import disagreement
for seed in range(8):
    for kind in ("boluses", "stops", "cuts", "all"):
        assert not disagreement(kind, seed), (kind, seed)
"""
OUT = ROOT / "out" / "mutants.jsonl"
COPIED = ("firmware", "host", "tests", "docs", "examples", "bench", "hardware", "typings")


class Mutate(ast.NodeTransformer):
    """Counts the places of a file, and makes the n-th wrong."""

    def __init__(self, wanted: int = -1) -> None:
        self.wanted = wanted
        self.seen = 0
        self.what = ""

    def _here(self, node: ast.AST, what: str) -> bool:
        self.seen += 1
        if self.seen - 1 != self.wanted:
            return False
        self.what = f"line {getattr(node, 'lineno', 0)}: {what}"
        return True

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        new = OTHER.get(type(node.ops[0]))
        if new and self._here(node, f"{type(node.ops[0]).__name__} to {new.__name__}"):
            node.ops[0] = new()
        return node

    def _operator(self, node: ast.BinOp | ast.AugAssign | ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        new = OTHER.get(type(node.op))
        if new and self._here(node, f"{type(node.op).__name__} to {new.__name__}"):
            node.op = new()
        return node

    visit_BinOp = visit_AugAssign = visit_BoolOp = _operator

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and self._here(node, f"{node.value} to {node.value + 1}"):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        if type(node.value) is bool and self._here(node, f"{node.value} to {not node.value}"):
            return ast.copy_location(ast.Constant(not node.value), node)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if self._here(node, "if negated"):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Call) and self._here(node, "call left out"):
            return ast.copy_location(ast.Pass(), node)
        return node


def places(name: str) -> int:
    """How many mutants a file has."""
    counter = Mutate()
    counter.visit(ast.parse((ROOT / name).read_text(encoding="utf-8")))
    return counter.seen


def one(name: str, number: int, limit_s: float) -> dict[str, object]:
    """Make one mutant (-1: none) and run its tests; what became of it."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    mutate = Mutate(number)
    tree = ast.fix_missing_locations(mutate.visit(tree))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in COPIED:
            shutil.copytree(
                ROOT / part, copy / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / name).write_text(ast.unparse(tree) + "\n", encoding="utf-8")
        tests = [test for test in NEAREST[name] if (copy / test).exists()]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0", *tests]
        paths = os.pathsep.join(str(copy / part) for part in ("host", "firmware/lib", "firmware", "tests"))
        weeks = [sys.executable, "-c", WEEKS]
        run: dict[str, Any] = {"cwd": copy, "capture_output": True, "text": True, "timeout": limit_s}
        try:
            ran = subprocess.run(weeks, check=False, env={**os.environ, "PYTHONPATH": paths}, **run)
            if not ran.returncode:
                ran = subprocess.run(command, check=False, **run)
            became = "survived" if ran.returncode == 0 else "killed"
            if ran.returncode not in (0, 1, 2):
                became = f"not run: pytest ended with {ran.returncode}"
        except subprocess.TimeoutExpired:
            became = "too long"
    return {"file": name, "place": number, "what": mutate.what, "became": became}


def main() -> int:
    """A sample of mutants; 1 if fewer than 95 % are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="files whose path has this in it")
    parser.add_argument("--limit-s", type=float, default=900.0)
    options = parser.parse_args()
    every = [(name, k) for name in NEAREST if options.only in name for k in range(places(name))]
    drawn = random.Random(options.seed).sample(every, min(options.count, len(every)))
    print(f"{len(drawn)} of {len(every)} mutants, seed {options.seed}", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    for name in sorted({name for name, _number in drawn}):
        became = one(name, -1, options.limit_s)["became"]
        if became != "survived":
            print(
                f"the tests of {name} do not pass without a mutant ({became}); mend them, or raise --limit-s"
            )
            return 2
    rows: list[dict[str, object]] = []
    with OUT.open("w", encoding="utf-8") as file:
        for name, number in drawn:
            rows.append(one(name, number, options.limit_s))
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
            if rows[-1]["became"] != "killed":
                print(f"  {rows[-1]['became']}: {name}, {rows[-1]['what']}", flush=True)
    killed = sum(row["became"] == "killed" for row in rows)
    late = sum(row["became"] == "too long" for row in rows)
    print(f"{killed} of {len(rows)} killed, {late} took too long; each is in {OUT.relative_to(ROOT)}")
    return 0 if killed >= 0.95 * len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
