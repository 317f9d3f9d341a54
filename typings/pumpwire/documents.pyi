from typing import Any

MAX_TEXT: int
DAY_S: int
MIN_RATE_NL_PER_DAY: int
MAX_RATE_NL_PER_DAY: int
STEP: tuple[tuple[str, int, int], ...]
PERIODIC: tuple[tuple[str, int, int], ...]
DEMAND: tuple[tuple[str, int, int], ...]
RAMP: tuple[tuple[str, int, int], ...]
ZONE: tuple[tuple[str, int, int], ...]
PHASE: tuple[tuple[str, int, int], ...]
FIELDS: dict[str, tuple[tuple[str, Any, Any], ...]]
SINGLE: tuple[str, ...]
WEEKDAYS: tuple[str, ...]

class DocumentError(ValueError): ...

def parse(text: str) -> dict[str, Any]: ...
def canonical(document: dict[str, Any]) -> str: ...
def digest(text: str) -> str: ...
def code_of(text: str) -> str: ...
def bolus_rate_nl_per_day(volume_nl: int, over_ms: int) -> int: ...
def peak_rates(program: dict[str, Any]) -> list[tuple[str, int]]: ...
