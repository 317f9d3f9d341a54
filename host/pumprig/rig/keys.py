"""The keys that let this computer program rigs: in the platform's secret store, else one file a rig.

Owns: where keys are kept, and making them.
Rules: a key's file has mode 0600 and is never printed unasked; a file that others may read is refused; a new key is
kept on the disk before it is sent, so that a lost answer can never lock this computer out; with PUMPRIG_HOME set
everything lies there.
Units: 32 bytes as 64 hex digits.
Leaves: what is done with a key to pumpwire.auth.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pumpwire import auth

from pumprig import paths
from pumprig.errors import PumpError
from pumprig.shown import file_name

PENDING = ".new"
SERVICE = "pumprig"


def folder() -> Path:
    """Where the keys lie."""
    return paths.keys_folder()


def _file(device_id: str) -> Path:
    return folder() / f"{file_name(device_id)}.key"


def of(device_id: str) -> list[bytes]:
    """The keys that may be the rig's: the kept one, and one whose setting was begun. Raises PumpError."""
    found = [key for key in (_read(_file(device_id)), _read(_pending(device_id))) if key]
    store = _secret_store()
    if store is None:
        return found
    try:
        text = _asked(store.get_password, device_id)
    except PumpError:
        if found:
            return found
        raise
    return [_parsed(text, f"The secret store's entry {SERVICE}/{device_id}"), *found] if text else found


def where(device_id: str) -> str:
    """Where the key of a rig is kept, or would be."""
    if _secret_store() is not None and not _file(device_id).exists():
        return f"the secret store, {SERVICE}/{device_id}"
    return str(_file(device_id))


def _secret_store() -> Any:
    """The platform's secret store, or None: not installed, none that is safe, or PUMPRIG_HOME holds everything."""
    if os.environ.get("PUMPRIG_HOME"):
        return None
    try:
        import keyring
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority > 0 else None


def _asked(action: Callable[..., Any], *words: str) -> Any:
    """What the secret store answers. Raises PumpError where it is locked or fails."""
    from keyring.errors import KeyringError

    try:
        return action(SERVICE, *words)
    except KeyringError as error:
        raise PumpError(
            f"The secret store does not answer: {error}.",
            "The rig's key was neither read nor changed.",
            "Unlock the store, or keep keys in files: PUMPRIG_HOME=<folder>.",
        ) from None


def _pending(device_id: str) -> Path:
    return folder() / f"{file_name(device_id)}.key{PENDING}"


def _read(path: Path) -> bytes | None:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PumpError(f"The key {path} cannot be read: {error.strerror}.", "Nothing was changed.") from None
    if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
        raise PumpError(f"Others may read the key {path}.", "It was not used.", f"chmod 600 {path}")
    return _parsed(text, str(path))


def parse(text: str) -> bytes | None:
    """64 hex digits -> the key; None for anything else."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        return None
    return key if len(key) == auth.KEY_BYTES else None


def _parsed(text: str, place: str) -> bytes:
    key = parse(text)
    if key is None:
        raise PumpError(f"{place} holds no key.", "It was not used.", "Restore it, or reflash the rig.")
    return key


def make() -> bytes:
    """A new key."""
    return secrets.token_bytes(auth.KEY_BYTES)


def begin(device_id: str, key: bytes) -> None:
    """Keep a key that is about to be set. Raises PumpError."""
    _write(_pending(device_id), key)


def finish(device_id: str) -> None:
    """The rig has taken the key that was begun. Raises PumpError."""
    store = _secret_store()
    key = _read(_pending(device_id)) if store is not None else None
    if key is not None and _stored(store, device_id, key.hex()):
        for path in (_pending(device_id), _file(device_id)):
            path.unlink(missing_ok=True)
        return
    os.replace(_pending(device_id), _file(device_id))


def _stored(store: Any, device_id: str, text: str) -> bool:
    """Whether the secret store has taken a key and gives it back; a locked one takes none."""
    try:
        _asked(store.set_password, device_id, text)
        return _asked(store.get_password, device_id) == text
    except PumpError:
        return False


def keep(device_id: str, key: bytes) -> None:
    """A key that the rig already has, brought from another computer. Raises PumpError."""
    begin(device_id, key)
    finish(device_id)


def forget(device_id: str) -> None:
    """The rig has no key any more."""
    for path in (_file(device_id), _pending(device_id)):
        path.unlink(missing_ok=True)
    store = _secret_store()
    if store is not None and _asked(store.get_password, device_id):
        _asked(store.delete_password, device_id)


def _write(path: Path, key: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise PumpError(f"The key {path} cannot be kept: {error.strerror}.", "No key was set.") from None
