"""Functions, classes and tables that nothing on the Pico can reach, left out.

Owns: which of the firmware's definitions are reached from what runs there, and the removal of all others.
Rules: pumpwire has what only the host asks for, and each function takes the heap for ever. A definition stays if
something that stays refers to it: by its name in its module, by an import of it, through its module's name, or, where
it is not known whose attribute is meant, by its name alone, as a text that is a name does, and each word of a
table, which is bytes. Modules open to scripts, and those that are not ours, stay whole.
Units: none.
Leaves: whole modules of the host to image.py, numbers to constants.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from pumprig.flash.borrowed import CALLED, OPEN_MODULES
from pumprig.flash.constants import PACKAGES, Trees
from pumprig.flash.parts import parts


def drop(trees: Trees, asked: Iterable[str] = ()) -> None:
    """Remove in all modules, by dotted name, what nothing reaches; `asked`: names that somebody else asks for."""
    reach = _Reach(trees, asked)
    for module, tree in trees.items():
        if _is_open(module):
            continue
        tree.body = [node for node in tree.body if reach.has(module, node)]
        for owner in tree.body:
            if isinstance(owner, ast.ClassDef):
                owner.body = [n for n in owner.body if reach.has_method(n)] or [ast.Pass()]


def _is_open(module: str) -> bool:
    return module in OPEN_MODULES or module.partition(".")[0] not in PACKAGES


def _name(node: ast.stmt) -> str:
    """The name that a definition gives, where nothing else happens by it; else an empty text."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        does = any(isinstance(part, ast.Call | ast.Await | ast.Yield) for part in parts(node.value))
        return "" if does else node.targets[0].id
    return ""


class _Reach:
    """`places`: (module, name) of what is reached; `words`: names that may mean anybody's."""

    def __init__(self, trees: Trees, asked: Iterable[str]) -> None:
        self._trees = trees
        self._imports = {module: dict(_imports(tree)) for module, tree in trees.items()}
        self._foreign = {module: set(_foreign(tree)) for module, tree in trees.items()}
        self.places: set[tuple[str, str]] = set()
        self.words = {*asked, *CALLED}
        self._seen: set[int] = set()
        before = (-1, -1)
        while before != (before := (len(self.places), len(self.words))):
            for module, tree in trees.items():
                for node in tree.body:
                    if _is_open(module) or self.has(module, node):
                        self._follow(module, node)

    def has(self, module: str, node: ast.stmt) -> bool:
        """Whether a statement of a module's top stays."""
        name = _name(node)
        return not name or (module, name) in self.places or self._is_asked(name)

    def has_method(self, node: ast.stmt) -> bool:
        """Whether a statement of a class stays."""
        return (
            not isinstance(node, ast.FunctionDef) or node.name.startswith("__") or self._is_asked(node.name)
        )

    def _is_asked(self, name: str) -> bool:
        return name in self.words or any(name.startswith(word) for word in self.words if word.endswith("_"))

    def _follow(self, module: str, node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef) and not _is_open(module):
            for part in (*node.bases, *node.decorator_list, *node.body):
                if not isinstance(part, ast.stmt) or self.has_method(part):
                    self._read(module, part)
        else:
            self._read(module, node)

    def _read(self, module: str, tree: ast.AST) -> None:
        """Take up everything that a tree refers to, once."""
        if id(tree) in self._seen:
            return
        self._seen.add(id(tree))
        imports = self._imports[module]
        for node in parts(tree, _is_no_remark):
            match node:
                case ast.Name(id=name):
                    place = imports.get(name, (module, name))
                    self.places.update((place, (f"{place[0]}.__init__", place[1])))
                case ast.Attribute(value=ast.Name(id=base), attr=name) if base in imports:
                    owner = ".".join(imports[base]).strip(".")
                    if owner in self._trees:
                        self.places.add((owner, name))
                    else:
                        self.words.add(name)
                case ast.Attribute(value=ast.Name(id=base)) if base in self._foreign[module]:
                    pass
                case ast.Attribute(attr=name):
                    self.words.add(name)
                case ast.Constant(value=str(text)) if text.isidentifier():
                    self.words.add(text)
                case ast.Constant(value=bytes(data)):
                    self.words.update(re.findall(r"\w+", data.decode("latin1")))
                case _:
                    pass


def _is_no_remark(part: ast.AST) -> bool:
    """A text that stands for itself is for a reader."""
    return not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    """(name in this module, (module, name there) that it stands for)."""
    for node in parts(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)


def _foreign(tree: ast.Module) -> Iterator[str]:
    """Names of MicroPython's and the libraries' modules in this one."""
    for node in parts(tree):
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name for alias in node.names if "." not in alias.name)
