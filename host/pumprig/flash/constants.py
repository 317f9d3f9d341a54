"""Whole numbers that a module states once, written where they are used.

Owns: which names of the firmware are constant whole numbers, their values, and the removal of what then stands unused.
Rules: a name counts only if its module binds it once, at its top, to what can be computed here; one that a function
binds too, that config.py states or that anything still reaches by its name stays as it is; a number beyond 30 bits
would be an object in each place and stays, too.
Units: none.
Leaves: the names that remain to names.py.
"""

from __future__ import annotations

import ast
import struct
from collections import Counter
from typing import Any

from pumprig.flash.parts import parts

SMALL = 1 << 30  # beyond it a number is an object on the Pico
KEPT_MODULES = ("rig.board.config",)  # handed on as an object, and what a person looks into
PACKAGES = ("rig", "pumpwire")

Trees = dict[str, ast.Module]


def inline(trees: Trees) -> None:
    """Put constants in place in all modules, by dotted name, and drop definitions and imports that nobody needs."""
    values = _values(trees)
    for module, tree in trees.items():
        _Inliner(tree, _visible(module, tree, values), values).visit(tree)
        ast.fix_missing_locations(tree)
    wanted = _wanted(trees)
    for module, tree in trees.items():
        tree.body = [node for node in tree.body if not _defines(node, {"__all__"})]
        _drop_imports(tree, wanted[module])
    _drop_definitions(trees, values)


def modules_of(tree: ast.Module) -> dict[str, str]:
    """{name in this module: our module that it stands for, and nothing else}."""
    found: dict[str, str] = {}
    nodes = parts(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    bound = _stores(nodes, imports=False)
    return {name: module for name, module in found.items() if not bound[name]}


def _values(trees: Trees) -> dict[str, dict[str, Any]]:
    """{module: {name: value}} of everything that can be computed, tables of text and numbers included."""
    values: dict[str, dict[str, Any]] = {module: {} for module in trees}
    twice = {
        module: [name for name, n in _stores(parts(tree)).items() if n > 1] for module, tree in trees.items()
    }
    before = -1
    while before != (before := sum(len(rows) for rows in values.values())):
        for module, tree in trees.items():
            scope = values[module]
            for node in tree.body:
                if isinstance(node, ast.ImportFrom) and node.module in values:
                    rows = values[node.module]
                    scope |= {a.asname or a.name: rows[a.name] for a in node.names if a.name in rows}
                elif isinstance(node, ast.Assign):
                    _take(node, scope)
            for name in twice[module]:
                scope.pop(name, None)
    return values


def _take(node: ast.Assign, scope: dict[str, Any]) -> None:
    target = node.targets[0]
    if len(node.targets) > 1 or not isinstance(target, ast.Name) or target.id in scope:
        return
    known = {"__builtins__": {"len": len}, "struct": struct} | scope
    try:
        value = eval(compile(ast.Expression(node.value), "", "eval"), known)
    except Exception:
        return  # it needs what only the device has
    if isinstance(value, int | str | bytes | tuple) and not isinstance(value, bool):
        scope[target.id] = value


def _stores(nodes: list[ast.AST], imports: bool = True) -> Counter[str]:
    """How often each name is bound anywhere in a module's parts."""
    names: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] += 1
        elif isinstance(node, ast.arg):
            names[node.arg] += 1
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            names[node.name or ""] += 1
        elif imports and isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


def _small(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < SMALL


def _visible(module: str, tree: ast.Module, values: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The numbers that a bare name of this module stands for."""
    if module in KEPT_MODULES:
        return {}
    bound = _stores(parts(tree))
    return {name: value for name, value in values[module].items() if _small(value) and bound[name] == 1}


class _Inliner(ast.NodeTransformer):
    def __init__(self, tree: ast.Module, visible: dict[str, int], values: dict[str, dict[str, Any]]) -> None:
        self._visible = visible
        self._modules = {a: m for a, m in modules_of(tree).items() if m in values and m not in KEPT_MODULES}
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self._visible:
            return _number(self._visible[node.id])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            value = self._values.get(self._modules.get(node.value.id, ""), {}).get(node.attr)
            if isinstance(value, int) and _small(value):
                return _number(value)
        return self.generic_visit(node)


def _number(value: int) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _loads(tree: ast.AST, attributes: bool = True) -> set[str]:
    """Names and texts that a tree refers to."""
    found: set[str] = set()
    for node in parts(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif attributes and isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _wanted(trees: Trees) -> dict[str, set[str]]:
    """{module: names that other modules take from it}."""
    wanted: dict[str, set[str]] = {module: set() for module in trees}
    for tree in trees.values():
        modules = modules_of(tree)
        for node in parts(tree):
            if isinstance(node, ast.ImportFrom) and node.module in wanted:
                wanted[node.module].update(alias.name for alias in node.names)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                wanted.get(modules.get(node.value.id, ""), set[str]()).add(node.attr)
    return wanted


def _drop_imports(tree: ast.Module, wanted: set[str]) -> None:
    """Remove imports of our own modules' names that neither this module nor another one refers to."""
    used = _loads(tree, attributes=False) | wanted

    class Imports(ast.NodeTransformer):
        def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
            if node.module is None or node.module.partition(".")[0] not in PACKAGES:
                return node
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            return node if node.names else None

    Imports().visit(tree)


def _drop_definitions(trees: Trees, values: dict[str, dict[str, Any]]) -> None:
    """Remove numbers to which nothing anywhere refers any more."""
    used = set[str]().union(*(_loads(tree) for tree in trees.values()))
    for tree in trees.values():
        for node in parts(tree):
            if isinstance(node, ast.ImportFrom):
                used.update(alias.name for alias in node.names)
    for module, tree in trees.items():
        if module in KEPT_MODULES:
            continue
        gone = {name for name, value in values[module].items() if _small(value)} - used
        tree.body = [node for node in tree.body if not _defines(node, gone)]


def _defines(node: ast.stmt, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in names
    )
