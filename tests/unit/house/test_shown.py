"""Text from elsewhere is shown, never interpreted: what it looks like, and that nothing in the tree goes round it."""

import ast
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pumprig.errors import PumpError
from pumprig.plainconsole import PlainConsole, styled
from pumprig.shown import cell, file_name, json_text, shown, shown_lines
from rich.table import Table

ROOT = Path(__file__).resolve().parents[3]
HOST = ROOT / "host" / "pumprig"
SINKS = {
    "terminal.py",
    "streams.py",
    "__main__.py",
    "hub/quick.py",
}  # where text is written; quick.py: one number
SAFE_HTML = {"assets.uplot", "assets.style", "assets.marks", "assets.charts"}  # files of this package


@pytest.mark.parametrize(
    ("foreign", "seen"),
    [
        ("water", "water"),
        ("naïve µL 水", "naïve µL 水"),
        ("a\x1b[31mred", "a^[[31mred"),
        ("\x9b31m", "<U+009B>31m"),
        ("line\nstate running", "line^Jstate running"),
        ("tab\tdel\x7fnul\x00", "tab^Idel^?nul^@"),
        ("rate \u202e001\u2066x", "rate <U+202E>001<U+2066>x"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("sep\u2028par\u2029", "sep<U+2028>par<U+2029>"),
        ("lone\udc9bsurrogate", "lone<U+DC9B>surrogate"),
        ("thin\u202fspace", "thin\u202fspace"),
        ("water [blue] :smiley: $x$", "water [blue] :smiley: $x$"),
    ],
)
def test_what_hides_in_a_text_is_shown(foreign: str, seen: str) -> None:
    assert shown(foreign) == seen


@given(st.text(st.characters(exclude_categories=())))
def test_no_shown_text_moves_a_cursor_or_hides_a_character(text: str) -> None:
    line = shown(text)
    assert not re.search(
        r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", line
    )
    assert shown(line) == line
    assert len(shown_lines(text).split("\n")) == text.count("\n") + 1


@given(st.recursive(st.text(st.characters(exclude_categories=["Cs"])), lambda row: st.lists(row, max_size=3)))
def test_a_json_document_keeps_its_content_and_holds_no_control_character(content: Any) -> None:
    text = json_text(content)
    assert json.loads(text) == content
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "^I=1"),
        ("  =1", "'  =1"),
        ("demand", "demand"),
        (-12, -12),
        (None, None),
    ],
)
def test_no_cell_of_a_csv_begins_a_formula(value: object, written: object) -> None:
    assert cell(value) == written


@pytest.mark.parametrize("good", ["e6614103e7452d2f", "sim-0000000000000000", "A_b-9"])
def test_an_id_of_a_rig_may_name_a_file(good: str) -> None:
    assert file_name(good) == good


@pytest.mark.parametrize(
    "bad", ["", "../../evil", "a/b", "a\\b", ".hidden", "CON:", "a b", "a\n", "x" * 41, "é", "-rf"]
)
def test_no_other_text_becomes_a_path(bad: str) -> None:
    with pytest.raises(PumpError, match="no id of a rig"):
        file_name(bad)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_table_shows_every_cell_as_it_is(text: str) -> None:
    out = io.StringIO()
    console = PlainConsole(file=out, width=10_000, force_terminal=False)
    table = Table(box=None, show_header=False, padding=0)
    table.add_row("[bold]" + text + "[/]", styled(text, "bold"))
    console.print(table)
    assert out.getvalue().rstrip() == (f"[bold]{shown(text)}[/]{shown(text)}").rstrip()


# --- the rule over the tree


def calls(path: Path) -> list[ast.Call]:
    return [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func)


def is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def host_files() -> list[Path]:
    found = sorted(HOST.rglob("*.py"))
    assert len(found) > 80
    return found


def where(path: Path, call: ast.Call) -> str:
    return f"{path.relative_to(HOST).as_posix()}:{call.lineno} {name_of(call)}"


def test_only_the_sinks_write_to_a_terminal() -> None:
    writers = re.compile(r"^(print|click\.(echo|secho|confirm|prompt|style)|sys\.(stdout|stderr)\.write)$")
    found = [
        where(path, call)
        for path in host_files()
        if path.relative_to(HOST).as_posix() not in SINKS
        for call in calls(path)
        if writers.match(name_of(call)) and not all(is_literal(argument) for argument in call.args)
    ]
    assert found == [], (
        "print through settings.say, show, show_text, document, or put: what comes from elsewhere is shown"
    )


def test_no_markup_comes_from_a_variable() -> None:
    """rich's console is PlainConsole; no text is parsed for markup or escape sequences but a literal."""
    found: list[str] = []
    for path in host_files():
        inside = path.relative_to(HOST).as_posix()
        for call in calls(path):
            name = name_of(call).rsplit(".", 1)[-1]
            marked = [word for word in call.keywords if word.arg == "markup" and not is_false(word.value)]
            titles = [
                word
                for word in call.keywords
                if word.arg in ("title", "subtitle", "caption") and name in ("Panel", "Table")
            ]
            if (
                (name == "Text" and inside != "plainconsole.py")
                or (name == "Console" and inside not in ("plainconsole.py", "cli/console.py"))
                or name
                in ("from_markup", "from_ansi", "render_markup", "HTML", "ANSI", "rprint", "FormattedText")
                or marked
                or (name == "TextColumn" and not any(word.arg == "markup" for word in call.keywords))
                or not all(is_literal(word.value) for word in titles)
            ):
                found.append(where(path, call))
    assert found == []


def is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def test_every_page_escapes_what_it_shows() -> None:
    environments = [
        (path, call) for path in host_files() for call in calls(path) if name_of(call).endswith("Environment")
    ]
    assert environments
    for path, call in environments:
        assert path == HOST / "pages.py", where(path, call)
        escaping = [ast.unparse(word.value) for word in call.keywords if word.arg == "autoescape"]
        assert escaping == ["True"], where(path, call)
    for path in HOST.rglob("*.html"):
        unescaped = re.findall(r"{{\s*([^}|]+?)\s*\|\s*safe", path.read_text(encoding="utf-8"))
        assert set(unescaped) <= SAFE_HTML, path


def test_every_writer_of_csv_passes_its_cells() -> None:
    writers = [
        path
        for path in host_files()
        if re.search(r"csv\.(writer|DictWriter)\(", path.read_text(encoding="utf-8"))
    ]
    assert writers
    for path in writers:
        assert "import" in path.read_text(encoding="utf-8")
        assert re.search(r"\bcell\(", path.read_text(encoding="utf-8")), path
