"""Who may come in: this computer's own user, from this page, and nobody else.

Owns: the token, where it is kept, and the check of every request before anything else sees it.
Rules: only names of this computer are taken as Host, so that no foreign name can be made to lead here; a request that
a page of another origin caused is refused, whatever it carries; what reads or changes a rig needs the token, which is
compared in constant time and never logged; the files of the page hold no secret and need none.
Units: none.
Leaves: what a request does to app.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pumprig import paths

HOSTS = ("127.0.0.1", "localhost", "::1")
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def token_file() -> Path:
    """Where the token of this user's page lies while the page is served."""
    return paths.state_folder() / "dashboard" / "token"


def token() -> str:
    """The token of a page that was killed, so that open pages come back by themselves; else a new one."""
    path = token_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077 == 0 and len(kept := path.read_text(encoding="ascii").strip()) == 64:
            return kept
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    fresh = secrets.token_hex(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(fresh)
    return fresh


def forget_token() -> None:
    """The page ended as it should: the next one gets another token."""
    token_file().unlink(missing_ok=True)


def host_of(text: str) -> str | None:
    """The name in a Host header, without its port; None for one that is none."""
    with contextlib.suppress(ValueError):
        return urlsplit("//" + text).hostname
    return None


class Door:
    """ASGI: lets in what the rules allow, and puts the page's headers on every answer."""

    def __init__(self, app: Any, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        why = self._refused(scope)
        if why is not None:
            await _refuse(send, *why)
            return

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        await self._app(scope, receive, sent)

    def _refused(self, scope: Any) -> tuple[int, str] | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or host_of(hosts[0].decode("latin-1")) not in HOSTS:
            return 421, "This page is served to this computer alone, by the names 127.0.0.1 and localhost."
        origins = headers.get(b"origin", [])
        if any(origin != b"http://" + hosts[0] for origin in origins):
            return 403, "A page of another origin asked."
        if headers.get(b"sec-fetch-site", [b"none"])[0] not in (b"none", b"same-origin"):
            return 403, "A page of another origin asked."
        if not scope["path"].startswith("/api/"):
            return None
        if scope["method"] != "GET" and not origins:
            return 403, "A change is taken from the page alone, and a page says its origin."
        marks = headers.get(b"authorization", [])
        given = marks[0].removeprefix(b"Bearer ") if len(marks) == 1 else b""
        if scope["method"] == "GET" and not marks:  # the stream of events, to which a browser adds no header
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0].encode()
        if not secrets.compare_digest(given, self._token):
            return (
                401,
                "The page's token is missing or not this server's: open the page by `pumprig dashboard`.",
            )
        return None


async def _refuse(send: Any, status: int, text: str) -> None:
    body = json.dumps({"error": text, "not_done": "Nothing was done.", "kind": "door"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
