"""A port that cannot be opened is told in words: why, that nothing was done, what to look at.

Owns: the sentence; each port is a real one that cannot be opened.
Rules: no number of an error, nothing twice.
Units: none.
Leaves: who else holds a port to tests/hub.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pumprig.errors import LinkError
from pumprig.rig.link import SerialLink


def refusal(address: str) -> str:
    with pytest.raises(LinkError) as refused:
        SerialLink(address)
    return str(refused.value)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(f"{tmp_path}/ttyX") == (
        f"{tmp_path}/ttyX cannot be opened: No such file or directory. The outcome is: not done. "
        "`pumprig ports` lists the ports; check the cable."
    )


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_an_address_where_nobody_listens(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert refusal(f"{scheme}://127.0.0.1:{port}") == (
        f"{scheme}://127.0.0.1:{port} cannot be opened: Connection refused. The outcome is: not done. "
        "Check the address, and that a rig's server runs there."
    )


def test_a_file_that_is_no_port(tmp_path: Path) -> None:
    place = tmp_path / "notes.txt"
    place.write_text("no port")
    assert f"{place} cannot be opened: it is no serial port. The outcome is: not done." in refusal(str(place))
