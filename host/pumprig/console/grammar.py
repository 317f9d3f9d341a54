"""What may be typed in the console, and the command line that each line stands for.

Owns: the console's commands, their words, and the translation into the words of `pumprig`.
Rules: arguments, limits, units and the words before them (`over`, `removed`, `spread`) come from the shared command
table; a line becomes exactly one command of the command line, so that both do the same.
Units: as in pumpwire.spec.
Leaves: what a command does to pumprig.cli.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from pumpwire import spec, texts, units

from pumprig.errors import UsageError

QUANTITIES = ("rate", "volume", "time")
# console command: (words of the command line, verb of the shared table or "", further words that are options)
_TABLED = {
    "status": (("status",), "status", ()),
    "rate": (("rate",), "rate", ("override",)),
    "bolus": (("bolus",), "bolus", ()),
    "demand": (("demand",), "demand", ()),
    "dispense": (("dispense",), "dispense", ("wait",)),
    "prime": (("prime",), "prime", ()),
    "stop": (("stop",), "stop", ()),
    "resume": (("resume",), "resume", ()),
    "refill": (("refill",), "refill", ("correct",)),
    "alarms": (("alarms",), "alarms", ()),
    "ack": (("alarms", "ack"), "ack", ()),
    "silence": (("alarms", "silence"), "silence", ()),
}
# console command: (words that may follow, signature, meaning)
_OTHERS = {
    "program": (
        ("show", "check", "load", "save", "plot", "withdraw"),
        "show | check FILE | load FILE [override] [at TIME] | save FILE | plot FILE | withdraw",
        "therapy programs as TOML files; load reviews old and new side by side",
    ),
    "tube": (("new",), "[new]", "the tube's wear; a new one is in"),
    "battery": (("new",), "[new]", "the modelled implant's battery; a new one"),
    "titrate": (("hold", "back", "go"), "hold | back | go", "hold a titration, step it back, let it go on"),
    "clock": (("set",), "[set]", "the rig's clock; set it to this computer's"),
    "log": (("pull", "show", "total", "verify"), "pull | show | total | verify", "the delivery log"),
    "wait": ((), "TIME", "let time pass, for example `wait 10 s`; Ctrl-C ends the wait"),
    "help": ((), "[COMMAND]", "list the commands, or explain one"),
    "quit": ((), "", "leave; the pump goes on as programmed"),
}
NATIVE = ("stop", "wait", "help", "quit")  # done by the console itself


@dataclass(frozen=True)
class Argument:
    """One argument: its kind (rate, volume, time, flag), the word before it, whether it may be left out."""

    kind: str
    word: str
    optional: bool
    low: int = 0
    high: int = 0

    def __str__(self) -> str:
        told = self.word if self.kind == "flag" else f"{self.word} {self.kind.upper()}".strip()
        return f"[{told}]" if self.optional else told


@dataclass(frozen=True)
class Command:
    """A command of the console."""

    name: str
    meaning: str
    cli: tuple[str, ...]
    arguments: tuple[Argument, ...] = ()
    follow: tuple[str, ...] = ()
    text: str = field(default="")

    @property
    def signature(self) -> str:
        told = self.text or " ".join(str(argument) for argument in self.arguments)
        return f"{self.name} {told}".strip()

    def parts(self) -> list[str]:
        """Its signature, the limits of its quantities, its meaning."""
        limits = [
            f"{a.word or a.kind} {units.show(max(1, a.low), a.kind)} to {units.show(a.high, a.kind)}"
            for a in self.arguments
            if a.kind in QUANTITIES
        ]
        return [self.signature, *limits, self.meaning]


def _tabled(name: str) -> Command:
    cli, verb, flags = _TABLED[name]
    row = spec.command(verb)
    assert row is not None
    arguments: list[Argument] = []
    for _name, kind, low, high, word, default in row[1]:
        optional = bool(word) or default is not None
        arguments.append(
            Argument(kind if kind in QUANTITIES else "flag", word, optional, int(low), int(high))
        )
    arguments += [Argument("flag", word, True) for word in flags]
    return Command(name, texts.COMMANDS[verb], cli, tuple(arguments))


def _all() -> dict[str, Command]:
    found = {name: _tabled(name) for name in _TABLED}
    for name, (follow, text, meaning) in _OTHERS.items():
        found[name] = Command(name, meaning, (name,), (), follow, text)
    return found


COMMANDS = _all()


def split(line: str) -> list[str]:
    """The words of a line; quotes hold a file's name together. Raises UsageError."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"'{line}' is not understood: {error}.", "Nothing was sent.") from None


def command_of(line: str) -> Command:
    """The command that a line begins with. Raises UsageError."""
    words = split(line)
    found = COMMANDS.get(words[0].lower()) if words else None
    if found is None:
        raise UsageError(
            f"'{words[0] if words else ''}' is no command.", "Nothing was sent.", "`help` lists the commands."
        )
    return found


def to_cli(line: str) -> list[str]:
    """A line -> the words of the command line: `bolus 50 ul over 10 min` -> bolus 50 ul --over "10 min"."""
    command = command_of(line)
    out = list(command.cli)
    words = {argument.word: argument for argument in command.arguments if argument.word}
    if command.name == "program":
        words["override"] = Argument("flag", "override", True)
        words["at"] = Argument("time", "at", True)
    value: list[str] | None = None
    option = ""
    for word in split(line)[1:]:
        if word.lower() in words:
            out += _option(option, value)
            option, value = "--" + word.lower(), None
            if words[word.lower()].kind == "flag":
                out.append(option)
                option = ""
            else:
                value = []
        elif value is not None and not word.startswith("-"):
            value.append(word)
        else:
            out += _option(option, value)
            option, value = "", None
            out.append(word)
    return out + _option(option, value)


def _option(option: str, value: list[str] | None) -> list[str]:
    if value is None:
        return []
    if not value:
        raise UsageError(
            f"{option[2:]} needs a quantity.", "Nothing was sent.", f"For example `{option[2:]} 10 min`."
        )
    return [option, " ".join(value)]
