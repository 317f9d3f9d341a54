"""The page's server: its files, its stream of news, its verbs.

Owns: the routes, and how an error becomes an answer.
Rules: a stop is written to the rig's line before anything is awaited, whatever else is under way; nothing blocks the
loop; an answer that failed carries the error's three sentences.
Units: none.
Leaves: who may come in to door.py, rigs to fleet.py and watch.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pumprig import __version__, paths
from pumprig.api.deliveries import stopped_of
from pumprig.dashboard import acts, plans
from pumprig.dashboard.bus import Bus
from pumprig.dashboard.curves import series_of
from pumprig.dashboard.fleet import Fleet
from pumprig.dashboard.watch import RigWatch
from pumprig.errors import InputFileError, LinkError, PumpError, RefusedError, UsageError
from pumprig.quantities import iso
from pumprig.store import Store, ledger
from pumprig.worded import style_of, words_of

BEAT_S = 2.0  # between two signs of life of the stream
STOP_S = 10.0
MOST_BYTES = 200_000  # of a request
MOST_ROWS = 300  # of the log in one answer
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HTTP = {UsageError: 400, InputFileError: 422, RefusedError: 409, LinkError: 502}


class Page:
    """The handlers, over one fleet."""

    def __init__(self, fleet: Fleet, bus: Bus) -> None:
        self._fleet = fleet
        self._bus = bus
        self._plans = plans.Plans()
        self._threads = ThreadPoolExecutor(16, "pumprig-page")
        self._reading = ThreadPoolExecutor(1, "pumprig-page-store")  # the log is read by one at a time
        self.ended = asyncio.Event()

    def app(self) -> Starlette:
        """The application, behind no door yet."""
        return Starlette(
            routes=[
                Route("/", self.file),
                Route("/api/events", self.events),
                Route("/api/ping", self.ping),
                Route("/api/rigs/{key}/stop", self.stop, methods=["POST"]),
                Route("/api/rigs/{key}/curves", self.curves),
                Route("/api/rigs/{key}/log", self.log),
                Route("/api/rigs/{key}/program", self.program),
                Route("/api/rigs/{key}/calibrations", self.calibrations),
                Route("/api/rigs/{key}/do/{verb}", self.do, methods=["POST"]),
                Route("/api/check", self.check, methods=["POST"]),
                Route("/{name}", self.file),
            ]
        )

    async def file(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path_params.get("name", "index.html")
        place = files("pumprig.dashboard").joinpath("static", name)
        suffix = name[name.rfind(".") :]
        if "/" in name or "\\" in name or suffix not in TYPES or not place.is_file():
            return JSONResponse({"error": "There is no such page."}, 404)
        return Response(place.read_bytes(), media_type=TYPES[suffix])

    async def ping(self, _request: Request) -> Response:
        """Whether the token is this server's."""
        return JSONResponse({"version": __version__})

    # --- the stream

    async def events(self, _request: Request) -> Response:
        """Server-sent events: everything once, then what changes."""
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncGenerator[bytes]:
        listener = self._bus.listen()
        try:
            yield _event("hello", {"version": __version__})
            yield _event("rigs", [rig.key for rig in self._fleet.rigs])
            for view in self._fleet.views():
                yield _event("rig", view)
            while not self.ended.is_set():
                news = await listener.news(BEAT_S)
                for kind, what in news:
                    yield _event(kind, what.view() if isinstance(what, RigWatch) else what)
                if not news:
                    yield _event("beat", {})
        finally:
            self._bus.leave(listener)

    # --- reading

    async def curves(self, request: Request) -> Response:
        """The curves of the last `s` seconds, 0 for the whole log."""
        span_s = min(int(request.query_params.get("s", "0") or 0), 10**9)

        def work(rig: RigWatch) -> dict[str, Any]:
            live = list(rig.samples)
            newest_us = live[-1].at_us if live else 0
            from_us = newest_us - span_s * 1_000_000 if span_s and newest_us else None
            with _store() as store:
                return series_of(store, rig.device_id or "", live, from_us)

        return await self._answered(request, work, self._reading)

    async def log(self, request: Request) -> Response:
        """The newest records in words, newest first; `after` a number: only later ones."""
        after = int(request.query_params.get("after", "0") or 0)

        def work(rig: RigWatch) -> dict[str, Any]:
            with _store() as store:
                device = rig.device_id or ""
                volumes = {number: row[0] / row[1] for number, row in store.calibrations(device).items()}
                newest = ledger.last_number(store, device)
                rows = ledger.told(store, device, max(after, newest - 5_000), newest + 1)
                told = [
                    {
                        "number": record.number,
                        "at": iso(record.at_utc_us),
                        "event": record.event.replace("_", " "),
                        "style": style_of(record.event),
                        "text": words_of(record, volumes.get(record.calibration_id, 0.0)),
                    }
                    for record in rows
                    if record.event != "checkpoint"
                ]
            return {"rows": told[-MOST_ROWS:][::-1], "newest": newest}

        return await self._answered(request, work, self._reading)

    async def program(self, request: Request) -> Response:
        """The rig's active program."""
        return await self._answered(request, plans.active)

    async def calibrations(self, request: Request) -> Response:
        """The calibrations of this computer."""
        return await self._answered(request, lambda rig: {"rows": acts.calibrations(rig)})

    # --- acting

    async def stop(self, request: Request) -> Response:
        """Stop now."""
        rig = self._fleet.find(request.path_params["key"])
        if rig is None:
            return _unknown()
        confirmed = rig.begin_stop()  # the line has left, or there is no conversation to send it through
        try:
            if confirmed is None:
                loop = asyncio.get_running_loop()
                told = await loop.run_in_executor(self._threads, acts.stop_unreached, rig)
            else:
                answer = await asyncio.wait_for(asyncio.wrap_future(confirmed), STOP_S)
                told = acts.stopped(stopped_of(answer).delivered_steps)
        except TimeoutError:
            return _failed(LinkError("The stop was sent and not confirmed.", "unknown", BUTTON))
        except LinkError as error:
            return _failed(LinkError(error.happened, error.outcome, BUTTON))
        except PumpError as error:
            return _failed(error)
        return JSONResponse(told)

    async def do(self, request: Request) -> Response:
        """A verb that changes something."""
        verb = request.path_params["verb"]
        body = await _body(request)
        work: Callable[[RigWatch], dict[str, Any]]
        if body is None:
            return _failed(UsageError("The request is no JSON object.", "Nothing was done."))
        if verb in acts.VERBS:
            work = lambda rig: acts.do(rig, verb, body)  # noqa: E731
        elif verb == "propose":
            work = lambda rig: plans.propose(self._plans, rig, body.get("text"))  # noqa: E731
        elif verb == "commit":
            work = lambda rig: plans.commit(self._plans, rig, body)  # noqa: E731
        elif verb == "discard":
            work = lambda rig: plans.discard(self._plans, rig, body)  # noqa: E731
        elif verb == "key":
            work = lambda rig: acts.keep_key(rig, body)  # noqa: E731
        else:
            return JSONResponse({"error": "There is no such verb."}, 404)
        return await self._answered(request, work)

    async def check(self, request: Request) -> Response:
        """A program's faults, or what follows from it. Nothing is sent to any rig."""
        body = await _body(request) or {}
        try:
            told = await asyncio.get_running_loop().run_in_executor(
                self._threads, plans.checked, body.get("text")
            )
        except PumpError as error:
            return _failed(error)
        return JSONResponse(told)

    async def _answered(
        self,
        request: Request,
        work: Callable[[RigWatch], dict[str, Any]],
        threads: ThreadPoolExecutor | None = None,
    ) -> Response:
        rig = self._fleet.find(request.path_params["key"])
        if rig is None:
            return _unknown()
        try:
            told = await asyncio.get_running_loop().run_in_executor(threads or self._threads, work, rig)
        except PumpError as error:
            return _failed(error)
        return JSONResponse(told)


BUTTON = "Press the stop button on the rig."


def _store() -> Any:
    from contextlib import closing

    return closing(Store(paths.chosen_database()))


async def _body(request: Request) -> dict[str, Any] | None:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            return None
    try:
        body: Any = json.loads(data or b"{}")
    except ValueError:
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None


def _event(kind: str, content: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(content)}\n\n".encode()


def _unknown() -> Response:
    told = {"error": "That rig is not here any more.", "not_done": "Nothing was done.", "next_step": ""}
    return JSONResponse({**told, "kind": "gone"}, 404)


def _failed(error: PumpError) -> Response:
    told: dict[str, Any] = {
        "error": error.happened,
        "not_done": error.not_done,
        "next_step": error.next_step,
        "kind": type(error).__name__,
        **error.details(),
    }
    if isinstance(error, InputFileError):
        told["faults"] = plans.faults_of(error)
    status = next((code for kind, code in HTTP.items() if isinstance(error, kind)), 500)
    return JSONResponse(told, status)
