"""The console's pictures: sessions on a simulated rig in a terminal multiplexer of 80 x 24, as SVG.

Owns: what is typed for each picture.
Rules: the real tool on the real simulated rig; nothing is drawn by hand; the rig and its files are of this run alone.
Units: seconds of wall time between two lines.
Leaves: the session to pumprig.console, the drawing to rich.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 80, 24
LINE_S = 2.0
SESSIONS = {
    "review": ("rate 10 ul/h", "yes", "program load examples/weekdays.toml"),
    "bolus": ("rate 10 ul/h", "yes", "^L", "bolus 5 ul over 1 h", "yes", "rate 99 ml/h", "^C", "bolus 5 ^I"),
}


def typed(socket: str, line: str) -> None:
    """One line; ^C, ^I and ^L are keys, and a line that ends with a key is not entered."""
    words, _, key = line.partition("^")
    tmux = ["tmux", "-L", socket, "send-keys", "-t", "console"]
    subprocess.run([*tmux, "-l", words], check=True)
    subprocess.run([*tmux, {"C": "C-c", "I": "Tab", "L": "C-l"}.get(key, "Enter")], check=True)
    time.sleep(LINE_S)


def picture(name: str, lines: tuple[str, ...], environment: dict[str, str]) -> None:
    """Type the lines and keep what the terminal then shows."""
    socket = f"pumprig-{name}"
    command = f"{sys.executable} -m pumprig -p sim console"
    size = ["-x", str(COLUMNS), "-y", str(LINES)]
    subprocess.run(
        ["tmux", "-L", socket, "new-session", "-d", *size, "-s", "console", command],
        env=environment,
        cwd=ROOT,
        check=True,
    )
    try:
        time.sleep(2 * LINE_S)
        for line in lines:
            typed(socket, line)
        shown = subprocess.run(
            ["tmux", "-L", socket, "capture-pane", "-t", "console", "-p", "-e"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    finally:
        subprocess.run(["tmux", "-L", socket, "kill-server"], check=True)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(shown.rstrip("\n")), soft_wrap=True)
    console.save_svg(str(IMAGES / f"console-{name}.svg"), title="pumprig console", unique_id=name)


def main() -> None:
    """Every picture, each on a rig of its own."""
    for name, lines in SESSIONS.items():
        with tempfile.TemporaryDirectory() as home:
            environment = {**os.environ, "PUMPRIG_HOME": home}
            pumprig = [sys.executable, "-m", "pumprig"]
            subprocess.run(
                [*pumprig, "sim", "--background", "--speed", "20"], env=environment, check=True, cwd=ROOT
            )
            picture(name, lines, environment)
            subprocess.run([*pumprig, "sim", "--stop"], env=environment, check=False, cwd=ROOT)


if __name__ == "__main__":
    main()
