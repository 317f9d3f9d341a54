"""One place of a module made wrong: which places there are, and the module with one of them changed.

Owns: what counts as a place, what is made of it, where in the module it is.
Rules: a mutant is one change of one node of the syntax tree; a place is found again by its number as long as the file
stays as it is; a marker tells that a statement was reached, and changes nothing else.
Units: places are numbered from 0, lines from 1.
Leaves: which places are drawn to mutants.py, running the tests to mutant_tests.py.
"""

from __future__ import annotations

import ast
import types
from dataclasses import dataclass

OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
REACHED = "reached_by_the_tests_"
Code = types.CodeType


@dataclass(frozen=True)
class Place:
    """One node that can be made wrong; `statement` is the line of the innermost statement around it."""

    number: int
    line: int
    what: str
    statement: int
    function: str  # empty: it runs when the module is imported
    names: tuple[str, ...]  # what the statement at import binds


class Mutate(ast.NodeTransformer):
    """Counts the places of a module, and makes the n-th wrong."""

    def __init__(self, wanted: int = -1) -> None:
        self.wanted = wanted
        self.places: list[Place] = []
        self._statement = 0
        self._functions: list[str] = []
        self._names: tuple[str, ...] = ()

    def _here(self, node: ast.expr | ast.stmt, what: str) -> bool:
        number = len(self.places)
        function = ".".join(self._functions)
        self.places.append(Place(number, node.lineno, what, self._statement, function, self._names))
        return number == self.wanted

    def visit(self, node: ast.AST) -> ast.AST:
        """Every node, with the statement that it is in."""
        if not isinstance(node, ast.stmt):
            return super().visit(node)
        kept = self._statement, self._names
        self._statement = node.lineno
        if not self._functions:
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            self._names = tuple(n.id for n in stored)
        node = super().visit(node)
        self._statement, self._names = kept
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args = self.visit(node.args)  # defaults are worked out at import
        self._functions.append(node.name)
        node.body = [self.visit(statement) for statement in node.body]  # type: ignore[misc]
        self._functions.pop()
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        for k, operator in enumerate(node.ops):
            new = OTHER.get(type(operator))
            if new and self._here(node, f"{type(operator).__name__} to {new.__name__}"):
                node.ops[k] = new()
        return node

    def _operator(self, node: ast.BinOp | ast.AugAssign | ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        new = OTHER.get(type(node.op))
        if new and self._here(node, f"{type(node.op).__name__} to {new.__name__}"):
            node.op = new()
        return node

    visit_BinOp = visit_AugAssign = visit_BoolOp = _operator

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and self._here(node, f"{node.value} to {node.value + 1}"):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        if type(node.value) is bool and self._here(node, f"{node.value} to {not node.value}"):
            return ast.copy_location(ast.Constant(not node.value), node)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if self._here(node, "if negated"):
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Call) and self._here(node, "call left out"):
            return ast.copy_location(ast.Pass(), node)
        return node


class Mark(ast.NodeTransformer):
    """Before each statement of a function: its line is noted as reached."""

    def visit(self, node: ast.AST) -> ast.AST:
        """All bodies of a node in a function."""
        inside = isinstance(node, ast.FunctionDef)
        self.generic_visit(node)
        if inside:
            for child in ast.walk(node):
                self._mark(child)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Functions are marked whole by their outermost one."""
        if isinstance(node, ast.FunctionDef):
            return node
        return super().generic_visit(node)

    @staticmethod
    def _mark(node: ast.AST) -> None:
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and not isinstance(node, ast.ClassDef):
                setattr(node, name, [made for child in body for made in (_marker(child), child)])


def _marker(statement: ast.stmt) -> ast.stmt:
    marker = ast.parse(f"{REACHED}[{statement.lineno}] = 1").body[0]
    for node in ast.walk(marker):
        if isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, statement)
    return marker


def places(source: str) -> list[Place]:
    """Every place of a module."""
    counter = Mutate()
    counter.visit(ast.parse(source))
    return counter.places


def mutant(source: str, number: int, path: str) -> Code:
    """The compiled module with one place made wrong."""
    tree = Mutate(number).visit(ast.parse(source))
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def marked(source: str, path: str) -> Code:
    """The compiled module that notes which lines were reached, in an array named REACHED."""
    return compile(Mark().visit(ast.parse(source)), path, "exec", dont_inherit=True)


def functions(code: Code) -> dict[tuple[str, int], Code]:
    """Every function of a compiled module, but those inside another one: by name and first line."""
    found: dict[tuple[str, int], Code] = {}
    for part in code.co_consts:
        if not isinstance(part, types.CodeType):
            continue
        if part.co_flags & 0x2:  # a function's own names: not a class body
            found[part.co_qualname, part.co_firstlineno] = part
        else:
            found.update(functions(part))
    return found


def swap(live: dict[tuple[str, int], list[types.FunctionType]], code: Code) -> int:
    """Put the functions of a compiled module in the place of those that run; how many changed."""
    changed = 0
    for key, new in functions(code).items():
        for function in live.get(key, []):
            if function.__code__ != new:
                function.__code__ = new
                changed += 1
    return changed
