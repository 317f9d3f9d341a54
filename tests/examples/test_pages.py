"""Every command and every Python snippet of every page is executed, as it stands, by somebody who has just come.

What cannot run here stands in NOT_RUN with its reason; a line that stands there and in no page is a fault.
"""

import configparser
import json
import plistlib
import re
import shlex
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
import serial
from examples.test_snippets import PAGES, ROOT
from examples.typist import Typist
from pumprig import rehearsal
from pumprig.therapy import program

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(
    r"^(?:\$ )?((?:[A-Z_]+=\S+ )*(?:pumprig|python -m|make|pip|source|ssh|picocom) [-./a-z].*)$"
)
# the page and the beginning of the line: why it is not run here
NOT_RUN = {
    (
        "studies.md",
        "pumprig study examples/studies/pressing-habits.toml -o out/habits --engine dask",
    ): "needs a scheduler on a fixed port; tests/unit/study runs a study on a real one",
    (
        "README.md",
        "make demo",
    ): "a target of the gate's own environment: tests/examples/test_examples.py runs it",
    ("README.md", "make test"): "it is this very run",
    ("README.md", "source .venv/bin/activate"): "the environment is the test's own",
    ("reference-model.md", "make test"): "it is this very run",
    ("reference-model.md", "make bench-long"): "hours",
    ("mutants.md", "make mutants"): "an hour",
    (
        "simulator.md",
        "python -m rigsim serve [",
    ): "a synopsis, with brackets; `pumprig sim` runs it on every page",
    (
        "balances.md",
        "pumprig balance test /dev/ttyUSB0",
    ): "a balance: tests/unit/balance has it over a pseudo-terminal",
    ("dashboard.md", "ssh -L"): "another computer",
    ("firmware.md", "pip install"): "a network",
    ("firmware.md", "pumprig flash"): "a board: tests/unit/flash and tests/emulator/test_flash.py have it",
    ("first-hour.md", "picocom"): "a person's terminal program; the lines below it are typed into the port",
    ("hub.md", "pumprig hub /dev/ttyACM0"): "a board",
    ("lab.md", "pumprig gateway"): "a broker: tests/lab runs it against one",
    ("lab.md", "pumprig ingest"): "a broker and a database: tests/lab runs it against both",
    ("lab.md", "pumprig alerts"): "a broker: tests/lab runs it against one",
}
STAYS = {  # goes on until Ctrl-C: what is seen once it is there, and whether it is kept for the lines after it
    "pumprig -p sim watch": ("state", False),
    "pumprig -p sim dashboard": ("ready", False),
    "pumprig dashboard": ("ready", False),
    "pumprig log pull --follow": ("takes what comes", False),
    "pumprig hub ": ("ready", True),
    "pumprig sim --link": ("ready", True),
}
FAILS = {"pumprig calibrate fit theirs.csv": 1}  # and says what the page says
FRAMEWORKS = (
    "devices.md",
    "recipes.md",
)  # Python in environments of their own: tests/adapters runs it word for word
SIGNATURES = ("reference/python.md",)  # no snippets: the generated reference
SLOW_STUDY = ("runs = 100", "runs = 5")


def fences(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


def lines_of(page: Path) -> list[tuple[str, list[str]]]:
    """(command, the lines that the page shows as its answer), in order."""
    found: list[tuple[str, list[str]]] = []
    for kind, text in fences(page):
        if kind not in ("", "sh", "bash"):
            continue
        answers = "\n$ " in f"\n{text}"
        for line in text.replace("\\\n", " ").splitlines():
            match = COMMAND.match(line.strip())
            if match and (line.startswith("$ ") or not answers):
                found.append((match[1], []))
            elif answers and found and line.strip():
                found[-1][1].append(line)
    return found


def reason(page: Path, line: str) -> str | None:
    return next(
        (why for (name, begin), why in NOT_RUN.items() if page.name == name and line.startswith(begin)), None
    )


WITH_COMMANDS = [
    page
    for page in PAGES
    if page.name != "cli.md" and any(not reason(page, line) for line, _seen in lines_of(page))
]
WITH_PYTHON = [
    page
    for page in PAGES
    if not page.as_posix().endswith(SIGNATURES)
    and page.name not in FRAMEWORKS
    and any(kind.startswith("python") for kind, _text in fences(page))
]
PAGES_THAT_RUN = sorted({*WITH_COMMANDS, *WITH_PYTHON})

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None, reason="the pages' commands are typed into bash"
)


@pytest.fixture
def typist(tmp_path: Path) -> Generator[Typist]:
    made = Typist(tmp_path, ROOT)
    yield made
    made.end()


def prepared(typist: Typist) -> None:
    """The files that the pages' readers have: a weighing of another tool, a request, a shorter study."""
    (typist.folder / "theirs.csv").write_text(
        "Date,Weight\n" + "".join(f"2024-06-20 13:12:{19 + i}.7,{0.0245 + i / 1e4:.4f}\n" for i in range(30))
    )
    asked = rehearsal.request(program.load(typist.folder / "examples" / "constant.toml"), 3_600_000)
    (typist.folder / "request.json").write_text(json.dumps(asked))
    study = typist.folder / "examples" / "studies" / "occlusion-at-night.toml"
    whole = study.read_text(encoding="utf-8")
    assert SLOW_STUDY[0] in whole
    study.write_text(whole.replace(*SLOW_STUDY), encoding="utf-8")


def as_typed(line: str) -> str:
    """What a reader puts in for a placeholder."""
    return line.replace("/tmp/rig", "rig").replace("SEED KIND", "1 calm")


@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_has_to_be_typed_does_what_the_page_says(page: Path, typist: Typist) -> None:
    prepared(typist)
    if page.name == "reference-model.md":
        typist.folder = ROOT
    for line, answer in lines_of(page):
        if reason(page, line):
            continue
        seen, keep = next(
            (what for begin, what in STAYS.items() if f"{line} ".startswith(begin)), ("", False)
        )
        code, text = typist.type(as_typed(line), seen, keep)
        wanted = next((code for begin, code in FAILS.items() if line.startswith(begin)), 0)
        assert code in ((0, 130) if seen else (wanted,)), f"{line}\n{text}"
        said = " ".join(text.split())
        assert [row for row in answer if " ".join(row.split()) not in said] == [], text
    for kind, text in fences(page):
        if kind == "python" and page in WITH_PYTHON:
            typist.type("pumprig sim --stop && pumprig sim --background --speed 600")
            code, said = typist.python(text)
            assert code == 0, said
    if page.name == "first-hour.md":
        typed_at_the_port(typist, page)
    assert set(typist.end()) <= {0, 130}


def typed_at_the_port(typist: Typist, page: Path) -> None:
    """The lines below picocom, typed into the port one after the other; CODE is the code that the rig has told."""
    (block,) = [text for _kind, text in fences(page) if "picocom" in text]
    code = ""
    with serial.Serial(str(typist.folder / "rig"), timeout=0.5) as port:
        for line in block.partition("picocom")[2].splitlines()[1:]:
            port.write(f"{line.replace('CODE', code)}\r".encode())
            said = b""
            while more := port.read(4096):
                said += more
            told = said.decode(errors="replace")
            assert "error" not in told.lower(), told
            code = (re.findall(r"commit (\w{4,})", told) or [code])[-1]
        assert re.search(r"delivered: \d+ steps", told)  # the answer to the last line, `stop`
    assert code


def test_what_is_not_run_stands_in_a_page_and_has_a_reason() -> None:
    there = [(page.name, line) for page in PAGES for line, _answer in lines_of(page)]
    stale = [
        row for row in NOT_RUN if not any(name == row[0] and line.startswith(row[1]) for name, line in there)
    ]
    assert stale == []
    assert {page.name for page in PAGES if any(kind == "console" for kind, _text in fences(page))} == {
        "calibration.md"
    }  # both pages: tests/unit/calibration/test_calibration_docs.py runs them, in order


def test_the_hub_s_unit_and_its_plist_are_read_and_start_the_hub() -> None:
    page = next(page for page in PAGES if page.name == "hub.md")
    ((_kind, unit),) = [row for row in fences(page) if row[0] == "ini"]
    ((_kind, plist),) = [row for row in fences(page) if row[0] == "xml"]
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(unit)
    starts = shlex.split(read["Service"]["ExecStart"])
    arguments = plistlib.loads(plist.encode())["ProgramArguments"]
    assert [Path(words[0]).name for words in (starts, arguments)] == ["pumprig", "pumprig"]
    assert starts[1:] == arguments[1:] == ["hub"]
