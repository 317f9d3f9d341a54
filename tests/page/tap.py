"""A line between the hub and a rig on which a test can listen, hold answers back, and cut it."""

import selectors
import socket
import threading
import time


class Tap:
    """Relays bytes between 127.0.0.1:port and the rig's own TCP port, in a thread of its own."""

    def __init__(self, rig_port: int) -> None:
        self._rig_port = rig_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.said: list[str] = []  # every line that went to the rig, in order
        self.stamps: list[
            tuple[float, str]
        ] = []  # the same, each with the time of day at which it was written
        self._holding = ""  # answers wait while this word has not passed to the rig
        self._held = b""
        self._whole = True
        self._changed, self._wake = socket.socketpair()
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hold_until(self, word: str) -> None:
        """From now on no answer passes until a line with this word has gone to the rig."""
        self._holding = word

    def cut(self) -> None:
        """The cable is pulled."""
        self._whole = False
        self._wake.send(b"x")

    def mend(self) -> None:
        """The cable is in again."""
        self._whole = True
        self._wake.send(b"x")

    def end(self) -> None:
        self._ended = True
        self._wake.send(b"x")
        self._thread.join(10)
        for one in (self._listener, self._changed, self._wake):
            one.close()

    def _run(self) -> None:
        while not self._ended:
            with selectors.DefaultSelector() as ready:
                ready.register(self._changed, selectors.EVENT_READ)
                if self._whole:
                    ready.register(self._listener, selectors.EVENT_READ)
                for key, _mask in ready.select():
                    if key.fileobj is self._changed:
                        self._changed.recv(64)
                    elif self._whole:
                        self._relay(self._listener.accept()[0])

    def _relay(self, host: socket.socket) -> None:
        line = b""
        with (
            host,
            socket.create_connection(("127.0.0.1", self._rig_port)) as rig,
            selectors.DefaultSelector() as ready,
        ):
            for one in (host, rig, self._changed):
                ready.register(one, selectors.EVENT_READ)
            while self._whole and not self._ended:
                for key, _mask in ready.select():
                    if key.fileobj is self._changed:
                        self._changed.recv(64)
                        continue
                    try:
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    except OSError:
                        data = b""
                    if not data:
                        return
                    if key.fileobj is host:
                        *lines, line = (line + data).split(b"\n")
                        rig.sendall(data)
                        self._note([one.decode("ascii", "replace") for one in lines])
                    else:
                        self._held += data
                    if not self._holding:
                        held, self._held = self._held, b""
                        host.sendall(held)

    def _note(self, lines: list[str]) -> None:
        self.said += lines
        self.stamps += [(time.time(), line) for line in lines]
        for line in lines:
            words = line.split(" ")
            if self._holding in words:
                self._holding = ""
