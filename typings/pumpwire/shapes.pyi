MIN_RATE_NL_PER_DAY: int
MAX_RATE_NL_PER_DAY: int
STEP: tuple[tuple[str, int, int], ...]
PERIODIC: tuple[tuple[str, int, int], ...]
DEMAND: tuple[tuple[str, int, int], ...]
RAMP: tuple[tuple[str, int, int], ...]
ZONE: tuple[tuple[str, int, int], ...]
BRIDGE: tuple[tuple[str, int, int], ...]
PHASE: tuple[tuple[str, int, int], ...]
