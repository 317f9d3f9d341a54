"""The asynchronous interface: the same names, and what a task that is cancelled at any moment leaves behind.

Owns: the promise that a cancelled call sends nothing more, and that the rig serves the next one.
Rules: real rigs; where a task is cancelled is said by an event, never by a pause. `within` ends a test that would hang.
Units: none.
Leaves: what the verbs do to test_interface.py.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import pumprig
import pytest
from hub.conftest import Place
from pumprig import aio
from pumprig.aio import base
from pumprig.api.holding import SharedLink
from pumprig.api.upkeep import StagedDocument
from pumprig.lab.servers import until

WITHIN_S = 60.0
PLAIN = ("begin_stop", "is_of")  # called, and not awaited
PAIRS = (
    (pumprig.Rig, aio.AsyncRig),
    (pumprig.Dose, aio.AsyncDose),
    (pumprig.Plan, aio.AsyncPlan),
    (StagedDocument, aio.AsyncStagedDocument),
)


def run(course: Coroutine[Any, Any, Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(WITHIN_S):
            return await course

    return asyncio.run(within())


def members(of: type) -> dict[str, Any]:
    """Public names, those that the constructor makes among them."""
    made = inspect.getsource(of.__init__).split("self.")[1:] if "__init__" in vars(of) else []
    found = {name: value for name, value in inspect.getmembers(of) if not name.startswith("_")}
    names = [text.split(" ")[0].split(":")[0] for text in made if " = " in text.split("\n")[0]]
    return {name: None for name in names if name.isidentifier() and not name.startswith("_")} | found


@pytest.mark.parametrize(("plain", "awaited"), PAIRS, ids=[pair[0].__name__ for pair in PAIRS])
def test_every_name_is_there_with_the_same_arguments_and_what_asks_the_rig_is_awaited(
    plain: type, awaited: type
) -> None:
    there = members(awaited)
    for name, value in members(plain).items():
        assert name in there, name
        if not inspect.isfunction(value):
            continue
        mine = there[name]
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(value).parameters), name
        is_awaited = inspect.iscoroutinefunction(mine) or inspect.isasyncgenfunction(mine)
        assert is_awaited != (name in PLAIN), name


async def busy(rig: aio.AsyncRig) -> tuple[threading.Event, "asyncio.Task[Any]"]:
    """The rig's thread is with somebody else until the event."""
    begun, free = threading.Event(), threading.Event()

    def work(_held: object) -> bool:
        begun.set()
        return free.wait(WITHIN_S)

    other = asyncio.ensure_future(rig.run(rig.rig._call, work))
    await asyncio.to_thread(begun.wait, WITHIN_S)
    return free, other


def test_a_stop_that_nobody_waits_for_any_more_hangs_nobody(place: Place) -> None:
    """Its confirmation was taken off the list, and every reading waited for it for ever."""

    async def course() -> str | None:
        async with aio.connect("sim") as rig:
            await (await rig.propose(pumprig.constant("20 ul/h"))).commit()
            free, other = await busy(rig)
            stopping = asyncio.ensure_future(rig.stop())
            await asyncio.to_thread(until, lambda: rig.rig._worker._jobs, "the stop on the list")
            stopping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stopping
            free.set()
            await other
            return (await rig.status()).state

    assert run(course()) == "stopped"


def test_of_a_call_that_was_cancelled_behind_another_nothing_is_ever_sent(place: Place) -> None:
    """The bolus was given when its turn came, long after its task had been told that it was cancelled."""

    async def course() -> tuple[int, int]:
        async with aio.connect("sim") as rig:
            await (await rig.propose(pumprig.constant("20 ul/h"))).commit()
            before = (await rig.pull()).log_next
            free, other = await busy(rig)
            asking = asyncio.ensure_future(rig.bolus("5 ul", over="2 s"))
            await asyncio.to_thread(until, lambda: rig.rig._worker._jobs, "the bolus on the list")
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            free.set()
            await other
            await rig.alarms()  # whatever was on the list has had its turn
            told = [event.fields.get("verb") async for event in rig.events(before - 1, follow=False)]
            return told.count("bolus"), (await rig.status()).by_kind_steps["single"]

    assert run(course()) == (0, 0)


@pytest.mark.parametrize("hub", [False, True], ids=["port", "hub"])
def test_wherever_a_bolus_is_cancelled_it_was_given_if_and_only_if_it_was_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch, hub: bool
) -> None:
    """Cancelled before each line that it would send, one after the other: nothing leaves after that instant, the store
    knows what became of it, and the rig serves the next call.
    """
    if hub:
        place.hub()
    plain = SharedLink.send
    sent: list[str] = []
    at: list[int] = []
    task: list[asyncio.Task[Any]] = []

    def send(link: SharedLink, line: str) -> None:
        if line and at and len(sent) == at[0]:
            at.clear()
            loop = task[0].get_loop()
            cancelled: Future[None] = Future()

            def cancel() -> None:
                task[0].cancel()
                loop.call_soon(lambda: loop.call_soon(cancelled.set_result, None))

            loop.call_soon_threadsafe(cancel)
            cancelled.result(WITHIN_S)
        plain(link, line)
        if line:
            sent.append(line)

    async def one(rig: aio.AsyncRig, place_of_it: int) -> bool:
        """Whether it came to its end before so many lines."""
        since = (await rig.pull()).log_next - 1
        sent.clear()
        at[:] = [place_of_it]
        task[:] = [asyncio.ensure_future(rig.bolus("1 ul", over="2 s"))]
        done = (await asyncio.gather(task[0], return_exceptions=True))[0]
        at.clear()
        was_sent = any(" bolus " in line for line in sent)
        if isinstance(done, asyncio.CancelledError):
            assert len(sent) == place_of_it  # not one line more
        pulled = await rig.pull()
        assert await rig.unsettled() == []
        verbs = [event.fields.get("verb") async for event in rig.events(since, follow=False)]
        assert verbs.count("bolus") == int(was_sent), (place_of_it, sent, pulled)
        assert (await rig.stop()).delivered_steps is not None
        await rig.resume()
        return not isinstance(done, asyncio.CancelledError)

    async def course() -> int:
        async with aio.connect("sim") as rig:
            await (await rig.propose(pumprig.constant("20 ul/h"))).commit()
            monkeypatch.setattr(SharedLink, "send", send)
            for place_of_it in range(40):
                if await one(rig, place_of_it):
                    return place_of_it
            raise AssertionError("never without a cancel")

    assert run(course()) >= 3  # a status, an open, the bolus at least


def test_a_rig_whose_connect_was_cancelled_is_given_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed open, for ever and for nobody: the port was in use."""
    with pumprig.connect("sim") as rig:
        port = rig.address  # by this name nobody resumes it
    going, go_on = threading.Event(), threading.Event()
    closed: Future[None] = Future()
    real: Callable[..., pumprig.Rig] = base.connect_now

    def slow(*arguments: Any, **named: Any) -> pumprig.Rig:
        going.set()
        assert go_on.wait(WITHIN_S)
        made = real(*arguments, **named)
        plain = made.close

        def close() -> None:
            plain()
            closed.set_result(None)

        monkeypatch.setattr(made, "close", close)
        return made

    async def course() -> str:
        monkeypatch.setattr(base, "connect_now", slow)
        opening = asyncio.ensure_future(aio.connect(port).__aenter__())
        await asyncio.to_thread(going.wait, WITHIN_S)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        go_on.set()
        await asyncio.wrap_future(closed)
        monkeypatch.setattr(base, "connect_now", real)
        async with aio.connect(port) as rig:
            return rig.device_id

    assert run(course())


def test_a_closed_rig_says_so_and_its_events_are_at_their_end(place: Place) -> None:
    async def course() -> None:
        rig = await aio.connect("sim")
        events = rig.events(0, interval_s=0.0)
        assert (await anext(events)).number
        await rig.close()
        assert len([event async for event in events]) < 100
        for call in (rig.status, rig.stop, rig.alarms):
            with pytest.raises(pumprig.PumpError, match="closed"):
                await call()

    run(course())
    rig = pumprig.connect("sim")
    follow = rig.events(0, interval_s=0.0)
    assert next(follow).number
    rig.close()
    assert len(list(follow)) < 100
