ONCE: str
MAYBE: str
EACH: str
REPEATED: str
Row = tuple[str, str, tuple[str, ...]]
ANSWERS: dict[str, tuple[Row, ...]]

def row(verb: str, name: str = ...) -> tuple[str, ...]: ...
def told(fields: tuple[str, ...], values: object) -> list[tuple[str, object]]: ...
