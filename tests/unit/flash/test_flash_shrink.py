"""What `pumprig flash` makes of the firmware's sources before they are compiled."""

from __future__ import annotations

import ast
import re

import pytest
from pumprig.flash import constants, names
from pumprig.flash.image import build, shrunk, sources


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


def test_the_firmware_keeps_every_public_function_and_class() -> None:
    found = sources()
    texts = shrunk(found)
    for name, path in found.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert re.search(rf"\b(def|class) {node.name}\b", texts[name]), (name, node.name)


def test_the_image_holds_a_file_for_each_source_and_is_the_same_twice() -> None:
    image = build()
    assert set(image) == {f"{name}.mpy" for name in sources()} | {"main.py", "manifest"}
    assert image == build()
