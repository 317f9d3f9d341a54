"""What a tree of Python consists of, in one go.

Owns: the list of a tree's parts.
Rules: the tree first, then level by level, as ast.walk has them; a part that holds nothing (`pass`, `+`, whether a name
is read or written) is no part, for nobody asks for one. An image asks for two million parts: with ast.walk that took
most of the time in which it is made.
Units: none.
Leaves: what is looked for to the modules beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

BARE = frozenset[Any](
    {int, str, bytes, bool, float, type(None)}
    | {kind for kind in vars(ast).values() if isinstance(kind, type) and not getattr(kind, "_fields", True)}
)


def parts(tree: ast.AST, follow: Callable[[ast.AST], bool] | None = None) -> list[ast.AST]:
    """A tree and all below it; where `follow` says no of a part, that one and what it holds are left out."""
    found = [tree]
    for node in found:  # which grows
        for field in node._fields:
            value: Any = getattr(node, field, None)
            if type(value) in BARE:
                continue
            inside = cast("list[ast.AST]", value if type(value) is list else [value])
            for part in inside:
                if type(part) not in BARE and (follow is None or follow(part)):
                    found.append(part)
    return found
