"""The command line against the simulated rig on a real pseudo-terminal: outputs, exit codes, bad input."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from pumprig import cli
from pumprig.rig import simulator
from pumprig.rig.link import SerialLink
from pumprig.rig.simulator import PrivateRig

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def tool(home, capsys):
    """Run a command line; returns (exit code, stdout, stderr)."""

    def call(*words):
        capsys.readouterr()
        code = cli.run([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


def document(result, code=0):
    assert result[0] == code, result[2]
    lines = result[1].splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


STATUS_FIELDS = {
    *(
        "device_id",
        "firmware",
        "protocol",
        "state",
        "rate_nl_per_h",
        "counted_rate_nl_per_h",
        "delivered_steps",
    ),
    *(
        "delivered_nl",
        "commanded_nl",
        "reservoir_nl",
        "reservoir_u_nl",
        "reservoir_empty_at",
        "refill_due_at",
    ),
    *(
        "therapy",
        "bolus",
        "alarms",
        "calibration_id",
        "last_seq",
        "log_next",
        "clock",
        "battery",
        "loop",
        "reset_cause",
    ),
}


def test_status_has_every_field_of_the_contract_alone_on_stdout(tool):
    status = document(tool("-p", "sim", "status", "--json"))
    assert status.keys() >= STATUS_FIELDS | {"motor_mj_per_ul"}
    assert status["therapy"].keys() >= {"mode", "hash", "name"}
    assert status["clock"].keys() >= {"device", "offset_s"}
    assert status["loop"].keys() >= {"period_us", "worst_us", "late"}
    assert status["battery"].keys() >= {"percent", "eri_at"}


def test_global_options_are_taken_before_and_after_the_command(tool):
    assert (
        document(tool("--json", "-p", "sim", "status")).keys()
        == document(tool("status", "-p", "sim", "--json")).keys()
    )
    assert tool("status", "--version")[:2] == tool("--version")[:2]


@pytest.mark.requirement("SR-17")
def test_a_rate_is_staged_shown_committed_and_read_back(tool):
    result = tool("-p", "sim", "rate", "20 ul/h", "--yes", "--json")
    status = document(result)
    assert (status["state"], status["rate_nl_per_h"]) == ("running", 20_000)
    assert f"hash {status['therapy']['hash']}" in result[2]


@pytest.mark.requirement("SR-28")
def test_stop_stops_and_resume_resumes_the_same_therapy(tool):
    before = document(tool("-p", "sim", "rate", "20", "ul/h", "--yes", "--json"))
    assert document(tool("-p", "sim", "stop", "--json"))["stopped"]
    assert document(tool("-p", "sim", "status", "--json"))["state"] == "stopped"
    after = document(tool("-p", "sim", "resume", "--yes", "--json"))
    assert (after["state"], after["therapy"]) == ("running", before["therapy"])


def test_a_stop_loads_few_modules_and_nothing_heavy(home, tool):
    """What it costs in time is measured by bench/hub_speed.py; what holds on any machine is what it loads."""
    assert tool("-p", "sim", "status")[0] == 0
    command = [sys.executable, "-X", "importtime", "-m", "pumprig", "-p", "sim", "stop"]
    done = subprocess.run(command, check=True, env=simulator.environment(), capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert 100 < len(loaded) < 230
    assert not loaded & {
        "rich",
        "numpy",
        "matplotlib",
        "sqlite_utils",
        "sqlite3",
        "scipy",
        "tree_sitter",
        "mpremote",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rate", "20"], "has no unit"),
        (["rate", "20 ml"], "not a unit of a rate"),
        (["rate", "0.00001 ul/h"], "below the smallest step"),
        (["rate", "--", "-5 ul/h"], "is negative"),
        (["rate", "-.5 ul/h"], "is negative"),
        (["bolus", "- 5 ul"], "is negative"),
        (["bolus", "5 ul", "--over", "-3 min"], "is negative"),
        (["rate", "0 ul/h", "--yes"], "`pumprig dispense VOLUME`"),
        (["prime", "0 ul", "--yes"], "A priming of nothing"),
        (["rate", "nan ul/h"], "no number"),
        (["rate", ""], "no number"),
        (["bolus", "50 ul/h"], "not a unit of a volume"),
        (["bolus", "50 l"], "outside the allowed range"),
        (["rate", "9" * 10_000], "digits"),
        (["rate"], "Missing argument"),
        (["launch"], "No such command"),
        (["--port"], "requires an argument"),
        (["-p", "carrier-pigeon://x", "status"], "no port address"),
        (["rate", "20 ul/h"], "Add --yes"),
    ],
)
def test_bad_usage_exits_2_says_why_and_sends_nothing(tool, words, said):
    before = document(tool("-p", "sim", "status", "--json"))["last_seq"]
    code, _out, err = tool(*words) if words[0] == "-p" else tool("-p", "sim", *words)
    assert code == 2
    assert said in err
    assert document(tool("-p", "sim", "status", "--json"))["last_seq"] == before


def test_no_port_and_several_ports_exit_2_with_a_list(tool, monkeypatch):
    from pumprig.rig import discovery

    for picos in ([], ["/dev/ttyACM0", "/dev/ttyACM1"]):
        rows = [discovery.Found(device, "Pico", None, True) for device in picos]
        monkeypatch.setattr(discovery, "found", lambda rows=rows: rows)
        code, _out, err = tool("status")
        assert code == 2
        assert ", ".join(picos) in err


def test_a_refusal_exits_3_with_rule_and_numbers(tool):
    assert tool("-p", "sim", "program", "load", EXAMPLES / "night-step.toml", "--yes")[0] == 0
    result = tool("-p", "sim", "bolus", "5 ml", "--yes", "--json")
    told = document(result, 3)
    assert told["rule"] == "limit"
    assert {"rate_nl_per_day", "limit_nl_per_day"} <= told["numbers"].keys()
    assert "Nothing was changed" in result[2]


def test_a_second_demand_bolus_is_refused_with_the_time_when_it_would_be_allowed(tool):
    assert tool("-p", "sim", "program", "load", EXAMPLES / "night-step.toml", "--yes")[0] == 0
    assert tool("-p", "sim", "demand", "--yes")[0] == 0
    code, _out, err = tool("-p", "sim", "demand", "--yes")
    assert code == 3
    assert "It would be allowed in" in err


def test_a_program_goes_in_and_comes_back_the_same(tool, tmp_path):
    checked = document(tool("program", "check", EXAMPLES / "night-step.toml", "--json"))
    loaded = document(tool("-p", "sim", "program", "load", EXAMPLES / "night-step.toml", "--yes", "--json"))
    assert loaded["hash"] == checked["hash"]
    assert document(tool("-p", "sim", "program", "show", "--json"))["hash"] == checked["hash"]
    saved = tmp_path / "saved.toml"
    assert tool("-p", "sim", "program", "save", saved)[0] == 0
    assert document(tool("program", "check", saved, "--json"))["hash"] == checked["hash"]
    assert tool("-p", "sim", "program", "save", saved)[0] == 1


@pytest.mark.requirement("SR-35")
def test_an_invalid_program_exits_1_lists_every_fault_and_sends_nothing(tool, tmp_path):
    before = document(tool("-p", "sim", "status", "--json"))["last_seq"]
    bad = tmp_path / "bad.toml"
    bad.write_text(
        'name = "x"\ncolour = "red"\n[basal]\nrate = "7"\n[demand_bolus]\nvolume = "8 ul"\nlockout = "soon"\n'
    )
    code, out, err = tool("-p", "sim", "program", "load", bad, "--yes", "--json")
    assert code == 1
    faults = json.loads(out)["faults"]
    for line in (
        f"{bad}:2: colour",
        f"{bad}:4: basal.rate",
        f"{bad}:7: demand_bolus.lockout",
        f"{bad}:5: demand_bolus.over",
    ):
        assert any(fault.startswith(line) for fault in faults), line
    assert "Nothing was sent" in err
    assert document(tool("-p", "sim", "status", "--json"))["last_seq"] == before


@pytest.mark.requirement("SR-38")
def test_the_log_is_pulled_once_shown_totalled_exported_and_verified(tool, tmp_path):
    first = document(tool("-p", "sim", "log", "pull", "--json"))
    assert document(tool("-p", "sim", "log", "pull", "--json"))["new"] <= 1
    shown = tool("log", "show", "--json")[1].splitlines()
    assert len(shown) >= first["log_next"] - 1
    assert {"number", "event", "delivered_steps"} <= json.loads(shown[0]).keys()
    total = document(tool("log", "total", "--json"))
    assert sum(total["by_kind_steps"].values()) == total["delivered_steps"]
    assert document(tool("log", "verify", "--json"))["verified"]
    assert tool("log", "export", "--format", "csv", "-o", tmp_path / "log.csv")[0] == 0
    assert len((tmp_path / "log.csv").read_text().splitlines()) == len(shown) + 1


def test_the_report_is_one_file_without_any_address_outside(tool, tmp_path):
    page = tmp_path / "report.html"
    assert tool("-p", "sim", "report", "-o", page)[0] == 0
    text = page.read_text()
    assert "A test instrument, never a medical device." in text
    assert 'id="chart-delivered"' in text
    for outside in ("src=", "href=", "@import", "url("):
        assert outside not in text


def test_a_second_program_on_the_same_port_is_refused_with_exit_4(tool):
    port = PrivateRig(Path(os.environ["PUMPRIG_HOME"]) / "state" / "sim").ensure()
    holder = SerialLink(port)
    code, _out, err = tool("-p", port, "status")
    holder.close()
    assert code == 4
    assert "in use by another program" in err
    assert "not done" in err


def test_a_cable_pulled_for_good_exits_4_with_the_outcome(tool):
    code, _out, err = tool("-p", "/dev/no-such-port", "status")
    assert code == 4
    assert "not done" in err


def test_the_private_rig_ends_and_its_next_start_resumes_as_after_a_power_loss(tool):
    before = document(tool("-p", "sim", "rate", "20 ul/h", "--yes", "--json"))
    assert document(tool("sim", "--stop", "--json"))["ended"]
    assert not document(tool("sim", "--stop", "--json"))["ended"]
    after = document(tool("-p", "sim", "status", "--json"))
    assert (after["state"], after["therapy"]) == (before["state"], before["therapy"])
    assert "power_return" in [alarm["name"] for alarm in after["alarms"]]
    assert document(tool("-p", "sim", "alarms", "ack", "--yes", "--json"))["acknowledged"] == ["power_return"]


def test_ctrl_c_ends_a_watch_with_130_and_the_pump_goes_on(tool):
    assert tool("-p", "sim", "rate", "20 ul/h", "--yes")[0] == 0
    child = subprocess.Popen(
        [sys.executable, "-m", "pumprig", "-p", "sim", "watch", "--json", "--interval", "100 ms"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=simulator.environment(),
    )
    assert json.loads(child.stdout.readline())["state"] == "running"
    assert json.loads(child.stdout.readline())["state"] == "running"
    child.send_signal(signal.SIGINT)
    _out, err = child.communicate(timeout=10)
    assert child.returncode == 130
    assert "The pump goes on" in err
    assert document(tool("-p", "sim", "status", "--json"))["state"] == "running"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(tool, shell):
    code, out, _err = tool("completion", shell)
    assert code == 0
    assert "_PUMPRIG_COMPLETE" in out


def test_every_command_has_help_and_takes_the_global_options():
    context = click.Context(cli.root)

    def walk(command, name):
        assert command.help, name
        opts = {opt for parameter in command.params for opt in parameter.opts}
        assert {"--port", "--json", "--quiet", "--verbose", "--version"} <= opts, name
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                walk(command.get_command(context, child), f"{name} {child}")

    walk(cli.root, "pumprig")


@pytest.mark.parametrize("name", ["constant", "demo", "mixture", "night-step", "trial-titration"])
def test_every_example_program_is_valid(tool, name):
    facts = document(tool("program", "check", EXAMPLES / f"{name}.toml", "--json"))
    assert facts["days_to_low"] > 1


def test_a_rehearsal_delivers_what_the_program_says_and_its_log_verifies(tool, tmp_path, monkeypatch):
    target = tmp_path / "rehearsal.db"
    words = [
        "rehearse",
        EXAMPLES / "night-step.toml",
        "--for",
        "17 h",
        "--events",
        EXAMPLES / "night-step-events.toml",
    ]
    report = document(tool(*words, "-o", target, "--json"))
    assert report["demand"] == {"asked": 2, "given": 1, "refused": 1}
    assert report["power_cuts"] == 1
    assert sum(report["by_kind"].values()) == report["delivered_nl"]
    monkeypatch.setenv("PUMPRIG_DB", str(target))
    assert document(tool("log", "verify", "--json"))["verified"]
    logged_nl = document(tool("log", "total", "--json"))["delivered_nl"]
    assert 0 <= report["delivered_nl"] - logged_nl <= 5_000  # what was delivered since the last record
