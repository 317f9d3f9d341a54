"""The Pico's end of the serial line: what the firmware reads and writes, and what the outside put in or takes
out.

Owns: the two buffers of the simulated USB serial port.
Rules: reading never blocks; while nobody listens output is dropped, as on the Pico; while somebody listens
and does not read, the buffer fills and writes take fewer bytes, in the end none; a pulled cable loses what
was on its way.
Units: bytes.
Leaves: lines to rig.link and pumpwire.codec, the real file descriptors to transport.py.
"""

from __future__ import annotations

INPUT_RING = 512  # the Pico's stdin ring; what does not fit waits on the host's side
OUTPUT_RING = 1024


class SimPort:
    """Both directions of the line. `plugged` is the cable, `listening` whether a host has the port open."""

    def __init__(self) -> None:
        self.plugged = True
        self.listening = True
        self.tapped = False  # the simulator itself waits for an answer
        self._input = bytearray()
        self._output = bytearray()

    # --- the firmware's side

    def read(self, limit: int) -> bytes:
        """At most `limit` bytes that have arrived; b"" if none."""
        if not self._input:
            return b""
        data = bytes(self._input[:limit])
        del self._input[: len(data)]
        return data

    def write(self, data: bytes) -> int:
        """Offer bytes; returns how many were taken."""
        if not (self.plugged and (self.listening or self.tapped)):
            return len(data)
        taken = bytes(data[: max(0, OUTPUT_RING - len(self._output))])
        self._output += taken
        return len(taken)

    # --- the outside

    @property
    def waiting_input(self) -> int:
        """Bytes that the firmware has not read yet."""
        return len(self._input)

    @property
    def waiting_output(self) -> int:
        """Bytes that nobody has taken yet."""
        return len(self._output)

    @property
    def room(self) -> int:
        """Bytes that `push` would take now."""
        return max(0, INPUT_RING - len(self._input)) if self.plugged else 0

    def push(self, data: bytes) -> int:
        """Send to the firmware; returns how many bytes fitted. A pulled cable swallows everything."""
        if not self.plugged:
            return len(data)
        taken = data[: self.room]
        self._input += taken
        return len(taken)

    def pull(self, limit: int = OUTPUT_RING) -> bytes:
        """Take what the firmware sent."""
        data = bytes(self._output[:limit])
        del self._output[: len(data)]
        return data

    def peek(self) -> bytes:
        """Look at what the firmware sent, without taking it."""
        return bytes(self._output)

    def put_back(self, data: bytes) -> None:
        """Undo a `pull`, for what is another reader's."""
        if self.listening or self.tapped:
            self._output[:0] = data

    def plug(self, plugged: bool) -> None:
        """Put the cable in or pull it."""
        self.plugged = plugged
        if not plugged:
            self.clear()

    def listen(self, listening: bool) -> None:
        """A host opens the port, or closes it: what it did not take is lost."""
        self.listening = listening
        if not listening:
            self._output.clear()

    def clear(self) -> None:
        """Forget both buffers, as a reset of the chip does."""
        self._input.clear()
        self._output.clear()
