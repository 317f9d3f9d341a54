"""What holds over the whole tree: sizes, the firmware's dialect, who touches hardware, and nothing of one machine.

Owns: the checks that no tool of the gate makes.
Rules: looks at the files that git tracks, or would track, as they are now.
Units: lines.
Leaves: import directions to import-linter, style to ruff, types to pyright.
"""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAX_LINES = 350
HARDWARE_ROOMS = ("firmware/main.py", "firmware/rig/start.py", "firmware/rig/step", "firmware/rig/board")
TEXT = {".py", ".pyi", ".md", ".toml", ".json", ".mjs", ".yml", ".yaml", ".csv", ".svg", ".html", ".cfg", ""}


def tracked() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return [ROOT / name for name in sorted(set(names.splitlines())) if (ROOT / name).is_file()]


FILES = tracked()
FIRMWARE = [path for path in FILES if path.is_relative_to(ROOT / "firmware") and path.suffix == ".py"]
TESTS = [path for path in FILES if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]


def by_name(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in paths]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_no_python_file_is_longer_than_a_reader_can_hold() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_bytes().splitlines()) for path in FILES}
    assert {name: size for name, size in sizes.items() if name.endswith(".py") and size > MAX_LINES} == {}


def test_every_module_says_what_it_owns_and_what_it_leaves() -> None:
    """Four parts for the product's modules; for a test, an example or a handful of lines a sentence is enough."""
    silent: list[str] = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py" and path.name != "__init__.py":
            text = path.read_text(encoding="utf-8")
            header = ast.get_docstring(ast.parse(text)) or ""
            short = name.startswith(("tests/", "examples/", "bench/")) or text.count("\n") < 30
            parts = () if short else ("Owns", "Rules", "Units", "Leaves")
            if not header or not all(f"{part}:" in header for part in parts):
                silent.append(name)
    assert silent == []


@pytest.mark.parametrize("path", by_name(FIRMWARE))
def test_firmware_has_no_float_and_no_division_that_makes_one(path: Path) -> None:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"line {node.lineno}: literal {node.value}")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: / makes a float")
        if isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
    assert found == []


@pytest.mark.parametrize("path", by_name(FIRMWARE))
def test_firmware_imports_nothing_that_the_board_lacks(path: Path) -> None:
    absent = {"typing", "dataclasses", "enum", "pathlib", "functools", "itertools", "asyncio", "threading"}
    assert imported(path) & absent == set()


@pytest.mark.parametrize("path", by_name(FIRMWARE))
def test_only_the_board_the_stepper_and_the_flash_device_touch_hardware(path: Path) -> None:
    hardware = imported(path) & {"machine", "rp2"}
    if not any(path.is_relative_to(ROOT / place) for place in HARDWARE_ROOMS):
        assert hardware == set()


@pytest.mark.parametrize("path", by_name(TESTS))
def test_no_test_sleeps_on_the_wall_clock(path: Path) -> None:
    sleeps = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("time", "asyncio")
    ]
    assert sleeps == []


def test_no_two_folders_of_the_path_have_a_module_of_the_same_name() -> None:
    """A folder without `__init__.py` gives way to a file of its name anywhere on the path, wherever that stands."""
    owners: dict[str, set[str]] = {}
    for root in ("host", "firmware/lib", "firmware", "tests", "bench", "hardware", "docs", "examples"):
        for path in FILES:
            if path.suffix == ".py" and path.is_relative_to(ROOT / root):
                first = path.relative_to(ROOT / root).parts[0].removesuffix(".py")
                owners.setdefault(first, set()).add(root)
    assert {name: roots for name, roots in owners.items() if len(roots) > 1} == {}


def test_nothing_names_the_machine_it_was_made_on() -> None:
    paths = re.compile(rb"/work/|/root/|/home/[a-z]|/Users/[A-Za-z]")
    hosts = re.compile(rb'"resolved"|registry\.|pypi\.org/simple|--index-url|extra-index')
    found: list[str] = []
    for path in FILES:
        if path.suffix not in TEXT or path == Path(__file__):
            continue
        data = path.read_bytes()
        for pattern in (paths, hosts) if path.name.endswith(("lock.json", ".toml")) else (paths,):
            match = pattern.search(data)
            if match:
                found.append(f"{path.relative_to(ROOT).as_posix()}: {match.group().decode()}")
    assert found == []


def test_no_binary_of_others_is_kept() -> None:
    forbidden = {".uf2", ".bin", ".mpy", ".whl", ".img", ".so", ".exe"}
    assert [path.name for path in FILES if path.suffix in forbidden] == []


def test_nothing_is_left_to_be_done_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if path.suffix in (".py", ".mjs")
        and path != Path(__file__)
        and marks.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_link_between_the_pages_leads_somewhere() -> None:
    dead: list[str] = []
    for path in FILES:
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
                if "://" not in target and not (path.parent / target).exists():
                    dead.append(f"{path.relative_to(ROOT).as_posix()}: {target}")
    assert dead == []


def test_every_page_can_be_reached_from_the_index() -> None:
    """By links, from docs/index.md; a folder that is linked reaches its pages."""
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        if page.is_dir():
            waiting += page.glob("*.md")
        elif page.suffix == ".md":
            waiting += [
                page.parent / target
                for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
            ]
    pages = {path.resolve() for path in FILES if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")}
    assert {path.name for path in pages - reached} == set()


def test_every_file_that_is_to_come_first_is_there() -> None:
    from conftest import FIRST

    assert [name for name in FIRST if not (ROOT / "tests" / name).is_file()] == []
