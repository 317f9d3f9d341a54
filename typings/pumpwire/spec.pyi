PROTOCOL: int
STATES: tuple[str, ...]
KINDS: tuple[str, ...]
ERRORS: tuple[tuple[int, str, str], ...]
ERROR_CODES: dict[str, int]
ERROR_NAMES: dict[int, str]
ALARMS: tuple[tuple[int, str, str, str, str, int, str], ...]
Argument = tuple[str, str, int, int, str, int | str | None, str]
Command = tuple[str, tuple[Argument, ...], str, str, bool, str]
COMMANDS: tuple[Command, ...]
OPTIONAL: tuple[str, ...]

def command(verb: str) -> Command | None: ...
def digest() -> str: ...
