"""What is told of a rig: its calibration by name, asked and given while one watches, what a stop cancelled."""

import json
from types import SimpleNamespace

import pytest
from pumprig import cli, delivered, paths
from pumprig.cli import status
from pumprig.store.given import Delivery

RIG = ("-p", "sim")


@pytest.fixture
def tool(home, capsys):
    def call(*words, code=0):
        capsys.readouterr()
        came = cli.run([*RIG, *map(str, words)])
        out, err = capsys.readouterr()
        assert came == code, err
        return out, err

    return call


def test_a_guess_is_called_one_wherever_the_calibration_is_told_and_before_a_commit(tool):
    assert "not weighed on this computer" in tool("status")[0]
    tool("calibrate", "nominal", "--per-rev", "10 ul", "--yes")
    assert "nominal, a guess: U 20 % (k = 2)" in " ".join(tool("status")[0].split())
    assert json.loads(tool("status", "--json")[0])["calibration"]["kind"] == "guess"
    (row,) = [row for row in json.loads(tool("doctor", "--json")[0]) if row["name"] == "calibration"]
    assert row["verdict"] == "warn"
    assert "nominal, a guess: U 20 % (k = 2), in force for" in row["finding"]
    device = json.loads(tool("status", "--json")[0])["device_id"]
    listed = tool("calibrate", "list")[0]
    assert f"*  {device}: nominal, a guess: U 20 %" in listed
    assert "nominal, a guess with U 20 %" in tool("rate", "20 ul/h", "--yes")[1]


def test_watch_tells_asked_given_and_what_was_not_given_as_log_total_does(tool):
    tool("rate", "5 ml/h", "--yes")
    tool("bolus", "50 ul", "--over", "10 min", "--yes")
    out, _err = tool("stop")
    assert "The bolus was cancelled: " in out
    assert "of 50.00 µL given, " in out
    (line,) = tool("watch", "--count", "1")[0].splitlines()
    assert "rest of a cancelled single bolus" in line
    (told,) = tool("--json", "watch", "--count", "1")[0].splitlines()
    so_far = json.loads(told)["so_far"]
    rows = {row["why"]: row for row in so_far["not_given"]}
    assert so_far["asked_nl"] == so_far["delivered_nl"] + sum(row["nl"] for row in so_far["not_given"])
    assert rows["cancelled"]["nl"] == pytest.approx(50_000, rel=0.3)
    assert rows["stopped"]["for_s"] >= 0
    tool("log", "pull")
    whole = {row["why"]: row for row in json.loads(tool("--json", "log", "total")[0])["not_given"]}
    assert abs(whole["cancelled"]["nl"] - rows["cancelled"]["nl"]) <= 4


def test_a_watch_without_a_store_that_can_be_written_says_so_once_and_goes_on(tool, monkeypatch, home):
    monkeypatch.setenv("PUMPRIG_DB", "/proc/nowhere/log.db")
    out, err = tool("watch", "--count", "2", "--interval", "10 ms")
    assert len(out.splitlines()) == 2
    assert err.count("what was asked and given is not told") == 1


def test_a_row_of_a_table_is_one_line_for_a_pipe_however_long_it_is(tool, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    tool("calibrate", "nominal", "--per-rev", "10 ul", "--yes")
    out, _err = tool("status")
    assert max(len(line.rstrip()) for line in out.splitlines()) > 80
    assert all(line[:11].strip() for line in out.splitlines())  # each begins with its name: none goes on
    assert "weigh before you believe a volume" in out


@pytest.mark.parametrize(
    "content", [b'port = "sim"\n# caf\xe9\n', b"port = \n", b"database = 5\n", b'prot = "sim"\n', b"\0"]
)
def test_a_stop_works_beside_a_damaged_configuration_and_without_a_port_says_how(
    tool, tmp_path, monkeypatch, capsys, content
):
    file = tmp_path / "config.toml"
    monkeypatch.setattr(paths, "config_file", lambda: file)
    tool("rate", "20 ul/h", "--yes")
    file.write_bytes(content)
    assert cli.run(["stop"]) == 2
    told = capsys.readouterr().err
    assert str(file) in told
    assert "Nothing was sent. Press the stop button on the rig." in told
    assert "`pumprig -p PORT stop`" in told
    assert tool("stop")[0].startswith("stopped")


def program_file(tmp_path, name, text):
    path = tmp_path / f"{name}.toml"
    path.write_text(f'name = "{name}"\n{text}', encoding="utf-8")
    return path


def test_a_rate_during_a_bolus_says_nothing_of_its_end_for_it_goes_on_and_another_program_does(
    tool, tmp_path
):
    tool("rate", "20 ul/h", "--yes")
    tool("bolus", "50 ul", "--over", "1 h", "--yes")
    assert "under way" not in tool("rate", "30 ul/h", "--yes")[1]
    assert json.loads(tool("status", "--json")[0])["bolus"]["requested_nl"] == pytest.approx(50_000, abs=4)
    other = program_file(tmp_path, "other", '[basal]\nrate = "30 ul/h"\n')
    assert "of 50.00 µL, ends here" in tool("program", "load", other, "--yes")[1]
    assert json.loads(tool("status", "--json")[0])["bolus"] is None


def test_of_a_bridge_a_load_says_whether_it_goes_on(tool, tmp_path):
    bridge = '[bridge]\nvolume = "30 ul"\nrate = "10 ul/h"\n'
    tool("program", "load", program_file(tmp_path, "old", f'[basal]\nrate = "20 ul/h"\n{bridge}'), "--yes")
    new = program_file(tmp_path, "new", '[basal]\nrate = "30 ul/h"\n')
    err = tool("program", "load", new, "--yes")[1]
    assert "of 30.00 µL, goes on; the new base flow begins when its volume has left" in err
    assert json.loads(tool("status", "--json")[0])["rate_nl_per_h"] == 10_000
    none = program_file(tmp_path, "none", '[basal]\nrate = "30 ul/h"\n[bridge]\nnone = true\n')
    assert "of 30.00 µL, ends here" in tool("program", "load", none, "--yes")[1]
    assert json.loads(tool("status", "--json")[0])["rate_nl_per_h"] == 30_000


def test_a_refusal_for_the_cap_says_what_helps(tool, tmp_path):
    tool("rate", "60 ml/h", "--yes")
    while json.loads(tool("status", "--json")[0])["delivered_nl"] < 10_000:
        pass
    tool("stop")
    basal = '[basal]\nrate = "0.1 ul/h"\n[limits]\nmax_per_24h = '
    _out, err = tool("program", "load", program_file(tmp_path, "low", basal + '"3 ul"\n'), "--yes", code=3)
    assert "cap 3.00 µL; wait 23 h" in err
    assert "flowed in the last 24 h " in err
    assert "if the pump stands until then." in err
    tool("program", "load", program_file(tmp_path, "high", basal + '"300 ul"\n'), "--yes")
    err = tool("rate", "20 ul/h", "--yes", code=3)[1]
    assert "The program itself is above its cap" in err
    err = tool("bolus", "299 ul", "--over", "6 h", "--yes", code=3)[1]
    assert "waiting makes no room" in err


def test_no_figure_has_a_minus_before_nothing(tool):
    """`-0.0 kPa`, `-0.0 s against this computer`."""
    content = json.loads(tool("status", "--json")[0])
    content["pressure_pa"], content["clock"]["offset_s"] = -20, -0.004
    told = dict(status._rows(content, SimpleNamespace(told=lambda _now: "")))
    assert told["outlet"] == "0.0 kPa above the standing line"
    assert told["clock"] == "+0.0 s against this computer"
    content["pressure_pa"], content["clock"]["offset_s"] = -2_000, -0.4
    told = dict(status._rows(content, SimpleNamespace(told=lambda _now: "")))
    assert told["outlet"] == "-2.0 kPa above the standing line"
    assert told["clock"] == "-0.4 s against this computer"


def test_what_is_less_than_not_given_is_said_as_more_than_asked():
    """A bridge that ended early by what a loss of power assumed: the base flow behind it came early."""
    rows = [{"why": "power", "nl": -2_125, "for_s": 60.0, "times": 1}]
    given = Delivery(400_000, 402_125, rows, {}, 0)
    first, second = delivered.delivery_lines(given)
    assert first == "asked 400.00 µL, given 402.12 µL, 2.12 µL more than asked:"
    assert second.endswith("-2.12 µL  without power, for 1 min: more than asked")
    assert delivered.so_far_text(given.document()) == (
        "asked 400.00 µL, given 402.12 µL, 2.12 µL more than asked (without power, for 1 min: more than asked)"
    )
