"""Who types the commands of a page: a shell on a terminal, in a fresh home, who answers yes and gives a PIN.

Owns: the home, the terminal, what is answered to which question, Ctrl-C for what goes on until somebody ends it.
Rules: each line is given to the shell as the page has it; nothing of the person's own home is seen; waits for what is
to be seen, never for a time.
Units: seconds.
Leaves: which lines are typed to test_pages.py.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 240.0
ANSWERS = {
    r"\[y/N\]: ?$": "y\n",
    r"New PIN: ?$": "471100\n",
    r"Repeat for confirmation: ?$": "471100\n",
}


class Typist:
    """A person who came yesterday: a shell, a folder with the examples, nothing else."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder / "work"
        shutil.copytree(root / "examples", self.folder / "examples")
        home = folder / "h"
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(str(root / part) for part in ("host", "firmware/lib")),
            "HOME": str(home),
            **{f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")},
            "XDG_RUNTIME_DIR": str(folder / "r"),
            "PUMPRIG_PORT": "sim",  # a reader's only rig
            "BROWSER": "true",
            "NO_COLOR": "1",
            "TERM": "xterm",
            "LANG": "C.UTF-8",
        }
        for place in (home, folder / "r"):
            place.mkdir(mode=0o700)
        self._kept: list[tuple[subprocess.Popen[bytes], int]] = []

    def type(self, line: str, seen: str = "", keep: bool = False) -> tuple[int, str]:
        """One line, to its end: (exit code, what was seen). Once `seen` is there: Ctrl-C, or `keep` it running."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
        )
        os.close(theirs)
        text, told, interrupted = "", 0, False
        until_s = time.monotonic() + PATIENCE_S
        while (data := _heard(ours, child)) is not None:
            text += data
            assert time.monotonic() < until_s, f"{line} does not end:\n{text}"
            for pattern, answer in ANSWERS.items():
                if re.search(pattern, text[told:]):
                    told = len(text)
                    os.write(ours, answer.encode())
            if seen and seen in text and not interrupted:
                if keep:
                    self._kept.append((child, ours))
                    return 0, text
                interrupted = True
                os.write(ours, b"\x03")
        os.close(ours)
        return child.wait(), text

    def python(self, text: str) -> tuple[int, str]:
        """A snippet as a script of its own."""
        (self.folder / "snippet.py").write_text(text, encoding="utf-8")
        return self.type("python snippet.py")

    def end(self, quiet: Callable[[str], object] = lambda _line: None) -> list[int]:
        """End what was kept, by Ctrl-C, and the reader's rig; -> exit codes."""
        codes: list[int] = []
        for child, ours in self._kept:
            if child.poll() is None:
                os.write(ours, b"\x03")
            while _heard(ours, child) is not None:
                pass
            codes.append(child.wait(60))
            os.close(ours)
        self._kept.clear()
        self.type("pumprig sim --stop")
        return codes


def _heard(ours: int, child: subprocess.Popen[bytes]) -> str | None:
    """What came within a moment; None at the end."""
    ready, _w, _x = select.select([ours], [], [], 0.1)
    if not ready:
        return None if child.poll() is not None else ""
    try:
        data = os.read(ours, 65_536)
    except OSError:
        return None
    return data.decode(errors="replace") or None
