COMMANDS: dict[str, tuple[str, str]]
ARGUMENTS: dict[tuple[str, str], str]
ERRORS: dict[str, str]
ALARMS: dict[str, str]
