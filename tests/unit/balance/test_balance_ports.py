"""Every protocol through a real pseudo-terminal: found, read, slow, printing by itself, in another unit, torn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pumprig.balance.frames import Wanted, decode, encode, frame_of, wanted
from pumprig.balance.reading import BalanceError
from pumprig.balance.search import open_balance
from pumprig.cli import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals need Linux or macOS")
SETTINGS = {
    "mt-sics": ("9600", "8N1"),
    "sbi": ("1200", "7O1"),
    "a&d": ("2400", "7E1"),
    "ohaus": ("2400", "7N2"),
    "radwag": ("4800", "8N1"),
    "kern": ("9600", "8N1"),
}


@contextmanager
def simulated(folder: Path, *options: str) -> Iterator[str]:
    """A simulated balance under 2 mL/h with 5 mL on it, as a program of its own."""
    import pumpwire
    import rigsim

    roots = [str(Path(module.__file__ or "").parents[1]) for module in (rigsim, pumpwire)]
    link = folder / "balance"
    command = [
        sys.executable,
        "-m",
        "rigsim.balance_port",
        "--link",
        str(link),
        "--rate-nl-per-h",
        "2000000",
        *options,
    ]
    environment = {"PYTHONPATH": ":".join(roots), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == f"ready {link}"
            yield str(link)
        finally:
            process.terminate()
            assert process.wait(10) == 0


@pytest.mark.parametrize("name", SETTINGS)
def test_each_protocol_is_found_at_its_maker_s_settings_and_read(name: str, tmp_path: Path) -> None:
    baud, frame = SETTINGS[name]
    with simulated(tmp_path, "--protocol", name, "--baud", baud, "--frame", frame) as port:
        found = open_balance(port)
        assert found.settings == f"{baud},{frame},{name}"
        masses = [found.read().mass_g for _ in range(3)]
        found.close()
        assert all(mass is not None and abs(mass) < 0.1 for mass in masses)
        again = open_balance(f"{port},{baud},{frame},{name}")
        assert again.read().mass_g is not None
        again.close()


def test_a_wrong_parity_and_a_wrong_baud_rate_give_no_reading(tmp_path: Path) -> None:
    with simulated(tmp_path, "--protocol", "a&d", "--baud", "2400", "--frame", "7E1") as port:
        for wrong in ("2400,7O1", "9600,7E1", "2400,8N1"):
            balance = open_balance(f"{port},{wrong},a&d")
            with pytest.raises(BalanceError):
                balance.read()
            balance.close()
        with pytest.raises(BalanceError, match="tried 9600,8N1; 9600,7E1; 9600,7O1; 9600,7N2"):
            open_balance(f"{port},9600", wait_s=0.1)


def test_a_balance_that_prints_by_itself_is_heard_and_its_lines_are_whole(tmp_path: Path) -> None:
    with simulated(tmp_path, "--protocol", "sbi", "--print-s", "0.1", "--torn") as port:
        balance = open_balance(f"{port},9600,8N1,print")
        masses = [balance.read().mass_g for _ in range(10)]
        balance.close()
        assert all(mass is not None and abs(mass) < 0.1 for mass in masses)


def test_a_slow_balance_is_waited_for(tmp_path: Path) -> None:
    with simulated(tmp_path, "--protocol", "ohaus", "--delay-s", "2.0", "--legend", "NET") as port:
        balance = open_balance(f"{port},9600")
        reading = balance.read()
        balance.close()
        assert reading.mass_g is not None
        assert reading.u_t_s > 0.9


@pytest.mark.parametrize("name", ["mt-sics", "radwag", "ohaus"])
def test_a_decimal_comma_is_a_decimal_mark(name: str, tmp_path: Path) -> None:
    with simulated(tmp_path, "--protocol", name, "--comma") as port:
        balance = open_balance(f"{port},9600,8N1,{name}")
        mass_g = balance.read().mass_g
        assert mass_g is not None
        assert abs(mass_g) < 0.1
        balance.close()


def test_a_run_on_a_balance_in_carat_ends_before_the_pump_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    with simulated(tmp_path, "--unit", "ct") as port:
        words = ["calibrate", "run", "--balance", port, "--rate", "1 ml/h", "--yes", "--by-hand"]
        assert run([*words, "--folder", str(tmp_path / "run")]) == 1
    told = capsys.readouterr().err
    assert "carat" in told
    assert "Nothing was started" in told
    assert not (tmp_path / "run").exists()


def test_a_balance_whose_lines_are_no_weights_is_told_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with simulated(tmp_path, "--unit", "ct") as port:
        assert run(["balance", "test", port, "--lines", "2"]) == 1
    told = capsys.readouterr()
    assert told.out.count("in carat (ct)") == 2
    assert "None of 2 lines is a weight" in told.err
    assert "for a run" not in told.err


def test_balance_test_shows_each_line_raw_and_as_read_and_the_settings_for_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with simulated(tmp_path, "--protocol", "a&d", "--baud", "2400", "--frame", "7E1") as port:
        assert run(["balance", "test", port, "--lines", "3", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["settings"] == f"{port},2400,7E1,a&d"
        assert len(document["lines"]) == 3
        assert document["lines"][0]["raw"].startswith(("ST,+", "US,+", "ST,-", "US,-"))
        assert all(line["mass_g"] is not None for line in document["lines"])


def test_the_words_of_a_balance_are_a_port_a_rate_a_frame_and_a_protocol() -> None:
    assert wanted("COM3") == Wanted("COM3")
    full = wanted("/dev/ttyUSB0,2400,7e1,AandD")
    assert (full.port, full.baud, full.frame, full.protocol) == ("/dev/ttyUSB0", 2400, "7E1", "a&d")
    for wrong in ("p,1234", "p,9N1", "p,chinese", "p,8N1,7E1", ",9600"):
        with pytest.raises(BalanceError, match="balance"):
            wanted(wrong)


@pytest.mark.parametrize("frame", ["7E1", "7O1", "7M1", "7S1", "7N2"])
def test_seven_bits_over_eight_come_back_and_a_flipped_bit_is_seen(frame: str) -> None:
    data = b"ST,+00123.4567  g\r\n"
    wire = encode(data, frame)
    assert decode(wire, frame) == data
    assert decode(bytes([wire[0] ^ 0x80]), frame) == b"\xff"
    if frame in ("7E1", "7O1"):
        assert frame_of(wire) == frame
        assert decode(bytes([wire[3] ^ 1]), frame) == b"\xff"
