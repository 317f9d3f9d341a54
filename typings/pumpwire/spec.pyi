PROTOCOL: int
STATES: tuple[str, ...]
MODES: tuple[str, ...]
KINDS: tuple[str, ...]
ERRORS: dict[str, int]
ALARMS: tuple[tuple[int, str, str, str, str, int], ...]
Argument = tuple[str, str, int, int, str, int | str | None]
Command = tuple[str, tuple[Argument, ...], str, bool]
COMMANDS: tuple[Command, ...]
OPTIONAL: tuple[str, ...]

def command(verb: str) -> Command | None: ...
def error_name(code: int) -> str: ...
def digest() -> str: ...
