"""A rehearsal tells what the log says and what the simulated world knows, and both agree."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pumprig.rig.simulator import environment
from pumpwire import documents, records
from rigsim import costs
from rigsim.rehearse import RehearsalError, rehearse
from rigsim.wire import Refused
from sim.simulation import Simulation

HOUR_MS = 3_600_000


def run(hours: float, *events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    program = {"kind": "program", "name": "x", "basal": ((0, 480_000),), **fields}
    request = {"program": documents.canonical(program), "for_ms": int(hours * HOUR_MS), "seed": 2}
    report = rehearse({**request, "events": list(events), "start_utc_us": 1_800_000_000_000_000})
    assert report["log_verified"] is True
    assert sum(report["by_kind"].values()) == report["delivered_nl"]
    return report


@pytest.mark.parametrize(
    ("rate", "hours"), [(6_000, 12), (250_000, 3), (480_000, 3), (24_000_000, 0.25), (123_456_789, 0.05)]
)
def test_a_constant_rate_is_delivered_to_a_step(rate: int, hours: float) -> None:
    report = run(hours, basal=((0, rate),))
    assert report["commanded_nl"] == pytest.approx(rate * hours / 24, abs=1)
    assert report["delivered_nl"] == pytest.approx(rate * hours / 24, abs=4)
    assert report["by_kind"]["basal"] == report["delivered_nl"]
    assert report["alarms"] == []


def test_the_fullest_tick_is_told_from_measured_costs_and_grows_with_the_rate() -> None:
    slow, fast = (run(0.2, basal=((0, rate),))["loop"]["worst_us"] for rate in (6_000, 123_456_789))
    assert 3_000 < slow <= fast < 20_000
    assert set(costs.TABLE) == {duty.name for duty in Simulation().rig.rig.loop.duties}


@pytest.mark.requirement("SR-16")
def test_a_stall_is_alarmed_its_volume_told_and_never_caught_up() -> None:
    report = run(
        3,
        {"at_ms": HOUR_MS, "do": "stall"},
        {"at_ms": 2 * HOUR_MS, "do": "free"},
        {"at_ms": 2 * HOUR_MS + 1_000, "do": "ack"},
        {"at_ms": 2 * HOUR_MS + 5_000, "do": "resume"},
    )
    stall = report["alarms"][0]
    assert stall["name"] == "stall"
    assert stall["priority"] == "high"
    assert stall["cleared_at"] is not None
    assert 0 < report["undelivered_nl"] < 10_676 * 10 / 360
    assert report["true_nl"] == pytest.approx(report["delivered_nl"], rel=0.02)
    assert report["delivered_nl"] < 41_000


@pytest.mark.requirement("SR-15")
def test_an_occlusion_is_alarmed_relieved_and_its_relief_counted_negative() -> None:
    report = run(
        4,
        {"at_ms": HOUR_MS, "do": "occlude"},
        {"at_ms": 3 * HOUR_MS, "do": "release"},
    )
    assert report["alarms"][0]["name"] == "occlusion"
    assert report["by_kind"]["relief"] < 0
    relieved_nl = -report["by_kind"]["relief"]
    assert report["true_nl"] == pytest.approx(report["by_kind"]["basal"] - relieved_nl, rel=0.05)
    assert relieved_nl == pytest.approx(10_676 / 4, rel=0.1)  # a quarter of a revolution, as far as it may go


def test_requests_refills_power_cuts_and_refusals_are_counted() -> None:
    report = run(
        4.5,
        {"at_ms": 1_000_000, "do": "press_bolus"},
        {"at_ms": 2_000_000, "do": "demand"},
        {"at_ms": 9_000_000, "do": "demand"},
        {"at_ms": 12_000_000, "do": "refill", "volume": "18 ml"},
        {"at_ms": 14_000_000, "do": "power_cut", "for": "5 min"},
        demand=((4_000, 60_000, 7_200, 6),),
    )
    assert report["demand"] == {"asked": 3, "given": 2, "refused": 1}
    assert report["refills"] == 1
    assert report["power_cuts"] == 1
    assert [(row["verb"], row["why"]) for row in report["refused"]][:1] == [("demand", "lockout")]
    assert {row["name"] for row in report["alarms"]} == {"power_return"}
    assert report["by_kind"]["demand"] == pytest.approx(8_000, abs=10)


def test_a_command_to_a_rig_without_power_is_lost_and_the_next_ones_are_heard() -> None:
    report = run(
        1,
        {"at_ms": 600_000, "do": "power_cut", "for": "10 min"},
        {"at_ms": 700_000, "do": "bolus", "volume": "2 ul"},
        {"at_ms": 800_000, "do": "rate", "rate": "99 ul/h"},
        {"at_ms": 900_000, "do": "stop"},
        {"at_ms": 1_200_000, "do": "bolus", "volume": "3 ul"},  # the instant at which the power returns
        {"at_ms": 1_800_000, "do": "stop"},
    )
    lost = [(row["verb"], row["why"]) for row in report["refused"]]
    assert lost == [("bolus", "no_power"), ("rate", "no_power"), ("stop", "no_power")]
    assert report["by_kind"]["single"] == pytest.approx(3_000, abs=4)
    flowed_nl = 20_000 * (1_800 - 600) / 3_600  # the last stop was heard
    assert report["by_kind"]["basal"] == pytest.approx(flowed_nl, abs=20)


def test_a_rate_and_a_bolus_at_the_same_instant_are_both_heard() -> None:
    both = [
        {"at_ms": 600_000, "do": "rate", "rate": "40 ul/h"},
        {"at_ms": 600_000, "do": "bolus", "volume": "3 ul"},
    ]
    for events in (both, both[::-1]):
        report = run(1, *events)
        assert report["refused"] == []
        assert report["by_kind"]["single"] == pytest.approx(3_000, abs=2)
        assert report["by_kind"]["basal"] == pytest.approx(20_000 / 6 + 40_000 * 5 / 6, abs=10)


def test_of_two_power_cuts_at_once_the_longer_one_holds() -> None:
    for first, second in (("30 min", "1 min"), ("1 min", "29 min")):
        report = run(
            1,
            {"at_ms": 600_000, "do": "power_cut", "for": first},
            {"at_ms": 660_000, "do": "power_cut", "for": second},
        )
        assert report["power_cuts"] == 1 or first == "1 min"
        assert report["by_kind"]["basal"] == pytest.approx(20_000 / 2, abs=20)


def test_a_reservoir_that_runs_dry_gives_exactly_what_was_in_it() -> None:
    report = run(0.5, basal=((0, 24_000_000),), reservoir_nl=250_000, low_nl=100_000)
    assert [row["name"] for row in report["alarms"]][:2] == ["low", "empty"]
    assert report["true_nl"] <= 250_000
    assert report["true_nl"] == pytest.approx(250_000, rel=0.02)


def test_a_program_beyond_the_motor_is_refused_and_nothing_runs() -> None:
    with pytest.raises(Refused) as refused:
        run(1, basal=((0, 14_000_000_000),))
    assert refused.value.name == "limit"


def test_an_invalid_program_names_its_field() -> None:
    with pytest.raises(RehearsalError, match="basal"):
        rehearse({"program": "kind=program name=x", "for_ms": 1000})


@pytest.mark.parametrize(
    ("held_ms", "given_nl"), [(200, 40_000), (2_900, 40_000), (3_300, 20_000), (3 * HOUR_MS, 20_000)]
)
def test_a_stop_button_held_for_3_s_as_the_power_comes_leaves_the_rig_at_its_prompt(
    held_ms: int, given_nl: int
) -> None:
    report = run(
        2,
        {"at_ms": HOUR_MS, "do": "power_cut", "for_ms": 10_000},
        {"at_ms": HOUR_MS + 9_900, "do": "press_stop", "for_ms": held_ms},
        {"at_ms": HOUR_MS + 60_000, "do": "resume"},
    )
    assert report["delivered_nl"] == pytest.approx(given_nl, abs=80)  # of 20 nL a minute
    assert [row["name"] for row in report["alarms"]] == ["power_return"]


@pytest.mark.requirement("SR-13")
@pytest.mark.parametrize("operation", range(1, 25))
def test_a_power_cut_in_any_flash_operation_loses_no_record_before_it(operation: int) -> None:
    simulation = Simulation(seed=operation)
    simulation.load(basal=((0, 60_000_000),))
    before = len(simulation.records)
    flash = simulation.rig.chip.flash
    flash.cut_at = operation
    while simulation.rig.powered:
        simulation.run_hours(0.02)
    whole = len(simulation.records)
    simulation.rig.run_us(60_000_000)
    simulation.rig.power_on()
    simulation.run_hours(0.1)
    assert whole > before - 1
    boots = [records.unpack(raw)[0]["boot"] for raw in simulation.records]
    assert boots[whole - 1] == 1
    assert boots[-1] == 2
    for raw, after in zip(simulation.records, simulation.records[1:], strict=False):
        assert records.unpack(after)[0]["chain"] == records.link(raw)
    assert simulation.status()["mode"] == "running"
    assert int(simulation.status()["delivered_nl"]) >= 0.97 * simulation.rig.pump.true_nl()


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="whether it has ended is read from Linux' /proc"
)
def test_a_long_rehearsal_ends_with_the_program_that_asked_for_it(tmp_path: Path) -> None:
    program = {"kind": "program", "name": "x", "basal": ((0, 480_000),)}
    request = json.dumps(
        {"program": documents.canonical(program), "for_ms": 200 * 24 * HOUR_MS, "progress": True}
    )
    asks = (  # begins the simulator, sends it the request and is gone
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'rigsim', 'rehearse', '--many'], stdin=subprocess.PIPE,\n"
        "    stdout=subprocess.DEVNULL, stderr=open(sys.argv[2], 'w'))\n"
        "child.stdin.write(sys.argv[1].encode() + b'\\n'); child.stdin.flush()\n"
        "while not os.path.getsize(sys.argv[2]): time.sleep(0.02)\n"  # the first progress: it is under way
        "print(child.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", asks, request, str(tmp_path / "progress")],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pid = int(said.stdout)
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        signal.sigtimedwait([], 0.05)  # until it has ended


def test_a_coupling_that_is_free_again_slips_no_more() -> None:
    events = ({"at_ms": HOUR_MS, "do": "slip", "percent": 20}, {"at_ms": 4 * HOUR_MS // 3, "do": "free"})
    report = run(3, *events, basal=((0, 1_440_000),))
    assert [row["name"] for row in report["alarms"]] == ["under_infusion"]
    assert report["commanded_nl"] - report["delivered_nl"] == pytest.approx(4_000, abs=150)  # 20 % of 20 min
