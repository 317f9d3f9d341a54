"""Where each key of a TOML file stands.

Owns: the map from a key's path to its line.
Rules: tomllib alone decides what a file means; this module only says where; a path that it does not find has line 1.
Units: lines from 1; a path is a tuple of keys and list indexes.
Leaves: values to tomllib, faults to reader.py.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

Path = tuple[str | int, ...]


def lines_of(source: bytes) -> dict[Path, int]:
    """{path: line} of every key, table and list item."""
    import tree_sitter
    import tree_sitter_toml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    lines: dict[Path, int] = {(): 1}
    counts: dict[Path, int] = {}
    for node in parser.parse(source).root_node.named_children:
        _node(node, lines, counts)
    return lines


def _node(node: Any, lines: dict[Path, int], counts: dict[Path, int]) -> None:
    """A pair or a table of the document; one that is nested beyond measure keeps the lines found so far."""
    with suppress(RecursionError):
        if node.type == "pair":
            _pair(node, (), lines)
        elif node.type in ("table", "table_array_element"):
            path = _keys(node.named_children[0])
            if node.type == "table_array_element":
                index = counts.get(path, 0)
                counts[path] = index + 1
                path = (*path, index)
            lines[path] = _line(node)
            for child in node.named_children[1:]:
                if child.type == "pair":
                    _pair(child, path, lines)


def _line(node: Any) -> int:
    return int(node.start_point[0]) + 1


def _keys(node: Any) -> Path:
    """bare_key, quoted_key or dotted_key -> its parts."""
    if node.type == "dotted_key":
        return tuple(part for child in node.named_children for part in _keys(child))
    text = node.text.decode()
    return (text.strip("\"'"),)


def _pair(node: Any, prefix: Path, lines: dict[Path, int]) -> None:
    path = prefix + _keys(node.named_children[0])
    lines[path] = _line(node)
    _value(node.named_children[-1], path, lines)


def _value(node: Any, path: Path, lines: dict[Path, int]) -> None:
    if node.type == "inline_table":
        for child in node.named_children:
            if child.type == "pair":
                _pair(child, path, lines)
    elif node.type == "array":
        items = [child for child in node.named_children if child.type != "comment"]
        for index, child in enumerate(items):
            lines[(*path, index)] = _line(child)
            _value(child, (*path, index), lines)


def shown(path: Path) -> str:
    """("basal", "steps", 1, "rate") -> `basal.steps[1].rate`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text or "file"
