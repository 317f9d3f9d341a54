"""Balance protocols: every kind of line is understood or refused, and a real port answers in time."""

from __future__ import annotations

import importlib.util
import itertools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pumprig.balance.line import LineReader
from pumprig.balance.mtsics import MtSics
from pumprig.balance.reading import BalanceError
from pumprig.balance.search import NAMED, open_balance, recognise
from pumprig.balance.serial_balance import Balance
from rigsim import balance as simulated
from rigsim.balance_sics import SicsBalance

with (Path(__file__).parent / "lines.toml").open("rb") as file:
    LINES = [
        (name, line, meaning)
        for name, table in tomllib.load(file).items()
        for line, meaning in table["lines"]
    ]


def test_the_table_has_150_lines_of_all_makes() -> None:
    assert len(LINES) >= 150
    assert {name for name, _line, _meaning in LINES} == set(NAMED) - {"print"}


@pytest.mark.parametrize(("name", "line", "meaning"), LINES)
def test_each_line_means_what_the_table_says(name: str, line: str, meaning: str) -> None:
    dialect = NAMED[name]()
    kind, _, word = meaning.partition(": ")
    if kind == "no":
        with pytest.raises(BalanceError, match=re.escape(word)) as caught:
            dialect.said(line)
        assert caught.value.next_step
        return
    said = dialect.said(line)
    if said.mass_g is None:
        assert (said.trouble, said.stable) == (meaning, False)
        return
    size, state = meaning.split()
    assert said.mass_g == pytest.approx(float(size), rel=1e-12)
    assert said.stable == (state == "stable")


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    "line", ["", "ES", "S S 1.2.3 g", "S S 1.0 lb", "ST,+1.0 oz", "garbage", "1.0 t", "\x00\xff"]
)
def test_no_protocol_makes_a_number_of_a_line_that_is_none(name: str, line: str) -> None:
    with pytest.raises(BalanceError):
        NAMED[name]().said(line)


class Wire:
    """A line to a simulated balance in virtual time: each read of nothing costs 50 ms."""

    def __init__(self, sics: SicsBalance | None, delay_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.delay_s = delay_s
        self.sics = sics
        self.ready = b""
        self.sent = b""

    def clock(self) -> float:
        return self.now_s

    def write(self, data: bytes) -> None:
        self.sent += data
        if self.sics is not None:
            self.ready += self.sics.feed(data)
            self.now_s += self.delay_s

    def read(self, size: int = 1) -> bytes:
        if not self.ready:
            self.now_s += 0.05
        byte, self.ready = self.ready[:size], self.ready[size:]
        return byte

    def waiting(self) -> int:
        return len(self.ready)

    def close(self) -> None:
        self.sics = None


def sics(volume_nl: float = 50_000.0, **spec: float) -> SicsBalance:
    balance = simulated.Balance(simulated.BalanceSpec(repeatability_g=1e-9, **spec), 1)
    return SicsBalance(balance, lambda: (0.0, volume_nl))


def test_a_balance_is_recognised_by_asking_and_reads_what_lies_on_it() -> None:
    wire = Wire(sics(), delay_s=0.2)
    found = recognise(wire, wire.clock)
    assert found is not None
    assert found[0].name == "mt-sics"
    balance = Balance(wire, found[0], found[1], wire.clock)
    reading = balance.read()
    assert reading.mass_g == pytest.approx(0.0499, abs=1e-4)
    assert reading.u_t_s == pytest.approx(0.1)
    balance.tare()
    assert balance.read().mass_g == 0.0


def test_an_overload_is_said_and_silence_and_noise_are_errors() -> None:
    wire = Wire(sics(volume_nl=300e6))
    assert Balance(wire, MtSics(), "", wire.clock).read().trouble == "overload"
    silent = Wire(None)
    with pytest.raises(BalanceError, match="did not answer"):
        Balance(silent, MtSics(), "", silent.clock).read()
    assert silent.now_s < 5.0
    noisy = Wire(None)
    balance = Balance(noisy, MtSics(), "", noisy.clock)
    noisy.ready = b"\xff" * 5000
    with pytest.raises(BalanceError):
        balance.read()


def test_the_simulated_balance_answers_unknown_commands_as_mt_sics_does() -> None:
    assert sics().feed(b"XYZ\r\n") == b"ES\r\n"
    assert sics().feed(b"I4\r\n@\r\n") == b'I4 A "SIM0000001"\r\n' * 2
    assert sics().feed(b"S") == b""


def test_readings_do_not_depend_on_how_many_are_taken_at_once() -> None:
    spec = simulated.BalanceSpec(draught_g=1e-4, flicker_g=1e-4, wander_g_per_root_h=1e-4, tails=3.0)
    t_s = np.arange(200.0)
    whole = simulated.Balance(spec, 7).readings(t_s, 5.5 * t_s)
    single = simulated.Balance(spec, 7)
    each = [single.readings(t_s[i : i + 1], 5.5 * t_s[i : i + 1])[0] for i in range(200)]
    assert np.array_equal(whole, np.array(each))


class Drip:
    """A line that gives one byte a read, silence where a chunk says None, in virtual time."""

    def __init__(self, chunks: list[bytes | None]) -> None:
        self.bytes = [None if c is None else bytes([b]) for c in chunks for b in (c if c else [0]) or [0]]
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def read(self, size: int = 1) -> bytes:
        self.now_s += 0.001
        if not self.bytes:
            self.now_s += 0.05
            return b""
        byte = self.bytes.pop(0)
        self.now_s += 0.05 if byte is None else 0.0
        return byte or b""

    def write(self, data: bytes) -> None: ...
    def waiting(self) -> int:
        return len(self.bytes)

    def close(self) -> None: ...


@pytest.mark.parametrize("cut", range(1, 15))
def test_the_tail_of_a_line_is_never_a_line(cut: int) -> None:
    whole = b"   12.3456 g  \r\n"
    line = Drip([whole[cut:], whole, whole])
    reader = LineReader(line, line.clock)
    found = [reader.next(0.02) for _ in range(3)]
    assert [text for text in found if text] == ["   12.3456 g  "] * 2


def test_a_line_that_stopped_half_way_before_a_question_does_not_lend_its_tail_to_the_answer() -> None:
    line = Drip([b"   12.3", None, b"456 g  \r\n", b"   98.7654 g  \r\n"])
    reader = LineReader(line, line.clock)
    reader.drain()
    assert reader.next(0.5) == "   98.7654 g  "


def test_a_question_after_a_whole_line_waits_for_nothing() -> None:
    line = Drip([b"\n", b"   12.3456 g  \r\n"])
    reader = LineReader(line, line.clock)
    assert reader.next(0.5) == "   12.3456 g  "
    before_s = line.now_s
    reader.drain()
    assert line.now_s - before_s == pytest.approx(0.001), "the line feed alone was read"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """A simulated balance under 20 mL/h, as a program of its own on a pseudo-terminal."""
    import pumpwire
    import rigsim

    if sys.platform == "win32":
        pytest.skip("pseudo-terminals need Linux or macOS")
    roots = [str(Path(module.__file__ or "").parents[1]) for module in (rigsim, pumpwire)]
    link = tmp_path / "balance"
    command = [
        sys.executable,
        "-m",
        "rigsim.balance_port",
        "--link",
        str(link),
        "--rate-nl-per-h",
        "20000000",
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


def test_a_balance_on_a_real_port_is_found_and_read(port: str) -> None:
    balance = open_balance(port)
    assert balance.model.startswith("SIM-")
    times_s = [balance.read().t_s for _ in range(5)]
    assert all(b > a for a, b in itertools.pairwise(times_s))
    balance.close()


def test_a_foreign_mt_sics_client_understands_the_simulated_balance(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (
        importlib.util.find_spec("pkg_resources") is None
    ):  # gone from setuptools; the client asks it for its version only
        stand_in = ModuleType("pkg_resources")
        stand_in.DistributionNotFound = LookupError  # type: ignore[attr-defined]
        stand_in.get_distribution = lambda name: (_ for _ in ()).throw(LookupError(name))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pkg_resources", stand_in)
    from mettler_toledo_device import MettlerToledoDevice, MettlerToledoError

    client = MettlerToledoDevice(port=port)
    assert client.get_balance_data() == ["SIM-XPR204", "Excellence", "220.0009", "g"]
    assert client.get_serial_number() == "SIM0000001"
    assert client.get_mtsics_level()[0] == "01"
    assert client.get_software_version()
    assert client.get_software_id()
    first, unit, status = client.get_weight()
    assert unit == "g"
    assert status in "SD"
    assert client.get_weight()[0] > first - 0.001
    assert client.zero() in ("S", "D")
    assert abs(client.get_weight()[0]) < 0.01
    assert client.zero_stable() in (True, False)
    with pytest.raises(MettlerToledoError, match="Syntax"):
        client._send_request_get_response("NOPE")
    client.close()


def test_a_weight_that_is_not_stable_is_no_stable_weight_and_not_zeroed() -> None:
    volume_nl = [0.0]
    balance = simulated.Balance(simulated.BalanceSpec(repeatability_g=1e-9), 1)
    sics = SicsBalance(balance, lambda: (0.0, volume_nl[0]))
    assert sics.feed(b"S\r\n").startswith(b"S S ")
    volume_nl[0] = 1e6
    assert sics.feed(b"S\r\n") == b"S I\r\n"
    volume_nl[0] = 2e6
    assert sics.feed(b"Z\r\n") == b"Z I\r\n"
    volume_nl[0] = 3e6
    assert sics.feed(b"ZI\r\n") == b"ZI D\r\n"
    assert sics.feed(b"SI\r\n").split()[2] == b"0.0000"
    volume_nl[0] = 1e9
    assert sics.feed(b"T\r\nS\r\n") == b"T +\r\nS +\r\n"
