"""A program beside another one: it is started again, and says what it says once.

Owns: what reaches the user of a program that ends again and again.
Rules: the program beside is the real page server, on a real port; waits are for what happens, never for a time.
Units: seconds.
Leaves: the hub's own options to tests/unit/hub.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from pumprig.cli.beside import MOST_LINES, Beside, News

MOST_S = 60.0


def said(runs: list[list[str]], afresh: bool = False) -> list[str]:
    """What reaches the user of these runs."""
    told: list[str] = []
    news = News(told.append)
    for run in runs:
        for line in run:
            news(line)
        news.begin(afresh)
    return told


def test_a_run_that_says_what_the_last_one_said_says_nothing() -> None:
    assert said([["taken", "ended 1"]] * 5) == ["taken", "ended 1"]


def test_from_its_first_other_line_on_a_run_is_heard_whole() -> None:
    runs = [["a", "b", "ended"], ["a", "c", "ended"], ["a", "c", "ended"], ["a", "c"], ["a", "c", "d"]]
    assert said(runs) == ["a", "b", "ended", "c", "ended", "d"]


def test_what_is_said_twice_in_a_run_is_heard_twice() -> None:
    assert said([["lost", "back", "lost", "back"]]) == ["lost", "back", "lost", "back"]


def test_after_a_long_run_everything_is_new() -> None:
    assert said([["a", "ended"]] * 2, afresh=True) == ["a", "ended"] * 2


def test_a_run_of_many_lines_takes_no_more_memory_than_is_compared() -> None:
    lines = [str(number) for number in range(3 * MOST_LINES)]
    assert said([lines, lines]) == lines + lines[MOST_LINES:]


def test_a_page_whose_port_is_taken_is_told_once_and_comes_when_the_port_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    told: list[str] = []
    ready, again = threading.Event(), threading.Event()

    def say(text: str) -> None:
        told.append(text)
        if "ready" in text:
            ready.set()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ["-q", "dashboard", "--no-browser", "--page", f"127.0.0.1:{port}"]
        beside = Beside("page", words, {}, say, again_s=0.01)
        while beside.runs < 3:
            assert not again.wait(0.05)
    try:
        assert ready.wait(MOST_S)
    finally:
        beside.terminate()
        beside.wait()
    heard = [line for line in told if "ready" not in line]
    assert len(heard) == len(set(heard))
    assert sum("exit code" in line for line in heard) == 1
