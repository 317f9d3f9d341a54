"""An instant that a person reads names its zone, and can be given back as it stands.

Owns: how instants are told on the command line, and how `--from` and `--to` read them.
Rules: each zone is a process of its own; expected instants come from the number alone.
Units: microseconds since 1970.
Leaves: zones that are none to test_homeless.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pumprig import cli, quantities

AT_US = 1_796_053_845_000_000  # 2026-11-30T15:50:45Z
ZONES = {"UTC": " UTC", "America/New_York": "-05:00", "Asia/Kolkata": "+05:30", "Europe/Zurich": "+01:00"}
CODE = (
    "import time; from pumprig import quantities as q;"
    f"texts = [q.local_text({AT_US}), q.utc_text({AT_US})];"
    "print(*[f'{text}|{q.parse_instant(text, str(), 0)}' for text in texts], sep='|')"
)


@pytest.mark.parametrize(("zone", "named"), ZONES.items())
def test_what_is_told_names_its_zone_and_is_read_back(zone: str, named: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "TZ": zone, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)},
        capture_output=True,
        text=True,
        check=True,
    )
    local, local_us, utc, utc_us = done.stdout.strip().split("|")
    assert local.endswith(named)
    assert int(local_us) == AT_US - 45_000_000  # to the minute
    assert utc == "2026-11-30 15:50:45 UTC"
    assert int(utc_us) == AT_US


@pytest.mark.parametrize("words", [("log", "show"), ("log", "total"), ("alarms",), ("status",)])
def test_no_instant_on_the_command_line_is_without_its_zone(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    del home  # its rig
    for line in (("rate", "20 ul/h", "--yes"), ("stop",), ("log", "pull"), words):
        capsys.readouterr()
        assert cli.run(["-p", "sim", *line]) == 0
    out = capsys.readouterr().out
    for told in re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d.{10}", out):
        assert re.search(r"\d( UTC|[+-]\d\d:\d\d)", told), out


def test_what_was_never_said_is_not_known() -> None:
    assert quantities.utc_text(0) == quantities.UNKNOWN
