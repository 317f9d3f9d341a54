"""Running tests on mutants: a process that has collected the tests once, and a fork of it for each mutant.

Owns: which test reaches which line at what cost, the order of the tests, the fork, its limit of processor time.
Rules: only tests that reach the place are run, those that killed most for the least time first, and the first failure
ends it; time is the processor's, so a busy machine changes nothing; a mutant never touches a file. A mutant inside a
function is put into the collected modules; one that acts at import has all of them imported anew.
Units: seconds of processor time.
Leaves: what is mutated to mutated.py, what is drawn and counted to mutants.py.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import time
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mutated
import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / "out" / "mutants-pytest.log"
MAP = ROOT / "out" / "mutants-map.jsonl"
FOLDERS = ("firmware/lib/", "firmware/")  # where a module's name begins
WALL_S = 900.0  # a mutant that waits for ever takes no processor time
WEEKS = 6
MEMORY_BYTES = 6 << 30
FIRST_S = 4.0  # of tests, before the others are collected for a mutant at import


def module_name(path: str) -> str:
    """`rig.flow.dosing` of its file."""
    for folder in FOLDERS:
        if path.startswith(folder):
            return path[len(folder) : -len(".py")].replace("/", ".")
    raise ValueError(path)


class Loop:
    """Instead of pytest's own loop over the collected tests."""

    def __init__(self, act: Callable[[list[pytest.Item]], None]) -> None:
        self._act = act

    def pytest_configure(self, config: pytest.Config) -> None:
        """The same examples each time; one that fails is enough, it need not be made small."""
        from hypothesis import Phase, settings

        house = settings.get_profile("house")
        settings.register_profile(
            "mutants", house, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
        )
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The first random weeks of each kind are enough: a week takes seconds."""
        items[:] = [item for item in items if not is_late_week(item)]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Whatever is to be done with the tests."""
        if not session.testsfailed:
            self._act(session.items)
        return not session.testsfailed


def is_late_week(item: pytest.Item) -> bool:
    """Whether it is a random week after the first WEEKS of its kind."""
    seed = item.callspec.params.get("seed", 0) if hasattr(item, "callspec") else 0  # type: ignore[attr-defined]
    return item.nodeid.startswith("tests/oracle/") and seed >= WEEKS


def collect(tests: Iterable[str], act: Callable[[list[pytest.Item]], None]) -> int:
    """Collect in this process, with what pytest prints in LOG; stderr stays."""
    fd = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(fd, 1)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", f"--rootdir={ROOT}"]
    return int(pytest.main([*options, *tests], plugins=[Loop(act)]))


def apart(work: Callable[[int], None], wall_s: float = WALL_S) -> tuple[bytes, int]:
    """Do it in a fork, which writes to the file descriptor that it is given; (written, how it ended or -1: late)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        code = 70
        try:
            os.close(reading)
            work(writing)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    data, until = b"", time.monotonic() + wall_s
    while select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(reading, 1 << 16)
        data += part
        if not part:
            break
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        return data, -1
    os.close(reading)
    return data, os.waitpid(pid, 0)[1]


def collected_apart(tests: list[str], act: Callable[[list[pytest.Item]], None], wall_s: float = 1e6) -> None:
    """Collect in a fork and act there; raises where that fails."""

    def work(_fd: int) -> None:
        code = collect(tests, act)
        if code not in (0, 5):
            os._exit(code)

    _data, status = apart(work, wall_s)
    if status:
        raise RuntimeError(f"the tests could not be collected ({status}): see {LOG.relative_to(ROOT)}")


def live_functions(modules: Iterable[str]) -> dict[str, dict[tuple[str, int], list[types.FunctionType]]]:
    """The functions of these files that are in memory, by file, name and first line."""
    paths = {str(ROOT / path): path for path in modules}
    for path in modules:
        importlib.import_module(module_name(path))  # some are in memory only when they are needed
    found: dict[str, dict[tuple[str, int], list[types.FunctionType]]] = {path: {} for path in modules}
    gc.unfreeze()  # what the tests have set apart is not shown otherwise
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType):
            code = thing.__code__
            path = paths.get(code.co_filename)
            if path and "<locals>" not in code.co_qualname:
                found[path].setdefault((code.co_qualname, code.co_firstlineno), []).append(thing)
    missing = [path for path, functions in found.items() if not functions and "def " in source(path)]
    if missing:
        raise RuntimeError(f"no function in memory of {', '.join(missing)}: every mutant there would live")
    return found


def source(path: str) -> str:
    """A module's text."""
    return (ROOT / path).read_text(encoding="utf-8")


# --- which test reaches what


def digest(path: str) -> str:
    """Changes with the file."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:16]


def known() -> dict[str, dict[str, Any]]:
    """What is on file of each test, where neither its file nor what it reaches has changed since."""
    rows = [json.loads(line) for line in MAP.read_text().splitlines()] if MAP.exists() else []
    latest = {row["test"]: row for row in rows}
    files = {path for row in latest.values() for path in row["digests"]}
    digests = {path: digest(path) for path in files if (ROOT / path).exists()}
    return {
        name: row
        for name, row in latest.items()
        if all(digests.get(path) == seen for path, seen in row["digests"].items())
    }


def reach(items: list[pytest.Item], modules: list[str], until_s: float) -> dict[str, dict[str, Any]]:
    """Every test's row, as far as they are known or can be found until then (of time.monotonic). After collecting."""
    rows = known()
    live = live_functions(modules)
    codes = {path: mutated.marked(source(path), str(ROOT / path)) for path in modules}
    with MAP.open("a", encoding="utf-8") as file:
        for item in items:
            if (item.nodeid in rows and not rows[item.nodeid]["failed"]) or time.monotonic() > until_s:
                continue
            data, status = apart(lambda fd, item=item: _reached(item, live, codes, fd))
            row = json.loads(data) if data and not status else {"failed": f"ended with {status}", "cpu_s": 0}
            files = [item.nodeid.partition("::")[0], *row.get("lines", ())]
            row |= {"test": item.nodeid, "digests": {path: digest(path) for path in files}}
            file.write(json.dumps(row) + "\n")
            file.flush()
            rows[item.nodeid] = row
    return {item.nodeid: rows[item.nodeid] for item in items if item.nodeid in rows}


def _reached(item: pytest.Item, live: dict[str, Any], codes: dict[str, Any], fd: int) -> None:
    reached = {path: bytearray(len(source(path).splitlines()) + 2) for path in codes}
    for path, code in codes.items():
        mutated.swap(live[path], code)
        vars(sys.modules[module_name(path)])[mutated.REACHED] = reached[path]
    began = time.process_time()
    reports = runtestprotocol(item, log=False, nextitem=None)
    row = {
        "cpu_s": round(time.process_time() - began, 3),
        "failed": next((str(report.longrepr)[-300:] for report in reports if report.failed), ""),
        "lines": {
            path: [k for k, hit in enumerate(lines) if hit] for path, lines in reached.items() if any(lines)
        },
    }
    _write(fd, row)


def _write(fd: int, row: dict[str, Any]) -> None:
    data = json.dumps(row).encode()
    while data:
        data = data[os.write(fd, data) :]


# --- a mutant


def limited(cost_s: float) -> None:
    """From now on so much processor time for one test, at five times what it takes and five seconds more."""
    soft = int(time.process_time() + 5 * cost_s + 6)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def judged(items: list[pytest.Item], rows: dict[str, dict[str, Any]], budget_s: float) -> dict[str, Any]:
    """In a mutant's own process: run until one fails."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    began = time.process_time()
    for count, item in enumerate(items):
        if time.process_time() - began > budget_s:
            return {"became": "survived", "by": f"{count} of {len(items)} tests"}
        limited(rows[item.nodeid]["cpu_s"])
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=None)):
            return {"became": "killed", "by": item.nodeid}
    return {"became": "survived", "by": f"all {len(items)} tests that reach it"}


def verdict(data: bytes, status: int) -> dict[str, Any]:
    """What became of a mutant's process."""
    if status == -1:
        return {"became": "stuck", "by": f"no end within {WALL_S:.0f} s"}
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return {"became": "endless", "by": "the limit of processor time"}
    if status or not data:
        return {"became": "broke", "by": f"the process ended with {status}"}
    return json.loads(data)


def in_function(items: list[pytest.Item], rows: dict[str, Any], code: Any, live: Any, budget_s: float) -> Any:
    """A mutant inside a function: its code is put in the place of what was collected."""

    def work(fd: int) -> None:
        if not mutated.swap(live, code):
            return _write(fd, {"became": "broke", "by": "the function was not found"})
        return _write(fd, judged(items, rows, budget_s))

    return verdict(*apart(work))


class _Loader(importlib.machinery.SourceFileLoader):
    code: Any = None

    def get_code(self, fullname: str) -> Any:
        return self.code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, path: str, code: Any) -> None:
        self._name, self._path = module_name(path), str(ROOT / path)
        self._code = code

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path)
        loader.code = self._code
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


def at_import(tests: list[str], rows: dict[str, Any], path: str, code: Any, budget_s: float) -> Any:
    """A mutant that acts when its module is imported: everything of ours is imported anew, a few tests first."""

    def work(fd: int, names: list[str]) -> None:
        sys.meta_path.insert(0, _Finder(path, code))
        limited(60)
        place = {name: k for k, name in enumerate(names)}

        def act(items: list[pytest.Item]) -> None:
            items.sort(key=lambda item: place[item.nodeid])
            _write(fd, judged(items, rows, budget_s))

        if collect(names, act):
            _write(fd, {"became": "killed", "by": "it cannot be imported"})

    spent, first = 0.0, 0
    while first < len(tests) and spent < FIRST_S:
        spent += rows[tests[first]]["cpu_s"]
        first += 1
    became: dict[str, Any] = {"became": "survived", "by": "no test reaches its module"}
    for part in (tests[:first], within(tests[first:], rows, budget_s)):
        if part:
            became = verdict(*apart(lambda fd, part=part: work(fd, part)))
        if became["became"] != "survived":
            break
    return became


def within(tests: list[str], rows: dict[str, Any], budget_s: float) -> list[str]:
    """As many of them, in order, as fit."""
    spent, found = 0.0, []
    for name in tests:
        spent += rows[name]["cpu_s"]
        if spent > budget_s and found:
            break
        found.append(name)
    return found
