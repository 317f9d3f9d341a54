"""What the Pico would only compute to get the same every time, computed here.

Owns: the protocol's digest as a constant of the image.
Rules: it is computed from the very files that are compiled, by a Python of its own, never from this tool's copy of
them: the greeting compares the two.
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
CODE = "import sys; sys.path.insert(0, sys.argv[1]); from pumpwire import spec; print(spec.digest())"


def settle(trees: Trees, spec: Path) -> None:
    """Let pumpwire.spec, whose source `spec` is, return its digest as it is. Raises PumpError."""
    digest = digest_of(spec)
    for node in trees[MODULE].body:
        if isinstance(node, ast.FunctionDef) and node.name == FUNCTION:
            node.body = [ast.Return(ast.Constant(digest))]
            ast.fix_missing_locations(node)


def digest_of(spec: Path) -> str:
    """The digest of the protocol whose spec.py this is."""
    command = [sys.executable, "-I", "-c", CODE, str(spec.resolve().parent.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = done.stderr.strip().rpartition("\n")[2]
        raise PumpError(f"The tables of the protocol cannot be read: {told}", "Nothing was written.")
    return done.stdout.strip()
