"""The port itself: a TCP connection ends when it is closed, and nobody waits for it."""

import socket
import threading
from types import SimpleNamespace

from pumprig.rig.link import SerialLink
from serial.urlhandler import protocol_socket


def test_a_tcp_link_ends_at_once_and_only_the_port_library_waits_for_itself(monkeypatch):
    waited, before = [], set(threading.enumerate())
    noted = SimpleNamespace(sleep=lambda _s: waited.append(threading.current_thread()))
    monkeypatch.setattr(protocol_socket, "time", noted)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        link = SerialLink(f"socket://127.0.0.1:{server.getsockname()[1]}")
        first, _ = server.accept()
        with first:
            first.settimeout(30)
            link.reopen()
            assert first.recv(1) == b"", "the connection was not ended"
        second, _ = server.accept()
        with second:
            second.settimeout(30)
            link.send("hello")
            assert second.recv(16) == b"hello\n"
            link.close()
            assert second.recv(1) == b""
            link.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert threading.current_thread() not in waited
