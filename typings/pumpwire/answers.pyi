ONCE: str
MAYBE: str
EACH: str
REPEATED: str
ANSWERS: bytes
Row = tuple[str, str, list[tuple[str, str]]]

def row(verb: str, name: str = ...) -> bytes: ...
def rows_of(verb: str) -> list[Row]: ...
def told(fields: bytes, values: object) -> list[tuple[bytes, object]]: ...
