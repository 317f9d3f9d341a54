"""Two tools at once on one port: the second is refused clearly, and the first goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pumprig.errors import LinkError
from pumprig.rig.link import SerialLink


@pytest.fixture
def port() -> str:
    tty = pytest.importorskip("tty", reason="pseudo-terminals need Linux or macOS")
    _master, slave = os.openpty()
    tty.setraw(slave)
    return os.ttyname(slave)


def test_a_second_tool_in_this_process_is_refused_and_the_first_still_sends(port: str) -> None:
    first = SerialLink(port)
    with pytest.raises(LinkError, match="in use by another program") as caught:
        SerialLink(port)
    assert caught.value.outcome == "not done"
    first.send("")
    first.close()
    SerialLink(port).close()


def test_a_second_command_ends_with_exit_code_4_and_says_why(port: str, tmp_path: Path) -> None:
    first = SerialLink(port)
    command = [sys.executable, "-m", "pumprig", "-p", port, "status"]
    environment = {
        **os.environ,
        "PUMPRIG_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    first.close()
    assert second.returncode == 4
    assert "in use by another program" in second.stderr
    assert "not done" in second.stderr
