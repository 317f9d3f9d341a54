"""Who may change something: the key, the PIN, the sessions and the locks after wrong answers.

Owns: the stored key and PIN, the open host session, the terminal session, the locks.
Rules: who may do what is the table's (pumpwire.spec.MAY); reading and stopping are never asked for anything; on a rig
with a key and without a PIN nothing typed changes anything; five wrong answers lock for a minute, doubling up to an
hour, and each of them is logged; wrong marks and wrong PINs or codes have a lock each, so that who guesses at the one
keeps nobody from the other.
Units: microseconds of Clock.
Leaves: the maths to pumpwire.auth, storage to log/kept_documents.py.
"""

from binascii import unhexlify

from pumpwire import auth, spec

from rig import lend
from rig.log import kept_documents
from rig.refused import Refused

IDLE_US = 600_000_000  # a session without a line ends
TRIES = 5
LOCK_US = 60_000_000
LONGEST_LOCK_US = 3_600_000_000
OLD_SESSIONS = 3  # whose marks are known for what they are


class Lock:
    """Wrong answers of one sort. `record(event, fields)` logs."""

    def __init__(self, record):
        self._record = record
        self._wrong = 0
        self._lock_us = LOCK_US
        self._wrong_us = 0  # when the last one came
        self._until_us = 0

    def check(self, now_us):
        """Refuse while locked. Raises Refused."""
        if now_us < self._until_us:
            raise Refused("locked", (("wait_s", -((now_us - self._until_us) // 1_000_000)),))

    def right(self, now_us):
        """A right answer: the count begins anew; an hour after the last wrong one the doubling does, too."""
        self._wrong = 0
        if now_us - self._wrong_us >= LONGEST_LOCK_US:
            self._lock_us = LOCK_US

    def wrong(self, what, now_us):
        """Count and log a wrong answer; the fifth locks."""
        self._wrong += 1
        self._wrong_us = now_us
        if self._wrong < TRIES:
            self._record("access", (("wrong", what), ("times", self._wrong)))
            return
        self._wrong = 0
        self._until_us = now_us + self._lock_us
        self._record("access", (("wrong", what), ("locked_s", self._lock_us // 1_000_000)))
        self._lock_us = min(LONGEST_LOCK_US, 2 * self._lock_us)


class Access:
    """Sessions and locks. `record(event, fields)` logs, `random()` gives 16 fresh hex digits."""

    def __init__(self, device_id, documents, record, random):
        self._device_id = device_id
        self._documents = documents
        self._random = random
        self._key = b""
        self._pin = ""
        self._plain = 1
        self._session_key = b""
        self._old_keys = []  # of the sessions before
        self._host_until_us = 0
        self._terminal_until_us = 0
        self._marks = Lock(record)
        self._guesses = Lock(record)  # PINs and codes

    def load(self):
        """Take up the stored key, PIN and rule for typed lines; returns the number of the command that set them."""
        text = self._documents.load(kept_documents.ACCESS, _is_access)
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

        `seq` is the command's number, 0 for a typed one. Another key ends the session, which does not prove it.
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
        self._documents.store(kept_documents.ACCESS, text)
        before = self._key
        self._use(documents.parse(text))
        if self._key != before:
            self._host_until_us = 0

    def _key_text(self):
        return "".join("%02x" % byte for byte in self._key)

    # --- the host

    def open(self, host_nonce, now_us):
        """Begin a host session; returns the device's number. Raises Refused."""
        self._marks.check(now_us)
        device_nonce = self._random()
        if self._session_key:
            self._old_keys = [self._session_key] + self._old_keys[: OLD_SESSIONS - 1]
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

    def is_proven(self, body, mark, now_us):
        """Whether a session stands behind a line, and its key; nothing is counted."""
        if not self.is_host(now_us):
            return False
        return not self._session_key or auth.is_same(auth.mark(self._session_key, body), mark)

    def check_host(self, row, body, mark, now_us):
        """Refuse a machine line that its sender may not send. Raises Refused."""
        if spec.may(row, "none"):
            return
        if not spec.may(row, "open"):
            raise Refused("access", (("why", "for a person at a plain terminal"),))
        if not self.is_host(now_us):
            raise Refused("access", (("why", "open a session first"),))
        if self._session_key:
            self._marks.check(now_us)
            if not self.is_proven(body, mark, now_us):
                for key in self._old_keys:
                    if auth.is_same(auth.mark(key, body), mark):
                        raise Refused("access", (("why", "another host has opened a session since"),))
                self._marks.wrong("mark", now_us)
                raise Refused("access", (("why", "the line does not carry the key's mark"),))
            self._marks.right(now_us)
        self._host_until_us = now_us + IDLE_US

    # --- a person

    def _person(self):
        """Who a person at a plain terminal is: a word of spec.WHO."""
        if not self._plain or self._key and not self._pin:
            return "off"
        return "pin" if self._pin else "typed"

    def check_person(self, row, now_us):
        """Refuse a typed line that its sender may not send. Raises Refused."""
        if spec.may(row, "off"):
            return
        if spec.may(row, "none"):
            raise Refused("access", (("why", "for a host program"),))
        if self.is_host(now_us):
            raise Refused("host", ())
        who = self._person()
        if not spec.may(row, who):
            raise Refused("access", (("why", self._why_not(who)),))
        if row[0] == "terminal":
            return
        if now_us >= self._terminal_until_us:
            raise Refused("access", (("why", "type terminal first"),))
        self._terminal_until_us = now_us + IDLE_US

    def _why_not(self, who):
        if who == "pin":
            return "on a rig with a PIN only a host program may do this"
        if not self._plain:
            return "typed programming is switched off"
        return "the rig has a key and no PIN: program it with pumprig, or set a PIN with pumprig key pin"

    def open_terminal(self, pin, now_us):
        """Let a person program from a plain terminal, who may (check_person). Raises Refused."""
        if self._pin:
            self._guesses.check(now_us)
            if not auth.is_same(auth.pin_hash(self._device_id, pin), self._pin):
                self._guesses.wrong("pin", now_us)
                raise Refused("access", (("why", "wrong or missing PIN"),))
            self._guesses.right(now_us)
        self._terminal_until_us = now_us + IDLE_US

    def new_code(self):
        """Four digits that only who reads them knows: a person types them to do what was shown with them."""
        return "%04d" % (int(self._random()[:8], 16) % 10_000)

    def check_code(self, given, code, now_us):
        """Refuse a code that is not the one shown. Raises Refused."""
        self._guesses.check(now_us)
        if not auth.is_same(given, code):
            if len(given) == len(code):  # else it is no guess
                self._guesses.wrong("code", now_us)
            raise Refused("hash", (("why", "that is not the code shown"),))
        self._guesses.right(now_us)


def _is_access(text):
    return lend.get("pumpwire.documents").parse(text)["kind"] == "access"
