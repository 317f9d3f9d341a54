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
from collections.abc import Iterable, Iterator

from pumprig.flash.constants import PACKAGES, Trees
from pumprig.flash.parts import parts

Held = dict[str, list[ast.AST]]  # each module's parts
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def shorten(trees: Trees) -> None:
    """Rename in all modules, by dotted name. ValueError for a class derived from another module's."""
    held: Held = {module: parts(tree) for module, tree in trees.items()}  # a new name makes no new part
    keywords, texts = _keywords(held), _texts(held)
    kept = _kept(held, keywords, texts)
    for module, nodes in held.items():
        _check_bases(module, nodes)
        every = list(_identifiers(nodes))
        counts = Counter(name for name in every if _is_private(name) and name not in kept)
        fresh = _fresh(set(every))
        _rename(nodes, {name: next(fresh) for name, _times in counts.most_common()})
    open_names = keywords | texts | _open_names(trees, held)
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


def _identifiers(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name in a tree's parts, as often as it stands there."""
    for node in nodes:
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


def _keywords(held: Held) -> set[str]:
    """Names by which a call gives an argument."""
    return {
        keyword.arg
        for nodes in held.values()
        for node in nodes
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg
    }


def _texts(held: Held) -> set[str]:
    return {
        node.value
        for nodes in held.values()
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _defined(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that a module gives to something of its own."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names


def _kept(held: Held, keywords: set[str], texts: set[str]) -> set[str]:
    """Private names that have to stay: reached from elsewhere, by a text, or by a call's keyword."""
    kept = set(keywords)
    prefixes = tuple(text for text in texts if _is_private(text) and text.isidentifier())
    for nodes in held.values():
        own = _defined(nodes)
        for name in _identifiers(nodes):
            if _is_private(name) and (name not in own or (prefixes and name.startswith(prefixes))):
                kept.add(name)
    return kept


def _check_bases(module: str, nodes: list[ast.AST]) -> None:
    ours = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES
        for alias in node.names
    }
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                if ours & set(_identifiers(parts(base))):
                    raise ValueError(f"{module}.{node.name} derives from another module's class")


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions and methods of a module that no decorator looks at; what stands inside one belongs to it."""
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inner:
            if isinstance(function, ast.FunctionDef) and not function.decorator_list:
                yield function


def _open_names(trees: Trees, held: Held) -> set[str]:
    """Names that are more than parameters: on the Pico they are there anyway."""
    names = {"self"}
    for nodes in held.values():
        for node in nodes:
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.alias):
                names.add(node.asname or node.name)
    for tree in trees.values():
        for node in tree.body:
            if isinstance(node, ast.Assign):
                names.update(name for target in node.targets for name in _identifiers(parts(target)))
    return names


def _shorten_parameters(function: ast.FunctionDef, open_names: set[str]) -> None:
    nodes = parts(function)
    fresh = _fresh(set(_identifiers(nodes)))
    names = dict.fromkeys(node.arg for node in nodes if isinstance(node, ast.arg))
    _rename(nodes, {name: next(fresh) for name in names if name not in open_names})


def _rename(nodes: Iterable[ast.AST], names: dict[str, str]) -> None:
    """Change names wherever they stand, the same one always to the same."""
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.Attribute):
            node.attr = names.get(node.attr, node.attr)
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            node.name = names.get(node.name, node.name)
