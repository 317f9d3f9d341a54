"""Every real answer, refusal and record says what the tables say, no more and no less."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from pumpwire import answers, codec, records, spec, texts, words
from upy import vms
from upy.test_vms import TALK

from bench import Bench, program

ROOT = Path(__file__).resolve().parents[3]
FIRMWARE = ROOT / "firmware" / "rig"


# of a driver on a wire of its own, which no bare machine has: tests/sim/test_sim_tmc2209.py
UNSEEN = {"probe": {"version", "status", "stall", "wrong"}}


def fits(kind: str, text: str) -> bool:
    """Whether a value is of its kind."""
    bare = kind.rstrip("?")
    if bare == "text" or bare == "base64":
        return True
    if bare == "hex":
        return all(digit in "0123456789abcdef" for digit in text)
    if bare == "flag":
        return text in ("0", "1")
    return text.removeprefix("-").isdigit()


@pytest.fixture(scope="module")
def conversation(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """(verb, rows of its answer) of every machine line of the long conversation, which uses every command."""
    said = vms.cpython(TALK, vms.gather(tmp_path_factory.mktemp("cpython"))).decode()
    out: list[tuple[str, list[tuple[str, dict[str, str]]]]] = []
    for line in said.splitlines():
        if "<- >" in line and " *" in line:
            out.append((line.split("<- ")[1].split()[1], []))
        elif "<- " in line:
            out.append(("", []))
        elif line.startswith("   <") and out and out[-1][0]:
            try:
                _seq, word, fields = codec.parse(line.strip(), "<")
            except codec.WireError:
                continue
            out[-1][1].append((word, fields))
    return [(verb, rows) for verb, rows in out if spec.command(verb)]


def test_every_answer_has_the_fields_of_its_row_and_each_is_of_its_kind(
    conversation: list[tuple[str, list[tuple[str, dict[str, str]]]]],
) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for verb, rows in conversation:
        if not rows or rows[-1][0] != "ok":
            continue
        left = answers.rows_of(verb)
        for _word, fields in rows:
            if not fields or answers.REPEATED in fields:
                continue
            row = next((row for row in left if set(fields) <= set(dict(row[2]))), None)
            assert row is not None, (verb, fields)
            if row[1] != answers.EACH:
                left = left[left.index(row) + 1 :]  # rows come in the table's order
            kinds = dict(row[2])
            for name, kind in kinds.items():
                assert name in fields or kind.endswith("?"), (verb, name, fields)
                assert name not in fields or fits(kind, fields[name]), (verb, name, fields[name])
            seen[verb] |= set(fields)
    for row in spec.commands():
        told = {name for fields in answers.rows_of(row[0]) for name in dict(fields[2])}
        assert told - seen[row[0]] == UNSEEN.get(row[0], set()), row[0]


def test_every_refusal_says_what_the_table_of_refusals_knows(
    conversation: list[tuple[str, list[tuple[str, dict[str, str]]]]],
) -> None:
    kinds = {name: kind for name, kind, _text in words.REFUSALS}
    names = set()
    for verb, rows in conversation:
        for word, fields in rows:
            if word == "err":
                assert fields["name"] in spec.ERRORS, verb
                assert int(fields["code"]) == spec.ERRORS[fields["name"]]
                names.add(fields["name"])
                for field, value in fields.items():
                    if field not in ("code", "name"):
                        assert field in kinds, (verb, fields)
                        assert fits(kinds[field], value), (verb, fields)
    assert len(names) > 12


def test_every_number_that_the_firmware_can_refuse_with_stands_in_the_table_of_refusals() -> None:
    known = {name for name, _kind, _text in words.REFUSALS}
    said = set()
    for path in FIRMWARE.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and "Refused" in {
                node.func.id
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }:
                said |= {
                    node.elts[0].value
                    for node in ast.walk(function)
                    if isinstance(node, ast.Tuple)
                    and len(node.elts) == 2
                    and isinstance(node.elts[0], ast.Constant)
                    and str(node.elts[0].value).endswith(("_nl", "_s", "_per_day", "_per_24h"))
                }
    assert {"cap_nl", "held_nl", "wait_s", "limit_nl_per_day"} <= said <= known  # the host drops any other


def test_every_field_and_argument_kind_has_its_unit_and_every_field_its_meaning() -> None:
    verbs = {line.split()[0] for line in answers.ANSWERS.decode().splitlines() if line}
    for verb in verbs:
        assert spec.command(verb), verb
        for _name, _times, fields in answers.rows_of(verb):
            for name, kind in fields:
                assert kind.rstrip("?") in texts.UNITS, name
                assert (verb, name) in words.FIELDS or name in words.FIELDS, (verb, name)
    for row in spec.commands():
        assert {argument[1] for argument in row[1]} <= set(texts.UNITS)
        assert row[0] in texts.COMMANDS
    told = {name for verb in verbs for row in answers.rows_of(verb) for name in dict(row[2])}
    meant = {name if isinstance(name, str) else name[1] for name in words.FIELDS}
    assert meant - told == {answers.REPEATED}


# --- records


@pytest.fixture(scope="module")
def weeks() -> Bench:
    """A rig to which much of what a log tells of has happened."""
    bench = Bench()
    bench.load(
        program(basal=480_000, demand=((500, 20_000, 3_600, 2),), periodic=((600, 1_000, 60_000, 600),))
    )
    bench.run("11 min")
    for _ in range(2):
        bench.happen("press_bolus")
        bench.run("2 min")
    bench.act("bolus", volume_nl=5_000, over_ms=60_000)
    bench.run("30 s")
    bench.happen("power_cut", **{"for": "10 s"})
    bench.run("2 min")
    bench.act("ack")
    bench.refusal("bolus", volume_nl=20_000_000, over_ms=60_000)
    bench.act("stage", part=1, parts=1, text=program(basal=240_000))
    bench.run("11 min")
    bench.act("clock", utc_us=bench.world.utc_us() + 5_000_000)
    for _ in range(3):
        bench.act("silence")
        bench.raw(codec.request(0, "silence"))
    bench.happen("occlude")
    bench.act("bolus", volume_nl=40_000, over_ms=60_000)
    bench.run("10 min")
    bench.happen("release")
    bench.act("ack")
    bench.happen("stall")
    bench.act("resume")
    bench.run("20 min")
    bench.happen("free")
    bench.happen("press_stop")
    bench.run("1 min")
    bench.act("ack")
    bench.act("dispense", volume_nl=1_000)
    bench.run("2 min")
    bench.act("refill", volume_nl=18_000_000, removed_nl=1_000)
    answer = bench.act("stage", part=1, parts=1, text=program(basal=240_000))
    bench.act("commit", hash=answer["hash"], at_utc_s=bench.world.utc_us() // 1_000_000 + 3_600)
    bench.act("withdraw")
    bench.act("access", pin="2468")
    bench.wire.call("close")
    bench.type("terminal 1")
    bench.act("maintenance")
    bench.run("1 min")
    return bench


def test_every_record_has_the_words_of_its_event_and_each_is_of_its_kind(weeks: Bench) -> None:
    seen = set()
    for header, state, text in weeks.records:
        event = records.EVENTS[header["event"]]
        seen.add(event)
        known = {name: kind for name, kind, _text in words.EVENTS[event][1]}
        fields = dict(word.split("=", 1) for word in text.split(" ") if word)
        if event in ("command", "refused"):
            row = spec.command(fields.get("verb", ""))
            known |= {name: kind + "?" for name, kind, *_rest in (row[1] if row else ())}
            known |= {name: kind + "?" for name, kind, _text in words.REFUSALS if name not in known}
        for name, value in fields.items():
            assert name in known, (event, text)
            assert fits(known[name], codec.unescape(value)) or fields.get("verb") == "access", (event, text)
        full = len(text) > records.MAX_EVENT_TEXT - 24
        for name, kind in known.items():
            assert name in fields or kind.endswith("?") or full, (event, name, text)
        assert state["mode"] < len(spec.MODES)
    assert len(seen) > 17, sorted(seen)


def test_every_word_of_the_page_has_its_meaning() -> None:
    assert set(words.EVENTS) == {name for name in records.EVENTS if name}
    assert set(words.HEADER) == {name for name, _code in records.HEADER}
    for name, _size in records.STATE:
        assert name in words.STATE or name in words.FIELDS, name
    assert set(words.STATE) <= {name for name, _size in records.STATE}


def literals(folder: Path) -> set[str]:
    """Every text that stands in the sources of a folder."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_no_alarm_and_no_event_stands_in_the_table_that_nobody_raises() -> None:
    raised = literals(FIRMWARE) | {f"{ratio}_infusion" for ratio in ("over", "under")}
    by_the_host = literals(ROOT / "host" / "pumprig" / "flash")
    assert [row[1] for row in spec.alarms() if row[1] not in raised] == []
    assert [name for name in records.EVENTS if name and name not in raised | by_the_host] == []
    refusals = literals(FIRMWARE)
    assert [name for name in spec.ERRORS if name not in refusals | {"crc"}] == []


def test_no_function_refuses_with_an_error_that_uses_up_no_number() -> None:
    """What acts has used its number up: it may not say that it has not."""
    for room in ("flow", "watch", "log", "boot"):
        assert _refused_in(FIRMWARE / room) & set(spec.NUMBER_FREE) == set(), room
    for name in ("acts", "doses", "titration", "staging", "later"):
        assert _refused_in(FIRMWARE / "line" / f"{name}.py") & set(spec.NUMBER_FREE) == set(), name


def _refused_in(path: Path) -> set[Any]:
    names = set()
    for source in path.rglob("*.py") if path.is_dir() else [path]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                assert isinstance(node.args[0], ast.Constant), source
                names.add(node.args[0].value)
    return names
