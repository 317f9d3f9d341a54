"""What to type where an optional package is missing: a command that can be run from where the user is.

Owns: the wording of that command.
Rules: the base has all that a rig is programmed, run, logged and reported with; weighing it takes the extra `bench`.
Names the Python that runs this program, so that the package lands where it is missing; in a source tree it is
`make install`.
Units: none.
Leaves: which package belongs to which extra to pyproject.toml.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pumprig.errors import PumpError

COILS = "adafruit-circuitpython-motor"
BENCH = ("fpdf", "matplotlib", "numpy", "scipy", "threadpoolctl", "uncertainties")


def _in_source_tree() -> bool:
    return (Path(__file__).resolve().parents[2] / "pyproject.toml").is_file()


def missing(error: ModuleNotFoundError) -> PumpError | None:
    """A package of the extra `bench` that is not there, as an error that says how it comes; None for any other."""
    package = (error.name or "").partition(".")[0]
    if package not in BENCH:
        return None
    return PumpError(
        f"This needs the bench's libraries, and {package} is not installed.",
        "Nothing was computed.",
        f"{to_install('bench')} brings them.",
    )


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
