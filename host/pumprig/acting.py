"""Whether the command that runs has had an effect: what can be printed of it decides nothing from then on.

Owns: this one fact.
Rules: a command only reads until it says otherwise; who only uses the Python interface needs no printing for it.
Units: none.
Leaves: what follows from it to streams.py.
"""

from __future__ import annotations


class _State:
    acts = False


def begin() -> None:
    """A command begins: it only reads until it says otherwise."""
    _State.acts = False


def acts() -> None:
    """There is an effect from here on."""
    _State.acts = True


def has_acted() -> bool:
    """Whether there has been one."""
    return _State.acts
