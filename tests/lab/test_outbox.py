"""What is sent again, and the form of what goes over the broker."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pumprig.lab.mqtt import FIRST_S as BROKER_FIRST_S
from pumprig.lab.mqtt import MOST_S as BROKER_MOST_S
from pumprig.lab.mqtt import wait_s
from pumprig.lab.outbox import MOST_S, WINDOW, Outbox
from pumprig.lab.wire import Ack, Batch, Documents, WireError, parts_of, topic


def test_an_outbox_sends_everything_in_order_though_acknowledgements_and_messages_are_lost() -> None:
    rows = [((1, number), b"%d" % number) for number in range(1, 2_500)]

    def read(after: Any, most: int) -> Any:
        start = 0 if after is None else after[1]
        return rows[start : start + most]

    for seed in range(20):
        source = random.Random(seed)
        outbox = Outbox(read, source)
        database: list[bytes] = []
        now = 0.0
        for _turn in range(20_000):
            batch = outbox.next(now)
            if batch is None:
                now += 0.5
            elif source.random() < 0.8:  # else the broker loses it
                held = (1, len(database)) if database else None
                if batch.after == held:
                    database += batch.raws
                if source.random() < 0.8:  # else the acknowledgement is lost
                    outbox.heard(Ack((1, len(database)) if database else None), now)
            if source.random() < 0.01:
                outbox.lost()
            assert len(outbox.flying) <= WINDOW
            assert outbox.again_at_s - now <= MOST_S
            if len(database) == len(rows):
                break
        assert database == [raw for _place, raw in rows]


def test_an_ingester_that_comes_late_is_asked_within_a_second_however_long_nobody_answered() -> None:
    outbox = Outbox(lambda _after, _most: [((1, 1), b"raw")], random.Random(3))
    now, asked = 0.0, []
    while now < 200.0:
        if outbox.next(now) is not None:
            asked.append(now)
        now += 0.1
    assert asked[-1] - asked[-2] > 20  # nobody answers: it waits longer each time
    outbox.wake(now)
    begun = now
    while outbox.next(now) is None:
        now += 0.1
    assert now - begun <= 1.1


@pytest.mark.parametrize("name", ["a/b", "+", "#", "", "../x", "a" * 65, "a b"])
def test_a_name_that_would_reach_into_another_topic_is_refused(name: str) -> None:
    if name != "+":
        with pytest.raises(WireError):
            topic("site", name, "status")
    with pytest.raises(WireError):
        parts_of(f"pumprig/site/{name}/status")


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"after": 3, "records": []}', b'{"after": null, "records": ["%"]}']
)
def test_what_is_no_message_is_refused_by_name(payload: bytes) -> None:
    with pytest.raises(WireError):
        Batch.decode(payload)


def test_documents_come_over_as_they_went_and_their_digest_names_them() -> None:
    known = Documents(["name = x\n"], [(7, 335, 100, 10_000)], [(3, 1_767_225_600_000_000)])
    there = Batch.decode(Batch((1, 2), [b"raw"], known).encode()).documents
    assert there == known
    assert there.digest == known.digest
    assert Documents(["name = x\n"], [(7, 336, 100, 10_000)], known.ties).digest != known.digest
    assert Batch.decode(Batch(None, []).encode()).documents is None


@pytest.mark.parametrize("figures", [[7, 0, 100, 1], [7, 335, -1, 1], [7, 335, 100, -1], [7, 335, 100]])
def test_figures_that_no_calibration_has_are_no_message(figures: list[int]) -> None:
    known = Documents([], [tuple(figures)], [])  # type: ignore[list-item]
    with pytest.raises(WireError):
        Batch.decode(Batch(None, [], known).encode())


def test_twenty_that_lost_the_broker_do_not_come_back_at_once() -> None:
    for tries in range(12):
        waits = sorted(wait_s(tries, random.Random(seed)) for seed in range(20))
        most = min(BROKER_MOST_S, BROKER_FIRST_S * 2**tries)
        assert most / 2 <= waits[0] < waits[-1] <= most
        assert len(set(waits)) == 20
        begun_at_once = max(sum(abs(other - wait) < most / 40 for other in waits) for wait in waits)
        assert begun_at_once <= 7  # within a twentieth of the wait
