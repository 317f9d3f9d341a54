"""Who may change something: the key, the PIN, the sessions and the locks after wrong answers.

Owns: the key and the PIN in force, the open host session, the terminal session, the locks.
Rules: who may do what is the table's (pumpwire.spec.MAY); reading and stopping are never asked for anything; five
wrong answers lock for a minute, doubling up to an hour, and each of them is logged; wrong marks and wrong PINs or codes
have a lock each, so that who guesses at the one keeps nobody from the other.
Units: microseconds of Clock.
Leaves: the maths to pumpwire.auth, storage to acts.py and boot/recovery.py, a person's rights to person.py.
"""

from binascii import unhexlify

from pumpwire import auth, spec

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

    def __init__(self, device_id, record, random):
        self.device_id = device_id
        self.random = random
        self._key = b""
        self.pin_hash = ""
        self.plain = 1  # whether typed programming is allowed
        self._session_key = b""
        self._old_keys = []  # of the sessions before
        self._host_until_us = 0
        self.terminal_until_us = 0
        self._lock = Lock(record)
        self.guesses = Lock(record)  # PINs and codes

    def use(self, document):
        """Take up a stored key, PIN and rule for typed lines. Another key ends the session, which does not prove it."""
        key = unhexlify(document["key"]) if document["key"] else b""
        if key != self._key:
            self._host_until_us = 0
        self._key = key
        self.pin_hash = document["pin_hash"]
        self.plain = document["plain"]

    def key_text(self):
        """The key as hex digits, for its document."""
        return "".join("%02x" % byte for byte in self._key)

    def has_key(self):
        """Whether a host must prove that it holds the key."""
        return bool(self._key)

    # --- the host

    def open(self, host_nonce, now_us):
        """Begin a host session; returns the device's number. Raises Refused."""
        self._lock.check(now_us)
        device_nonce = self.random()
        if self._session_key:
            self._old_keys = [self._session_key] + self._old_keys[: OLD_SESSIONS - 1]
        self._session_key = auth.session_key(self._key, host_nonce, device_nonce) if self._key else b""
        self._host_until_us = now_us + IDLE_US
        self.terminal_until_us = 0
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
            self._lock.check(now_us)
            if not self.is_proven(body, mark, now_us):
                for key in self._old_keys:
                    if auth.is_same(auth.mark(key, body), mark):
                        raise Refused("access", (("why", "another host has opened a session since"),))
                self._lock.wrong("mark", now_us)
                raise Refused("access", (("why", "the line does not carry the key's mark"),))
            self._lock.right(now_us)
        self._host_until_us = now_us + IDLE_US
