"""What the Pico would only compute to get the same every time, computed here; what it never reads of a table, left out.

Owns: the protocol's digest as a constant of the image, and the table of answers without what only a reader needs.
Rules: the digest is computed from the very files that are compiled, by a Python of its own, never from this tool's copy
of them: the greeting compares the two. It covers the whole tables, what is left out too.
Units: none.
Leaves: what the digest covers to pumpwire/spec.py.

On the Pico it took most of a second at each start, and had every table of the protocol in memory for it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from pumprig.errors import PumpError
from pumprig.flash.constants import Trees

MODULE, FUNCTION = "pumpwire.spec", "digest"
ANSWERS_MODULE, ANSWERS = "pumpwire.answers", "ANSWERS"
CODE = "import sys; sys.path.insert(0, sys.argv[1]); from pumpwire import spec; print(spec.digest())"


def settle(trees: Trees, spec: Path) -> None:
    """Let pumpwire.spec, whose source `spec` is, return its digest as it is. Raises PumpError."""
    digest = digest_of(spec)
    for node in trees[MODULE].body:
        if isinstance(node, ast.FunctionDef) and node.name == FUNCTION:
            node.body = [ast.Return(ast.Constant(digest))]
            ast.fix_missing_locations(node)


def leave_out_kinds(trees: Trees) -> None:
    """Let pumpwire.answers have the names of its fields alone: the rest of a row only the host asks for."""
    for node in trees[ANSWERS_MODULE].body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bytes(table))) if (
                name == ANSWERS
            ):
                node.value = ast.Constant(b"\n".join(_names_alone(row) for row in table.split(b"\n")))
            case _:
                pass


def _names_alone(row: bytes) -> bytes:
    """`status flow once rate:rate angle:angle?` -> `status flow - rate: angle:`."""
    verb, name, often, *fields = row.split() or [b"", b"", b""]
    words = (verb, name, often and b"-", *(field.partition(b":")[0] + b":" for field in fields))
    return b" ".join(words).strip()


def digest_of(spec: Path) -> str:
    """The digest of the protocol whose spec.py this is."""
    command = [sys.executable, "-I", "-c", CODE, str(spec.resolve().parent.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = done.stderr.strip().rpartition("\n")[2]
        raise PumpError(f"The tables of the protocol cannot be read: {told}", "Nothing was written.")
    return done.stdout.strip()
