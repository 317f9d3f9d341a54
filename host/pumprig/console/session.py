"""The console itself: a line in, the same function as on the command line, what it said, the next line.

Owns: the loop, questions, keys, Ctrl-C, replay.
Rules: Ctrl-C never stops the pump; `stop` and ^X always do, at once, also in place of an answer; a command runs to its
end before the next line; an alarm is told above the line as soon as it is read.
Units: seconds; exit codes as the command-line contract states them.
Leaves: what a command does to the command line, the rig to hold.py, files to script.py.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

from pumprig import quantities
from pumprig.console import grammar
from pumprig.console.completion import completed, shared
from pumprig.console.hold import Held
from pumprig.console.script import Recorder, Step
from pumprig.console.statusline import fit, line_of
from pumprig.errors import PumpError
from pumprig.shown import shown
from pumprig.terminal import BELL, painted, put, put_text

GOES_ON = "Ctrl-C does not stop the pump; `stop` or ^X does. `quit` leaves it running."
Answer = Callable[[str], str]  # puts a question to the person and returns yes, no or stop
READERS = ("log", "program")  # may take long, and a Ctrl-C between two of their readings harms nothing


class CommandLine(Protocol):
    """What the console needs of the command line, which stands above it."""

    def run(self, words: list[str], answer: Answer | None) -> int:
        """Run one command's words on the held rig; returns its exit code. `answer` as for Runner.run."""
        ...

    def show(self, error: PumpError) -> None:
        """Tell a failure to a person."""
        ...


class Runner:
    """Runs lines one after the other on a held rig."""

    def __init__(self, held: Held, command_line: CommandLine, recorder: Recorder | None = None) -> None:
        self._held = held
        self._command_line = command_line
        self._recorder = recorder

    def run(self, line: str, ask: Answer | None) -> int:
        """One line; returns its exit code. `ask` puts a question and returns yes, no or stop; None agrees to all."""
        step = Step(0, line.strip())

        def asked(question: str) -> str:
            assert ask is not None
            said = ask(question)
            step.answers.append(said)
            return said

        try:
            step.code = self._run(step.line, asked if ask is not None else None)
        except PumpError as error:
            self._command_line.show(error)
            step.code = error.exit_code
        if self._recorder is not None and step.line.split()[0].lower() != "quit":
            self._recorder.keep(step)
        return step.code

    def _run(self, line: str, ask: Answer | None) -> int:
        command = grammar.command_of(line)
        if command.name in grammar.NATIVE:
            return self._native(command, grammar.split(line)[1:])
        with _patient(command.name not in READERS):
            code = self._command_line.run(grammar.to_cli(line), ask)
        self._look()
        return code

    def _look(self) -> None:
        """The status after a command, for the line below; without a link the live reading says so."""
        try:
            self._held.refresh()
        except PumpError as error:
            self._held.trouble = error.happened

    def _native(self, command: grammar.Command, words: list[str]) -> int:
        if command.name == "stop":
            put(self._held.stop())
            self._look()
        elif command.name == "help":
            put_text(help_text(words[0] if words else ""))
        elif command.name == "wait":
            time_ms = quantities.parse(" ".join(words), "time", "the time")
            try:
                time.sleep(time_ms / 1000)
            except KeyboardInterrupt:
                put("the wait ended; the pump goes on")
                return 130
        return 0


def help_text(name: str) -> str:
    """The commands, or one of them with its limits. Raises UsageError."""
    if name:
        return "\n  ".join(grammar.command_of(name).parts())
    width = max(len(command.name) for command in grammar.COMMANDS.values())
    return "\n".join(f"{c.name:{width}}  {c.meaning}" for c in grammar.COMMANDS.values())


@contextmanager
def _patient(needed: bool) -> Generator[None]:
    """Ctrl-C waits for the end of a command that changes something: a half told outcome helps nobody."""
    if not needed or threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            put(GOES_ON, err=True)


def play(runner: Runner, steps: list[Step], yes: bool) -> int:
    """Run a script to its end or its first surprise. Returns 0, or the surprising exit code (1 for a missing one)."""
    for step in steps:
        put(painted(">", bold=True), f" {step.line}")
        answers = iter(step.answers)

        def ask(question: str, answers: Any = answers) -> str:
            said = next(answers, "no")
            put(f"{question} {said}", err=True)
            return said

        if step.line.split()[0].lower() == "quit":
            return 0
        code = runner.run(step.line, None if yes else ask)
        if code != step.code:
            put(
                f"line {step.number}: `{step.line}` ended with exit code {code}, not {step.code}. "
                "The rest was not run; the pump goes on as programmed.",
                err=True,
            )
            return code or 1
    return 0


def _answer_stop(event: Any) -> None:
    """^X: whatever is being typed, the line is `stop`."""
    event.app.exit(result="stop")


class Console:
    """The session on a terminal. `terminal` is a prompt_toolkit session's maker's arguments, for tests."""

    def __init__(self, held: Held, runner: Runner, history: str | None, **terminal: Any) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, InMemoryHistory
        from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

        self._held = held
        self._runner = runner
        self._keys = KeyBindings()
        self._keys.add("c-x", eager=True)(_answer_stop)
        tab = KeyBindings()
        tab.add("tab", eager=True)(self._complete)
        self._session: Any = PromptSession(
            history=FileHistory(history) if history else InMemoryHistory(),
            enable_history_search=True,
            bottom_toolbar=self._toolbar,
            refresh_interval=0.5,
            key_bindings=merge_key_bindings([self._keys, tab]),
            **terminal,
        )
        self._question: Any = PromptSession(
            bottom_toolbar=self._toolbar, refresh_interval=0.5, key_bindings=self._keys, **terminal
        )
        self._asking = False
        self._offered: tuple[str, list[str]] = ("", [])
        held.on_alarm = self._announce

    def _complete(self, event: Any) -> None:
        """Tab: complete what is sure; several choices are shown in the line of help, which never scrolls."""
        buffer = event.current_buffer
        before = str(buffer.document.text_before_cursor)
        text, choices = completed(before)
        if text != before:
            keep = len(shared([before, text]))
            buffer.delete_before_cursor(len(before) - keep)
            buffer.insert_text(text[keep:])
        self._offered = (str(buffer.text), choices)

    def _toolbar(self) -> str:
        width = int(self._session.app.output.get_size().columns)
        age_s = time.monotonic() - self._held.read_s
        first = shown(line_of(self._held.content, age_s, self._held.trouble, width))
        return f"{first}\n{self._hint(width)}"

    def _hint(self, width: int) -> str:
        """The inline help of what is being typed."""
        text = str(self._session.default_buffer.text) if self._session.app.is_running else ""
        words = text.split()
        if self._asking:
            return "yes, no or stop; nothing is in force before yes"
        if not words:
            return "Tab completes, `help` lists the commands, Ctrl-D leaves; the pump goes on"
        if self._offered[1] and self._offered[0] == text:
            return fit([*self._offered[1], ""], width, "  ")
        found = grammar.COMMANDS.get(words[0].lower())
        return fit([*found.parts(), ""], width) if found else "no such command; Tab shows what there is"

    def _announce(self, alarms: list[dict[str, Any]]) -> None:
        from pumpwire import texts

        for row in alarms:
            put(BELL, f"ALARM {row['name']} ({row['priority']}): {texts.ALARMS.get(row['name'], '')}")

    def _ask(self, question: str) -> str:
        """A question until it is answered; Ctrl-C and Ctrl-D say no."""
        from prompt_toolkit.patch_stdout import patch_stdout

        self._asking = True
        while True:
            try:
                with patch_stdout(raw=True):
                    said = str(self._question.prompt(shown(f"{question} [yes/no] "))).strip().lower()
            except (KeyboardInterrupt, EOFError):
                said = "no"
            if said in ("yes", "y", "no", "n", "stop"):
                self._asking = False
                return {"y": "yes", "n": "no"}.get(said, said)
            put("Type yes, no or stop.")

    def run(self) -> int:
        """Until `quit` or Ctrl-D; returns 0."""
        from prompt_toolkit.patch_stdout import patch_stdout

        while True:
            try:
                with patch_stdout(raw=True):
                    line = str(self._session.prompt("pumprig> ")).strip()
            except KeyboardInterrupt:
                put(GOES_ON)
                continue
            except EOFError:
                break
            if not line:
                continue
            if line.split()[0].lower() in ("quit", "exit"):
                break
            try:
                self._runner.run(line, self._ask)
            except KeyboardInterrupt:
                put(GOES_ON)
        put("left; the pump goes on as programmed")
        return 0
