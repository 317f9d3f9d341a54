"""docs/reference/cli.md: every command of `pumprig`, from the click tree itself.

Owns: the layout of the page.
Rules: what a command takes and says stands in its own module; a command without a help text fails here; the page is
the same on every machine.
Units: none.
Leaves: the commands to pumprig.cli, examples to docs/how-to.
"""

from __future__ import annotations

import inspect

import click
from pumprig.cli import COMMANDS, root

HEAD = """# The command line

Generated from the commands themselves by `make docs`; do not edit. Exit codes: 0 done; 1 failed; 2 usage or no port;
3 refused by the device; 4 the link failed, and the outcome is stated; 130 Ctrl-C. A reader that goes away
(`| head`) is no failure.
"""


class Undocumented(Exception):
    """A command that does not say what it does; the text names it."""


def page() -> str:
    """The whole page."""
    shared = {name for option in root.params for name in option.opts}
    lines = [HEAD, "## Options of every command", ""]
    lines += [_option(option) for option in root.params if isinstance(option, click.Option)]
    for name in sorted(COMMANDS):
        command = root.get_command(click.Context(root), name)
        assert command is not None, name
        lines += _command(command, f"pumprig {name}", shared, 2)
    return "\n".join(lines) + "\n"


def _command(command: click.Command, name: str, shared: set[str], level: int) -> list[str]:
    text = inspect.cleandoc(command.help or command.short_help or "")
    if not text:
        raise Undocumented(name)
    own = [option for option in command.params if not shared.intersection(option.opts)]
    usage = " ".join([name, *(_usage(parameter) for parameter in own)])
    lines = ["", f"{'#' * level} {name}", "", text.replace("\b\n", ""), "", "```", usage, "```"]
    options = [_option(option) for option in own if isinstance(option, click.Option) and not option.hidden]
    if options:
        lines += ["", *options]
    if isinstance(command, click.Group):
        for child in sorted(command.commands):
            lines += _command(command.commands[child], f"{name} {child}", shared, level + 1)
    return lines


def _metavar(parameter: click.Parameter) -> str:
    if parameter.metavar:
        return parameter.metavar
    if isinstance(parameter.type, click.Choice):
        return "|".join(str(choice) for choice in parameter.type.choices)
    return (parameter.name or "").upper()


def _usage(parameter: click.Parameter) -> str:
    """How a parameter is written on the command line."""
    many = "..." if parameter.nargs == -1 or parameter.multiple else ""
    if isinstance(parameter, click.Option):
        name = max(parameter.opts, key=len)
        text = name if parameter.is_flag else f"{name} {_metavar(parameter)}"
    else:
        text = _metavar(parameter)
    return f"{text}{many}" if parameter.required else f"[{text}]{many}"


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" *{_metavar(option)}*"
    return f"- {names}{value}: {option.help or ''}".rstrip(": ")
