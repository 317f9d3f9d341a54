"""The small web page of the lab: metrics for Prometheus, and the acknowledgement of an alarm by the link that was told.

Owns: the paths, and what each of them allows.
Rules: the token in a link is the whole right to acknowledge that one alarm, and nothing else; a link that is only
opened changes nothing, because mail programs open links: the button does.
Units: none.
Leaves: HTTP to wsgiref, metrics to prometheus_client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from html import escape
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import prometheus_client
from prometheus_client import CollectorRegistry

from pumprig.errors import PumpError, UsageError

PATH = "/acknowledge/"
HEAD = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pumprig</title>'
Shown = Callable[[str], str | None]  # token -> words, None where there is none
Environ = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 20

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tokens stand in the addresses."""


class Page:
    """A server of its own thread; `show` and `answer` are None where there are no alarms to answer."""

    def __init__(
        self, where: str, registry: CollectorRegistry, show: Shown | None = None, answer: Shown | None = None
    ) -> None:
        """`where`: HOST:PORT. Raises UsageError, PumpError."""
        host, _colon, port = where.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise UsageError(
                f"--page {where} is no HOST:PORT.", "Nothing was started.", "Like 127.0.0.1:9465."
            )
        library: Any = prometheus_client  # half of this function's type is not told
        self._metrics: Any = library.make_wsgi_app(registry)
        self._show, self._answer = show, answer
        try:
            self._server = make_server(host.strip("[]"), int(port), self._serve, _Server, _Quiet)
        except OSError as error:
            raise PumpError(
                f"The page cannot be served at {where}: {error}.", "Nothing was started."
            ) from None
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def end(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, environ: Environ, start: Start) -> Iterable[bytes]:
        path, method = str(environ.get("PATH_INFO", "")), str(environ.get("REQUEST_METHOD", ""))
        if path == "/metrics" and method == "GET":
            return self._metrics(environ, start)
        token = path.removeprefix(PATH)
        if path.startswith(PATH) and self._show is not None and self._answer is not None and token.isascii():
            if method == "POST":
                told = self._answer(token)
                return _text(start, f"<p>Acknowledged: {escape(told)}" if told else "", "")
            told = self._show(token)
            button = '<form method="post"><button>Acknowledge</button></form>'
            return _text(start, f"<p>{escape(told)}" if told else "", button)
        return _text(start, "", "")


def _text(start: Start, told: str, rest: str) -> Iterable[bytes]:
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
    headers += [
        ("Content-Security-Policy", "default-src 'none'; form-action 'self'"),
        ("Referrer-Policy", "no-referrer"),
    ]
    if not told:
        start("404 Not Found", headers)
        return [(HEAD + "<p>There is no such page, or the alarm is over.").encode()]
    start("200 OK", headers)
    return [(HEAD + told + rest).encode()]
