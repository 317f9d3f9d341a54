"""What to type where an optional package is missing: a command that can be run from where the user is.

Owns: the wording of that command.
Rules: names the Python that runs this program, so that the package lands where it is missing; in a source tree it is
`make install`.
Units: none.
Leaves: which package belongs to which extra to pyproject.toml.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

COILS = "adafruit-circuitpython-motor"


def _in_source_tree() -> bool:
    return (Path(__file__).resolve().parents[2] / "pyproject.toml").is_file()


def to_install(extra: str) -> str:
    """The command that brings the packages of an extra."""
    if _in_source_tree():
        return "make install"
    return f"{shlex.quote(sys.executable)} -m pip install 'pumprig[{extra}]'"


def to_install_coils() -> str:
    """The command that brings the coil sequences: one module is read, so the package comes without what it asks for."""
    if _in_source_tree():
        return "make install"
    return f"{shlex.quote(sys.executable)} -m pip install --no-deps {COILS}"
