"""Every snippet of every page: TOML is read by the code that reads a user's, command lines name what there is."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from pumprig import cli
from pumprig.cli.settings import Settings
from pumprig.therapy import events, program

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "decisions" not in page.parts]  # they tell of what was
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
REST = {  # what a piece of a program leaves out
    "name": 'name = "piece"\n',
    "drug": '[drug]\nname = "saline"\nconcentration = "1 mg/ml"\n',
    "basal": '[basal]\nrate = "0.25 ml/day"\n',
}


def blocks(*kinds):
    found = [
        pytest.param(text, id=f"{page.relative_to(ROOT).as_posix()}-{number}")
        for page in PAGES
        for number, (kind, text) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
        if kind in kinds
    ]
    assert found
    return found


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_piece_of_toml_is_what_its_reader_takes(text, tmp_path):
    path = tmp_path / "piece.toml"
    there = tomllib.loads(text)
    if "event" in there:
        for row in there["event"]:
            if "program" in row:
                (tmp_path / row["program"]).write_text("".join(REST.values()), encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        assert events.load(path, 0)
        return
    if not set(there) <= {*program_tables(), "name"}:
        pytest.skip("a piece of another kind of file: its own tests read it")
    head = REST["name"] if "name" not in there else ""
    tail = "".join(REST[name] for name in ("drug", "basal") if name not in there)
    path.write_text(head + text + tail, encoding="utf-8")
    assert program.load(path).name


def program_tables():
    tables = ("drug", "reservoir", "catheter", "limits", "basal", "periodic_bolus", "demand_bolus", "bridge")
    return (*tables, "time", "power")


INLINE = re.compile(r"`pumprig ([^`]+)`")
PLACEHOLDERS = {"ID": "1"}


def command_lines():
    """Those of the blocks, and those within the sentences."""
    found = []
    for page in PAGES:
        for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind in ("", "sh", "bash", "console"):
                for line in text.replace("\\\n", " ").splitlines():
                    match = re.match(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*pumprig ([-a-z].*)$", line.strip())
                    if match:
                        found.append(pytest.param(match[1], id=f"{page.name}: {match[1][:60]}"))
        for text in INLINE.findall(
            re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        ):
            found.append(pytest.param(" ".join(text.split()), id=f"{page.name}, in a sentence: {text[:60]}"))
    assert len(found) > 80
    return found


@pytest.mark.parametrize("line", command_lines())
def test_a_command_line_of_a_page_names_a_command_and_options_that_there_are(line):
    words = shlex.split(re.sub(r"\s+[|<>;&].*$", "", line), comments=True)
    words = [PLACEHOLDERS.get(word, word) for word in words]
    context = click.Context(cli.root, info_name="pumprig", obj=Settings())
    command = cli.root
    while True:
        _options, words, _order = command.make_parser(context).parse_args(list(words))
        if not isinstance(command, click.Group) or not words:
            break
        name, command, words = command.resolve_command(context, words)
        context = click.Context(command, info_name=name, parent=context, obj=context.obj)
