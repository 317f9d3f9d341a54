from typing import Any

PAGE: int
MAGIC: bytes
VERSION: int
CHAIN: int
HEADER: tuple[tuple[str, str], ...]
HEADER_SIZE: int
SIZES: tuple[int, ...]
STATE: tuple[tuple[str, int], ...]
FIELDS: dict[int, int]
STATE_SIZE: int
MAX_EVENT_TEXT: int
EVENTS: tuple[str, ...]

class RecordError(ValueError): ...

def pack(header: dict[str, Any], state: dict[str, int], text: str) -> bytes: ...
def unseal(page: bytes) -> bytes: ...
def unpack(raw: bytes) -> tuple[dict[str, Any], dict[str, int], str]: ...
def link(raw: bytes) -> bytes: ...
def split(state: dict[str, int], version: int) -> None: ...
