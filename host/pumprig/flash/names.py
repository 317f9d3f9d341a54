"""Short names, shared by all modules, for what only one module or one function can see.

Owns: the choice of the names to be changed, and the change.
Rules: MicroPython keeps every name for ever and looks through all of them for each text it makes, so fewer names are
memory and time. A private name (`_x`) is changed only if each module that uses it also defines it and no text begins
so; a parameter only if no call anywhere gives it by its name and nothing else bears that name; decorated functions
keep theirs, for their decorators look at them.
Units: none.
Leaves: public names as they are: they are what a traceback tells.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from pumprig.flash.constants import PACKAGES, Trees

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def shorten(trees: Trees) -> None:
    """Rename in all modules, by dotted name. ValueError for a class derived from another module's."""
    kept = _kept(trees)
    for module, tree in trees.items():
        _check_bases(module, tree)
        counts = Counter(name for name in _identifiers(tree) if _is_private(name) and name not in kept)
        fresh = _fresh(set(_identifiers(tree)))
        _Renamer({name: next(fresh) for name, _times in counts.most_common()}).visit(tree)
    open_names = _open_names(trees)
    for tree in trees.values():
        for function in _functions(tree):
            _shorten_parameters(function, open_names)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _fresh(taken: set[str]) -> Iterator[str]:
    """_0, _1, ... but those already in use."""
    for number in range(len(DIGITS) ** 2):
        high, low = divmod(number, len(DIGITS))
        name = "_" + (DIGITS[high] if high else "") + DIGITS[low]
        if name not in taken:
            yield name


def _identifiers(tree: ast.AST) -> Iterator[str]:
    """Every name in a tree, as often as it stands there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            yield node.name or ""
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _keywords(trees: Trees) -> set[str]:
    """Names by which a call gives an argument."""
    return {
        keyword.arg
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg
    }


def _texts(trees: Trees) -> set[str]:
    return {
        node.value
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _defined(tree: ast.Module) -> set[str]:
    """Names that a module gives to something of its own."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names


def _kept(trees: Trees) -> set[str]:
    """Private names that have to stay: reached from elsewhere, by a text, or by a call's keyword."""
    kept = _keywords(trees)
    prefixes = tuple(text for text in _texts(trees) if _is_private(text) and text.isidentifier())
    for tree in trees.values():
        own = _defined(tree)
        for name in _identifiers(tree):
            if _is_private(name) and (name not in own or (prefixes and name.startswith(prefixes))):
                kept.add(name)
    return kept


def _check_bases(module: str, tree: ast.Module) -> None:
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                if ours & set(_identifiers(base)):
                    raise ValueError(f"{module}.{node.name} derives from another module's class")


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions and methods of a module that no decorator looks at; what stands inside one belongs to it."""
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inner:
            if isinstance(function, ast.FunctionDef) and not function.decorator_list:
                yield function


def _open_names(trees: Trees) -> set[str]:
    """Names that are more than parameters: on the Pico they are there anyway."""
    names = _keywords(trees) | _texts(trees) | {"self"}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.alias):
                names.add(node.asname or node.name)
        for node in tree.body:
            if isinstance(node, ast.Assign):
                names.update(name for target in node.targets for name in _identifiers(target))
    return names


def _shorten_parameters(function: ast.FunctionDef, open_names: set[str]) -> None:
    inside = list(_identifiers(function))
    fresh = _fresh(set(inside))
    names = dict.fromkeys(node.arg for node in ast.walk(function) if isinstance(node, ast.arg))
    _Renamer({name: next(fresh) for name in names if name not in open_names}).visit(function)


class _Renamer(ast.NodeTransformer):
    """Changes names wherever they stand, the same one always to the same."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._names.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.get(node.arg, node.arg)
        return self.generic_visit(node)

    def _visit_named(self, node: ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) -> ast.AST:
        if node.name:
            node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    visit_FunctionDef = visit_ClassDef = visit_ExceptHandler = _visit_named
