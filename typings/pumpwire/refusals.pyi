from collections.abc import Mapping

REFUSALS: tuple[tuple[str, str, str], ...]
FIGURES: set[str]

def figures_of(fields: Mapping[str, str]) -> dict[str, int | str]: ...
