"""`import pumprig`: what it costs, what it gives, and that neither threads nor kills nor other users disturb it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pumprig
import pytest
from hub.conftest import Place
from pumprig.lab.servers import until
from pumprig.store import Store
from pumpwire import spec

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "user_script.py"


def test_importing_it_loads_nothing_that_is_not_needed(place: Place) -> None:
    code = (
        "import sys; before = set(sys.modules); import pumprig; new = set(sys.modules) - before;"
        "print([name for name in new if name.startswith('pumprig')]);"
        "import pumprig.api.rig; print(sorted({name.split('.')[0] for name in sys.modules}"
        " & {'numpy', 'scipy', 'matplotlib', 'click', 'rich', 'uncertainties'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=place.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["['pumprig']", "[]"]


def test_a_user_s_script_runs_and_pyright_accepts_it_in_strict_mode(place: Place) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=place.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "given" in done.stdout
    pyright = Path(sys.executable).with_name("pyright")
    if not pyright.exists():
        pytest.skip("pyright is not installed beside this Python: make install")
    settings = {
        "include": [str(SCRIPT)],
        "extraPaths": [str(ROOT / "host")],
        "stubPath": str(ROOT / "typings"),
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
    }
    config = place.folder / "pyrightconfig.json"
    config.write_text(json.dumps(settings))
    judged = subprocess.run(
        [str(pyright), "-p", str(config), "--pythonpath", sys.executable], capture_output=True, text=True
    )
    assert "0 errors" in judged.stdout, judged.stdout


def test_two_threads_and_a_thousand_calls_each_without_a_failure(place: Place) -> None:
    failures: list[BaseException] = []
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()

        def calls() -> None:
            try:
                for turn in range(1000):
                    if turn % 100 == 99:
                        rig.refill("18 ml")
                    else:
                        assert rig.status().device_id == rig.device_id
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=calls) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_plan_is_refused_where_another_program_has_become_active_since(place: Place) -> None:
    with pumprig.connect("sim") as rig:
        seen = rig.propose(pumprig.constant("20 ul/h"))
        other = rig.propose(pumprig.constant("30 ul/h"))
        other.commit()
        with pytest.raises(pumprig.RefusedError) as refused:
            seen.commit()
        assert refused.value.rule == "changed"
        status = rig.status()
        assert (status.rate_nl_per_h, status.therapy.hash) == (30_000, other.hash)
        again = rig.propose(pumprig.constant("20 ul/h"))
        rig.propose(pumprig.constant("40 ul/h"))  # staged in between: the rig holds one document
        assert again.commit().therapy.hash == again.hash


def test_a_dose_says_what_was_counted_and_why_it_ended(place: Place) -> None:
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        before = rig.status().by_kind_steps["single"]
        whole = rig.bolus("1 ul", over="2 s").wait()
        assert (whole.outcome, whole.counted_steps) == ("given", whole.requested_steps)
        half = rig.bolus("50 ul", over="60 s")
        rig.stop()
        half.wait()
        assert half.outcome == "stopped"
        assert half.counted_steps is not None
        assert half.counted_steps < half.requested_steps
        after = rig.status().by_kind_steps["single"]
        assert after - before == (whole.counted_steps or 0) + half.counted_steps
        dose = rig.dispense("1 ul", rate="2 ml/h").wait()
        assert (dose.outcome, dose.counted_steps) == ("given", dose.requested_steps)
        assert rig.status().state == "stopped"


def test_a_refusal_has_its_rule_its_numbers_and_its_time(place: Place) -> None:
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.read_program(ROOT / "examples" / "night-step.toml")).commit()
        with pytest.raises(pumprig.RefusedError) as refused:
            rig.bolus("5 ml", over="1 min")
        assert refused.value.rule == "limit"
        assert refused.value.allowed_at is None
        rig.demand()
        with pytest.raises(pumprig.RefusedError) as refused:
            rig.demand()
        assert refused.value.allowed_at is not None
        assert refused.value.allowed_at > datetime.now(UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"volume": "50"},
        {"volume": 50},
        {"volume": "50 ul", "volume_nl": 50_000},
        {"volume_nl": float("nan")},
        {"volume_nl": 0.5},
        {"volume": "50 ul/h"},
        {},
    ],
)
def test_a_quantity_that_is_none_is_refused_before_anything_is_sent(place: Place, wrong: dict) -> None:
    with pumprig.connect("sim") as rig:
        before = rig.status().last_seq
        with pytest.raises(pumprig.UsageError):
            rig.bolus(**wrong)
        assert rig.status().last_seq == before


CALLS = (  # each changing verb of the wire, and a call that sends it; in an order in which each is allowed
    ("stage", "rig.propose(pumprig.constant('40 ul/h'))"),
    ("commit", "rig.propose(pumprig.constant('40 ul/h')).commit()"),
    ("bolus", "rig.bolus('2 ul', over='2 s')"),
    ("refill", "rig.refill('13 ml')"),
    ("clock", "rig.set_clock()"),
    ("ack", "rig.acknowledge()"),
    ("tube", "rig.new_tube()"),
    ("dispense", "rig.stop(); rig.dispense('1 ul', over='1 s')"),
    ("prime", "rig.stop(); rig.prime('1 ul')"),
    ("resume", "rig.resume()"),
    ("calibrate", "rig.stop(); rig.deliver_for_calibration(rate_nl_per_h=1e6, volume_nl=2_000)"),
    ("discard", "rig.propose(pumprig.constant('50 ul/h')).discard()"),
    ("withdraw", "rig.propose(pumprig.constant('45 ul/h'), at=LATER).commit(); rig.withdraw()"),
    ("battery", "rig.new_battery()"),
    ("access", "rig.set_typing(allowed=True)"),
    ("demand", "rig.stop(); rig.propose('demand.toml').commit(); rig.demand()"),
    ("ramp", "rig.propose('trial-titration.toml').commit(); rig.titrate('hold')"),
)
NOT_CALLS = {
    "rate": "only a person types it; the interface stages",
    "stop": "it has no number: it may be sent any number of times",
    "silence": "as stop",
    "maintenance": "the rig starts anew after it, and its number with it: tests/unit/flash",
}
DYING = """
import datetime, os, pumprig, signal, sys
from pumprig.rig.client import Client
LATER = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
verb, sent = sys.argv[1], sys.argv[2] == "sent"
exchange = Client._exchange
def dying(self, seq, asked, line, *more):
    if f" {verb} " in line and seq and asked == verb:
        if sent:
            self._transport.send(line)
        os.kill(os.getpid(), signal.SIGKILL)
    return exchange(self, seq, asked, line, *more)
Client._exchange = dying
rig = pumprig.connect("sim")
exec(sys.argv[3])
"""


def test_a_program_that_is_killed_in_any_call_is_settled_at_the_next_connect(place: Place) -> None:
    """Killed before its line was written, or just after: the store says what the rig's log says, else "not done".

    A rig that still has the motion of the call before may refuse.
    """
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        known = rig.pull().log_next - 1
    changing = {row[0] for row in spec.commands() if row[3]}
    assert changing - set(NOT_CALLS) == {verb for verb, _call in CALLS}
    for verb, call in CALLS:
        for when in ("kept", "sent"):
            victim = subprocess.run(
                [sys.executable, "-c", DYING, verb, when, call],
                env=place.environment,
                cwd=Path(__file__).resolve().parents[2] / "examples",
                capture_output=True,
                text=True,
            )
            assert victim.returncode == -signal.SIGKILL, f"{verb}, {when}: {victim.stderr}"
            with pumprig.connect("sim") as rig:
                rig.settle()
                rig.pull()
                assert rig.unsettled() == [], f"{verb}, {when}"
                events = list(rig.events(known, follow=False))
                known = rig.pull().log_next - 1
                told = {row.event for row in events if row.fields.get("verb") == verb}
                store = Store(rig.database)
                said = store.db.execute(
                    "SELECT outcome FROM intents WHERE verb = ? ORDER BY id DESC LIMIT 1", (verb,)
                ).fetchone()[0]
                store.close()
                right = "done" if "command" in told else "refused" if "refused" in told else "not done"
                assert said == right, f"{verb}, {when}: {events}"
                if when == "kept":
                    assert not told, verb


def test_rehearsals_in_threads_are_those_of_one_after_the_other() -> None:
    def one(seed: int) -> dict:
        found = pumprig.rehearse(
            pumprig.constant("20 ul/h"), "2 h", events=[{"at": "1 h", "do": "press_stop"}], seed=seed
        )
        return {**found.report, "wall_s": 0}

    alone = [one(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(one, range(2))) == alone


def test_the_asynchronous_rig_stops_while_another_task_waits(place: Place) -> None:
    async def course() -> tuple[str | None, int]:
        async with pumprig.aio.connect("sim") as rig:
            await (await rig.propose(pumprig.constant("20 ul/h"))).commit()
            dose = await rig.bolus("50 ul", over="60 s")
            waiting = asyncio.ensure_future(dose.wait())
            await rig.stop()
            await waiting
            events = [event async for event in rig.events(0, follow=False)]
            return dose.outcome, len(events)

    outcome, records = asyncio.run(course())
    assert outcome == "stopped"
    assert records > 3


ORDERS: tuple[tuple[list[str], Callable[[pumprig.Rig], object]], ...] = (  # as a command, and as a call
    (["rate", "20 ul/h", "--yes"], lambda rig: rig.propose(pumprig.constant("20 ul/h")).commit()),
    (["refill", "18 ml", "--yes"], lambda rig: rig.refill("18 ml")),
    (["bolus", "2 ul", "--over", "2 s", "--yes"], lambda rig: rig.bolus("2 ul", over="2 s").wait()),
    (["stop"], lambda rig: rig.stop()),
    (
        ["dispense", "1 ul", "--over", "2 s", "--wait", "--yes"],
        lambda rig: rig.dispense("1 ul", over="2 s").wait(),
    ),
    (
        ["dispense", "1 ul", "--rate", "2 ml/h", "--wait", "--yes"],
        lambda rig: rig.dispense("1 ul", rate="2 ml/h").wait(),
    ),
    (["prime", "2 ul", "--yes"], lambda rig: rig.prime("2 ul").wait()),
    (["clock", "set", "--yes"], lambda rig: rig.set_clock()),
    (["tube", "new", "--yes"], lambda rig: rig.new_tube()),
    (["resume", "--yes"], lambda rig: rig.resume()),
    (["stop"], lambda rig: rig.stop()),
)
TOLD = ("command", "refused", "bolus_start", "bolus_end", "calibration", "stop")
OF_THE_MOMENT = ("seq", "utc_us", "delivered_steps")  # and how far a bolus is when its begin is recorded


def test_the_command_line_and_the_interface_leave_the_same_ledger(place: Place) -> None:
    """The same orders, once by commands and once by calls, on two rigs of one seed: the same records and doses."""

    def by_commands() -> list[tuple[str, dict[str, str]]]:
        for words, _call in ORDERS:
            with pumprig.connect("sim") as rig:
                until(
                    lambda rig=rig: rig.status().bolus is None and rig.status().state != "priming",
                    "no dose flows",
                )
            done = place.run("-p", "sim", *words)
            assert done.returncode == 0, (words, done.stderr)
        with pumprig.connect("sim") as rig:
            return ledger(rig)

    def by_calls() -> list[tuple[str, dict[str, str]]]:
        with pumprig.connect("sim") as rig:
            for _words, call in ORDERS:
                call(rig)
            return ledger(rig)

    def ledger(rig: pumprig.Rig) -> list[tuple[str, dict[str, str]]]:
        rows = [event for event in rig.events(0, follow=False) if event.event in TOLD]
        told = [(row.event, {k: v for k, v in row.fields.items() if k not in OF_THE_MOMENT}) for row in rows]
        for event, fields in told:
            if event == "bolus_start":
                fields.pop("done_steps", None)
        kinds = rig.status().by_kind_steps
        return [*told, ("steps", {kind: str(kinds[kind]) for kind in ("single", "prime")})]

    commands = by_commands()
    place.private.stop()
    os.rename(place.folder / "state", place.folder / "before")
    os.rename(place.folder / "data", place.folder / "data before")
    calls = by_calls()
    assert calls == commands
    assert int(calls[-1][1]["single"]) > 1000


def test_two_rehearsals_in_one_process_s_threads_are_refused_by_the_simulator_itself() -> None:
    from pumprig import rehearsal as requests
    from rigsim import rehearse as simulator

    program = pumprig.read_program(ROOT / "examples" / "night-step.toml")
    asked = requests.request(program, 60_000)
    with simulator._ALONE, pytest.raises(simulator.RehearsalError, match="process of its own"):
        simulator.rehearse(asked)
    assert simulator.rehearse(asked)["log_verified"]
