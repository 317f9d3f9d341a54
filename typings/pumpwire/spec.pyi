PROTOCOL: int
STATES: tuple[str, ...]
MODES: tuple[str, ...]
KINDS: tuple[str, ...]
ERRORS: dict[str, int]
NUMBER_FREE: tuple[str, ...]
ALARMS: tuple[tuple[int, str, str, str, str, int, str, int], ...]
WHO: tuple[str, ...]
MAY: dict[str, tuple[int, ...]]
Argument = tuple[str, str, int, int, str, int | str | None]
Command = tuple[str, tuple[Argument, ...], str, bool]
COMMANDS: tuple[Command, ...]
OPTIONAL: tuple[str, ...]
AT_ONCE: tuple[str, ...]

def command(verb: str) -> Command | None: ...
def may(row: Command, who: str) -> bool: ...
def error_name(code: int) -> str: ...
def digest() -> str: ...
