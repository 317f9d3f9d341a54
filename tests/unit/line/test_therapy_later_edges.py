"""rig.line.later at its edges: the number that a record keeps of it, the queue that an erase wants, its begin.

Owns: the waiting program's text and number, its begin to the microsecond of the queue, what is on record before it.
Rules: the very firmware on the software board; the hash is hashlib's.
Units: UTC s, nL/day, microseconds of virtual time.
Leaves: whole rigs to test_therapy_later.py, the review before a commit to test_host_therapy.py.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from parts import S_US, SINGLE, bolus
from pumpwire import documents, records
from rig.line import later
from rig.refused import Refused
from watched import NL_A_SECOND, Watched, just_booted

AT_S = 1_790_003_600
TEXT = documents.canonical(documents.parse(f"kind=program name=y basal=0:{20 * NL_A_SECOND}"))
NEVER_AHEAD_US = 1 << 62


def waiting(tmp_path: Path) -> Watched:
    """A rig at 10 nL a second on which a program of 20 waits."""
    rig = just_booted(tmp_path)
    rig.change("clock", utc_us=1_790_000_000_000_000)
    rig.host.request(1, "open")
    rig.host.change("stage", part=1, parts=1, text=TEXT)
    rig.host.change("commit", hash=documents.digest(TEXT), at_utc_s=AT_S)
    assert rig.rig.therapy.later == (number_of(f"{AT_S} 0 {TEXT}"), AT_S)
    return rig


def number_of(kept: str) -> int:
    """What a record keeps of it."""
    return int(hashlib.sha256(kept.encode()).hexdigest()[:4], 16) or 1


def begins(rig: Watched) -> int:
    """Its time has come; how long until it looks again."""
    now_us = rig.rig.clock.now_us()
    due_us: int = later.begin(rig.rig, now_us)
    return due_us - now_us


def test_a_record_keeps_two_bytes_of_its_hash_and_never_0() -> None:
    assert later._number("x") == number_of("x")
    none = next(f"{k}" for k in range(10**6) if hashlib.sha256(f"{k}".encode()).hexdigest()[:4] == "0000")
    assert later._number(none) == 1, "0 says that none waits"


def test_it_waits_on_after_a_boot_and_where_its_text_is_damaged_that_is_told(tmp_path: Path) -> None:
    rig = waiting(tmp_path)
    assert later.text(rig.rig) == [str(AT_S), "0", TEXT]
    number = rig.rig.therapy.later[0]
    rig.rig.therapy.later = (0, 0)
    later.restore(rig.rig, number)
    assert rig.rig.therapy.later == (number, AT_S)
    later.restore(rig.rig, number + 1)
    assert rig.rig.therapy.later == (0, 0)
    assert rig.alarms("program") == ["name=program why=the%20waiting%20program%20is%20damaged"]


@pytest.mark.parametrize(("ahead_us", "begun"), [(999_999, False), (1_000_000, True), (NEVER_AHEAD_US, True)])
def test_it_begins_where_the_queue_outlasts_two_erases_and_else_looks_again_at_the_next_tick(
    tmp_path: Path, ahead_us: int, begun: bool
) -> None:
    rig = waiting(tmp_path)
    rig.rig.delivery.ahead_us = lambda _now_us: ahead_us
    assert begins(rig) == (0 if begun else 20_000)
    del rig.rig.delivery.ahead_us
    assert (rig.rig.therapy.program["name"] == "y") is begun
    assert rig.rig.therapy.later == ((0, 0) if begun else (number_of(f"{AT_S} 0 {TEXT}"), AT_S))
    digest = documents.digest(TEXT)
    assert rig.told("program")[-1:] == [f"hash={digest} waited=1"] * begun or not begun
    if begun:
        assert rig.rig.therapy.program_hash == digest
        assert rig.rig.staging.read == rig.rig.staging.weighed == ("", None, "")
        assert rig.rig.delivery.open_us == -1, "what was queued of the old one is given back at once"
        before = rig.rig.dosing.kind_steps[0]
        rig.bench.run(30 * S_US)
        rig.rig.delivery.settle(rig.rig.clock.now_us())
        assert abs(rig.rig.dosing.kind_steps[0] - before - 200) <= 2


def test_what_its_checks_refuse_is_given_up_and_told_with_the_reason(tmp_path: Path) -> None:
    rig = waiting(tmp_path)
    rig.rig.therapy.max_rate_nl_per_day = 19 * NL_A_SECOND
    begins(rig)
    assert rig.rig.therapy.later == (0, 0)
    assert rig.rig.therapy.program["name"] == "x"
    assert rig.told("program")[-1] == "waited=1 why=limit"
    assert rig.alarms("program") == ["name=program why=limit"]


@pytest.mark.parametrize("override", [0, 1])
def test_soft_limits_hold_unless_they_were_overridden_at_the_commit(tmp_path: Path, override: int) -> None:
    rig = waiting(tmp_path)
    document = documents.canonical(documents.parse(f"{TEXT} soft_nl_per_day={19 * NL_A_SECOND}"))
    later.keep(rig.rig, document, AT_S, override)
    assert rig.rig.therapy.later == (number_of(f"{AT_S} {override} {document}"), AT_S)
    begins(rig)
    assert (rig.rig.therapy.program["name"] == "y") is bool(override)
    assert bool(rig.alarms("program")) is not bool(override)


@pytest.mark.parametrize("is_owed", [False, True])
def test_what_was_granted_just_now_is_on_record_before_it_is_cancelled(tmp_path: Path, is_owed: bool) -> None:
    """With the state as it was under the program before: a boot from such a record goes on with that one."""
    rig = waiting(tmp_path)
    single = bolus(SINGLE, rig.rig.clock.now_us(), 1_000)
    single.rate_nl_per_day = 30 * NL_A_SECOND
    rig.rig.therapy.add(single)
    rig.rig.flow_changed(rig.rig.clock.now_us())
    rig.bench.run(40_000)
    rig.bench.time.us += 5 * S_US  # steps that no duty has booked yet
    if is_owed:
        rig.rig.log.record_command("command", (("verb", "bolus"),), [("moved", (("n", 1),), 0)])
    first, before = rig.rig.journal.next_number, rig.rig.therapy.program_hash
    begins(rig)
    told = records_from(rig, first)
    names = [name for name, _hash in told]
    assert names.index("bolus_start") < names.index("program") < names.index("bolus_end")
    old = ["bolus_start", "moved"] if is_owed else ["bolus_start"]
    for name, digest in told:
        if name in old:
            assert digest == int(before[:8], 16)
            assert names.index(name) < names.index("program")
    assert 40 < single.done_steps < 60
    assert rig.rig.therapy.overlays() == []


def test_what_a_command_brought_about_just_now_is_on_record_under_the_program_before(tmp_path: Path) -> None:
    rig = waiting(tmp_path)
    rig.rig.log.record_command("command", (("verb", "bolus"),), [("moved", (("n", 1),), 0)])
    first, before = rig.rig.journal.next_number, rig.rig.therapy.program_hash
    begins(rig)
    told = records_from(rig, first)
    assert told[0] == ("moved", int(before[:8], 16))
    assert told[1][0] == "program"


def records_from(rig: Watched, first: int) -> list[tuple[str, int]]:
    """(event, the program's number in its state) of the records from this number on."""
    while rig.rig.log.has_rest():
        rig.rig.log.log_rest()
    journal: Any = rig.rig.journal
    found = [records.unpack(journal.read(number)) for number in range(first, journal.next_number)]
    return [(records.EVENTS[header["event"]], state["program_hash"]) for header, state, _text in found]


def test_a_program_that_needs_what_there_is_not_is_refused_as_at_a_commit(tmp_path: Path) -> None:
    rig = waiting(tmp_path)
    rig.rig.reservoir.fill(0)
    with pytest.raises(Refused):
        rig.rig.need_fluid(1)
    begins(rig)
    assert rig.told("program")[-1].startswith("waited=1 why=")
    assert rig.rig.therapy.program["name"] == "x"
