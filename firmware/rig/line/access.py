"""Who may change something: the key, the PIN, the sessions and the lock after wrong answers.

Owns: the stored key and PIN, the open host session, the terminal session, the count of wrong answers.
Rules: reading and stopping are never asked for anything; without a key every host may program, once a key is
set only its holders may; five wrong answers lock programming for a minute, doubling; each of them is logged.
Callers: session.py.
Units: microseconds of Clock.
Leaves: the maths to pumpwire.auth, storage to kept_documents.py.
"""

from binascii import unhexlify

from pumpwire import auth

from rig import lend
from rig.log import kept_documents
from rig.refused import Refused

IDLE_US = 600_000_000  # a session without a line ends
TRIES = 5
LOCK_US = 60_000_000


class Access:
    """Sessions and locks. `record(event, fields)` logs, `random()` gives 16 fresh hex digits."""

    def __init__(self, device_id, store, record, random):
        self._device_id = device_id
        self._settings = store
        self._record = record
        self._random = random
        self._key = b""
        self._pin = ""
        self._plain = 1
        self._session_key = b""
        self._host_until_us = 0
        self._terminal_until_us = 0
        self._wrong = 0
        self._lock_us = LOCK_US
        self._locked_until_us = 0

    def load(self):
        """Take up the stored key, PIN and rule for typed lines; returns the number of the command that set them."""
        text = self._settings.load(kept_documents.ACCESS, _is_access)
        if not text:
            return 0
        document = lend.get("pumpwire.documents").parse(text)
        self._use(document)
        return document["seq"]

    def _use(self, document):
        self._key = unhexlify(document["key"]) if document["key"] else b""
        self._pin = document["pin_hash"]
        self._plain = document["plain"]

    def has_key(self):
        """Whether a host must prove that it holds the key."""
        return bool(self._key)

    def change(self, key, pin, plain, seq):
        """Set key (64 hex digits), PIN (empty: none), whether typed programming is allowed; None: as it is.

        `seq` is the command's number, 0 for a typed one.
        """
        document = {
            "kind": "access",
            "key": self._key_text() if key is None else key,
            "pin_hash": self._pin if pin is None else auth.pin_hash(self._device_id, pin) if pin else "",
            "plain": self._plain if plain is None else plain,
            "seq": seq,
        }
        documents = lend.get("pumpwire.documents")
        text = documents.canonical(document)
        self._settings.store(kept_documents.ACCESS, text)
        self._use(documents.parse(text))

    def _key_text(self):
        return "".join("%02x" % byte for byte in self._key)

    # --- the host

    def open(self, host_nonce, now_us):
        """Begin a host session; returns the device's number."""
        self.check_lock(now_us)
        device_nonce = self._random()
        self._session_key = auth.session_key(self._key, host_nonce, device_nonce) if self._key else b""
        self._host_until_us = now_us + IDLE_US
        self._terminal_until_us = 0
        return device_nonce

    def close(self):
        """End the host session."""
        self._host_until_us = 0

    def is_host(self, now_us):
        """Whether a host session is open."""
        return now_us < self._host_until_us

    def check_host(self, body, mark, now_us):
        """Refuse a changing line that no open session, or not its key, stands behind. Raises Refused."""
        if not self.is_host(now_us):
            raise Refused("access", (("why", "open a session first"),))
        if self._session_key:
            self.check_lock(now_us)
            if not auth.is_same(auth.mark(self._session_key, body), mark):
                self._count_wrong("mark", now_us)
                raise Refused("access", (("why", "the line does not carry the key's mark"),))
            self._wrong = 0
        self._host_until_us = now_us + IDLE_US

    # --- a person

    def open_terminal(self, pin, now_us):
        """Let a person program from a plain terminal. Raises Refused."""
        if self.is_host(now_us):
            raise Refused("host", ())
        if not self._plain:
            raise Refused("access", (("why", "typed programming is switched off"),))
        if self._pin:
            self.check_lock(now_us)
            if not auth.is_same(auth.pin_hash(self._device_id, pin), self._pin):
                self._count_wrong("pin", now_us)
                raise Refused("access", (("why", "wrong or missing PIN"),))
            self._wrong = 0
        self._terminal_until_us = now_us + IDLE_US

    def check_terminal(self, now_us):
        """Refuse a typed change outside `terminal`, or during a host session. Raises Refused."""
        if self.is_host(now_us):
            raise Refused("host", ())
        if now_us >= self._terminal_until_us:
            raise Refused("access", (("why", "type terminal first"),))
        self._terminal_until_us = now_us + IDLE_US

    # --- the lock

    def check_lock(self, now_us):
        """Refuse while locked. Raises Refused."""
        if now_us < self._locked_until_us:
            raise Refused("locked", (("wait_s", -((now_us - self._locked_until_us) // 1_000_000)),))

    def _count_wrong(self, what, now_us):
        self._wrong += 1
        if self._wrong < TRIES:
            self._record("access", (("wrong", what), ("times", self._wrong)))
            return
        self._wrong = 0
        self._locked_until_us = now_us + self._lock_us
        self._record("access", (("wrong", what), ("locked_s", self._lock_us // 1_000_000)))
        self._lock_us *= 2


def _is_access(text):
    return lend.get("pumpwire.documents").parse(text)["kind"] == "access"
