"""A conversation with the rig, line by line, printed the same way on every VM.

Owns: class Talk: asks, prints what was asked and answered, holds buttons, cuts the power.
Rules: MicroPython's dialect; every answer is printed in full, with the virtual time at which it was asked.
Units: microseconds of virtual time.
Leaves: what is said to transcript.py, the board to softboard.py.
"""

from binascii import unhexlify

from pumpwire import auth, codec, documents
from softboard import Bench, lay_out


class Talk:
    """Asks and prints."""

    def __init__(self, flash_path):
        lay_out(flash_path)
        self.bench = Bench(flash_path)
        self.seq = 0
        self.mark = None

    def say(self, data, us=60_000):
        """Send bytes as they are."""
        shown = data if len(data) < 200 else data[:60] + b"..." + str(len(data)).encode()
        print("@%d <- %s" % (self.bench.time.us, printable(shown)))
        answer = self.bench.ask(data, us)
        for line in answer.split(b"\r\n"):
            if line:
                print("   %s" % printable(line))

    def read(self, verb, **fields):
        """A reading request."""
        self.say(self.line(900, verb, fields), 300_000 if verb == "log" else 60_000)

    def change(self, verb, **fields):
        """A changing request with the next number, marked where the session has a key."""
        if self.mark is None and not self.bench.rig.access.is_host(self.bench.rig.clock.now_us()):
            self.read("open")
        self.seq += 1
        self.say(self.line(self.seq, verb, fields, self.mark))

    def refused(self, verb, **fields):
        """A changing request that uses up no number."""
        self.say(self.line(self.seq + 1, verb, fields, self.mark))

    def again(self, verb, **fields):
        """The last number once more."""
        self.say(self.line(self.seq, verb, fields, self.mark))

    def prove(self, key):
        """Open a session as a holder of the key (64 hex digits)."""
        self.read("open", nonce="cafe")
        nonce = self.bench.board.last_random
        session = auth.session_key(unhexlify(key), "cafe", nonce)
        self.mark = lambda body: auth.mark(session, body)

    def commit(self, text):
        """Stage a document in parts and commit it."""
        parts = [text[i : i + 250] for i in range(0, len(text), 250)]
        for i in range(len(parts)):
            self.change("stage", part=i + 1, parts=len(parts), text=parts[i])
        self.change("commit", hash=documents.digest(documents.canonical(documents.parse(text))))

    def wait(self, us):
        """Let time pass."""
        self.bench.run(us)

    def press(self, bits, us=100_000):
        """Hold buttons for a while."""
        print("@%d press %d" % (self.bench.time.us, bits))
        self.bench.board.pressed = bits
        for _ in range(us // 20_000):
            self.bench.run(20_000, True)
        self.bench.board.pressed = 0
        for _ in range(4):
            self.bench.run(20_000, True)

    def cut(self, cause="power_on"):
        """Power off and on."""
        print("@%d power cut" % self.bench.time.us)
        self.bench.port.outbox = b""
        self.bench.power_on(cause)
        self.bench.run(60_000)
        print("   boot says %s" % printable(self.bench.port.outbox))

    @staticmethod
    def line(seq, verb, fields, mark=None):
        """The bytes of a request."""
        return (
            codec.request(seq, verb, [(name, fields[name]) for name in sorted(fields)], mark) + "\n"
        ).encode()


def printable(data):
    """Bytes -> text that every VM prints the same way."""
    out = []
    for byte in data:
        out.append(chr(byte) if 32 <= byte < 127 else "\\x%02x" % byte)
    return "".join(out)
