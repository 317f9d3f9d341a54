"""`pumprig completion`: the shell's completion script.

Owns: the command.
Rules: prints, installs nothing.
Units: none.
Leaves: completing to click.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pumprig.terminal import put_text


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script, for example `eval "$(pumprig completion bash)"` or `... fish | source`."""
    from pumprig.cli import root

    found = get_completion_class(shell)
    assert found is not None
    put_text(found(root, {}, "pumprig", "_PUMPRIG_COMPLETE").source())
