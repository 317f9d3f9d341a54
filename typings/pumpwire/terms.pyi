from collections.abc import Sequence

DAY_S: int
STEP_CLOCK_HZ: int
CYCLES_PER_US: int
STEP_CLOCK_OFF_PPM: int
ANGLE_CELLS: int
ANGLE_MEAN: int
WEEKDAYS: tuple[str, ...]

def digest(text: str) -> str: ...
def code_of(text: str) -> str: ...
def bolus_rate_nl_per_day(volume_nl: int, over_ms: int) -> int: ...
def day_nl(steps: Sequence[tuple[int, int]]) -> int: ...
