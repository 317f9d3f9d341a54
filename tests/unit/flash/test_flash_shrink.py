"""What `pumprig flash` makes of the firmware's sources before they are compiled."""

from __future__ import annotations

import ast
import re
import site
from pathlib import Path
from typing import TypeGuard

import pytest
from pumprig.flash import borrowed, constants, names, reached, settled
from pumprig.flash.image import FOREIGN, build, dotted, shrunk, sources
from pumpwire import answers, spec

CHIP_MODULES = (
    "machine",
    "rp2",
    "micropython",
    "vfs",
    "gc",
    "select",
    "framebuf",
    "array",
    "io",
    "struct",
    "sys",
)


def is_attribute(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute)


def shrink(**texts: str) -> dict[str, str]:
    """{module's last name: its text after both steps}; `rig.` is put before each."""
    trees = {f"rig.{name}": ast.parse(text) for name, text in texts.items()}
    constants.inline(trees)
    names.shorten(trees)
    return {name.removeprefix("rig."): ast.unparse(tree) for name, tree in trees.items()}


def test_a_number_stands_where_it_is_used_and_its_name_is_gone() -> None:
    out = shrink(
        a="LIMIT = 3 * 1000\nLOW = -LIMIT",
        b="from rig import a\nfrom rig.a import LOW\nprint(a.LIMIT, LOW)",
    )
    assert out["a"] == ""
    assert out["b"] == "print(3000, -3000)"


def test_a_number_that_a_text_an_object_or_a_second_binding_may_mean_keeps_its_name() -> None:
    out = shrink(
        a="ONE = 1\nTWO = 2\nTHREE = 3\nTHREE = 4", b="def f(config):\n    return (config.ONE, 'TWO')"
    )
    assert out["a"] == "ONE = 1\nTWO = 2\nTHREE = 3\nTHREE = 4"


def test_a_parameter_of_the_same_name_is_no_constant() -> None:
    assert "return SIZE" in shrink(a="SIZE = 5\n\ndef f(SIZE):\n    return SIZE\nf.SIZE = 1")["a"]


def test_a_number_beyond_30_bits_stays_where_it_is() -> None:
    assert shrink(a="NEVER = 1 << 62\nx = NEVER")["a"] == "NEVER = 1 << 62\nx = NEVER"


def test_the_configuration_keeps_its_names() -> None:
    texts = {"board.config": "STEPS = 16", "b": "from rig.board import config\nx = config.STEPS"}
    assert shrink(**texts) == texts


def test_private_names_of_different_modules_become_the_same_ones() -> None:
    text = "class {0}:\n    def __init__(self):\n        self._{1} = 1\n    def _{2}(self):\n        return self._{1}"
    out = shrink(a=text.format("A", "first", "second"), b=text.format("B", "third", "fourth"))
    assert out["a"].replace("class A", "class B") == out["b"]


def test_a_private_name_that_another_module_or_a_text_reaches_stays() -> None:
    out = shrink(
        a="class A:\n    def _do_this(self): pass\n    def _open(self): pass",
        b="def f(a, verb):\n    a._open()\n    return getattr(a, '_do_' + verb)",
    )
    assert "_do_this" in out["a"]
    assert "_open" in out["a"]


def test_a_parameter_that_a_call_names_stays_and_another_is_shared() -> None:
    out = shrink(
        a="def f(mark, other):\n    return lambda inner: mark + other + inner\nf(1, 2)\nf(other=1, mark=2)"
    )
    assert "def f(mark, other)" in out["a"]
    assert "lambda _0: mark + other + _0" in out["a"]


def test_a_class_derived_from_another_module_s_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rig\.b\.B"):
        shrink(a="class A: pass", b="from rig.a import A\nclass B(A): pass")


@pytest.fixture(scope="module")
def shrunken() -> dict[str, str]:
    """The firmware's own texts as they are compiled."""
    return shrunk(sources())


def borrow(kept: tuple[str, ...] = (), **texts: str) -> dict[str, str]:
    """{module's last name: its text after the public names have been changed}."""
    trees = {f"rig.{name}": ast.parse(text) for name, text in texts.items()}
    borrowed.borrow(trees, kept)
    return {name.removeprefix("rig."): ast.unparse(tree) for name, tree in trees.items()}


def test_a_public_name_becomes_the_same_word_wherever_it_stands() -> None:
    out = borrow(
        a="class Motor:\n    def turn_by(self, angle_deg):\n        self.angle_deg = angle_deg",
        b="from rig.a import Motor\ndef go(m=Motor()):\n    m.turn_by(angle_deg=3)\n    return m.angle_deg",
    )
    words = re.fullmatch(r"class (\w+):\n\n    def (\w+)\(self, (\w+)\):\n        self\.\3 = \3", out["a"])
    assert words is not None, out["a"]
    motor, turn, angle = words.groups()
    assert {motor, turn, angle} <= {*borrowed.NUMBERED, *borrowed.WORDS}
    assert f"from rig.a import {motor}" in out["b"]
    assert f"{turn}({angle}=3)" in out["b"]
    assert out["b"].endswith(f".{angle}")


def test_the_names_that_most_modules_on_loan_use_become_words_told_by_their_number() -> None:
    many = {f"m{k}": "def often_used(): pass\nfrom rig.rare import rarely_used" for k in range(3)}
    rare = "\n".join(f"def rarely_used_{k}(): pass" for k in range(100)) + "\ndef rarely_used(): pass"
    out = borrow(rare=rare, lend="LIST = ('rig.m0', 'rig.m1', 'rig.m2')", **many)
    often, rarely = re.findall(r"def (\w+)|import (\w+)", out["m0"])
    assert {often[0], rarely[1]} <= set(borrowed.NUMBERED)


def test_a_name_that_something_else_may_mean_stays() -> None:
    text = "class A:\n    def reset(self):\n        self.first_one = self.second_one = self.third_one = 1"
    out = borrow(
        ("third_one",),
        a=text,
        b="setattr(a, 'first_one', 2)",
        c="import machine\n@machine.native\ndef f(a):\n    return a.second_one",
    )
    for name in ("reset", "first_one", "second_one", "third_one"):
        assert name in out["a"], name


def what_is_reached() -> dict[str, ast.Module]:
    """{path on the device: syntax tree} of the sources, but for what nothing on the Pico reaches."""
    found = sources()
    texts = {name: path.read_text("utf-8") for name, path in found.items()}
    trees = {dotted(name): ast.parse(text) for name, text in texts.items() if not name.startswith(FOREIGN)}
    settled.settle(trees, found["lib/pumpwire/spec"])
    foreign = (borrowed.names_in(text) for name, text in texts.items() if name.startswith(FOREIGN))
    reached.drop(trees, {"run"}.union(*foreign))
    return {name: trees[dotted(name)] for name in found if dotted(name) in trees}


def test_no_name_of_the_firmware_that_micropython_s_own_objects_have_is_changed(
    shrunken: dict[str, str],
) -> None:
    """The names in the stubs of the chip's modules and of MicroPython's, none of which may become another word."""
    stubs = [
        path
        for folder in site.getsitepackages()
        for path in Path(folder).glob("*.pyi")
        if path.stem in CHIP_MODULES
    ] + [
        path
        for folder in site.getsitepackages()
        for part in CHIP_MODULES
        for path in (Path(folder) / part).rglob("*.pyi")
    ]
    assert {path.stem for path in stubs} & {"gc", "micropython", "rp2"}, "the stubs are part of the tests"
    known: set[str] = set()
    for path in stubs:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                known.add(node.target.id)
    for name, tree in what_is_reached().items():
        text = shrunken.get(name, "")
        before = {node.attr for node in ast.walk(tree) if is_attribute(node)}
        after = {node.attr for node in ast.walk(ast.parse(text)) if is_attribute(node)}
        assert {attr for attr in (before - after) & known if not attr.startswith("_")} == set(), name


def test_the_firmware_keeps_its_shape_and_what_scripts_reach(shrunken: dict[str, str]) -> None:
    found = sources()
    texts = shrunken
    for name, reached_tree in what_is_reached().items():
        shapes = [
            [
                type(node).__name__
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.ClassDef)
            ]
            for tree in (reached_tree, ast.parse(texts.get(name, "")))
        ]
        assert shapes[0] == shapes[1], name
    for module in borrowed.OPEN_MODULES:
        name = module.replace(".", "/")
        for node in ast.parse(found[name].read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert re.search(rf"\b(def|class) {node.name}\b", texts[name]), (name, node.name)


def test_the_digest_of_the_protocol_in_the_image_is_that_of_its_own_tables(
    shrunken: dict[str, str],
) -> None:
    assert f"return '{spec.digest()}'" in shrunken["lib/pumpwire/spec"]


def test_the_image_holds_a_file_for_each_source_that_is_more_than_numbers_and_is_the_same_twice() -> None:
    image = build()
    there = set(sources()) - {"rig/watch/thresholds"}
    assert set(image) == {f"{name}.mpy" for name in there} | {"main.py", "manifest"}
    assert image == build()


def reach(**texts: str) -> dict[str, str]:
    """{module's last name: its text without what nothing reaches}; `rig.` is put before each."""
    trees = {f"rig.{name}": ast.parse(text) for name, text in texts.items()}
    reached.drop(trees, ("asked",))
    return {name.removeprefix("rig."): ast.unparse(tree) for name, tree in trees.items()}


def test_what_nothing_reaches_is_left_out_and_what_it_alone_reached_with_it() -> None:
    out = reach(
        a="TABLE = (1, 2)\ndef used(): pass\ndef unused(): return other()\ndef other(): return TABLE\nused()"
    )
    assert out["a"] == "def used():\n    pass\nused()"


def test_what_is_reached_through_a_module_an_import_a_text_or_an_object_that_is_not_known_stays() -> None:
    a = "".join(
        f"def {name}():\n    pass\n"
        for name in ("asked", "by_module", "imported", "by_text", "by_row", "by_any", "gone")
    )
    b = "from rig import a\nfrom rig.a import imported\nx = [a.by_module, imported]\n"
    b += "y(x)[getattr(a, 'by_text')].by_any(b'by_row 1', 'gone by')"
    kept = ast.parse(reach(a=a, b=b)["a"]).body
    assert [getattr(node, "name", "") for node in kept] == [
        "asked",
        "by_module",
        "imported",
        "by_text",
        "by_row",
        "by_any",
    ]


def test_a_name_that_a_library_s_module_is_asked_for_reaches_nothing_of_ours() -> None:
    assert (
        reach(a="import struct\ndef pack(): pass\nx = struct.pack()")["a"]
        == "import struct\nx = struct.pack()"
    )


def test_methods_that_are_asked_for_by_the_begin_of_their_name_stay() -> None:
    text = "class A:\n    def _do_x(self): pass\n    def gone(self): pass\ngetattr(A(), '_do_' + y)()"
    assert "_do_x" in reach(a=text)["a"]
    assert "gone" not in reach(a=text)["a"]


def test_the_image_has_the_names_of_every_answer_s_fields_and_not_their_kinds(
    shrunken: dict[str, str],
) -> None:
    text = shrunken["lib/pumpwire/answers"]
    table = next(
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and b"status flow" in node.value
    )
    assert b":volume" not in table
    for verb in [row[0] for row in spec.commands()]:
        for name, _often, pairs in answers.rows_of(verb):
            row = next(
                line
                for line in table.split(b"\n")
                if line.split()[:2] == [verb.encode(), (name or "-").encode()]
            )
            assert row.split()[3:] == [f"{field}:".encode() for field, _kind in pairs]
