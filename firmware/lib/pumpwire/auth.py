"""Who may change something: HMAC-SHA256 over each line of a session.

Owns: the session key and the mark of a line, for both ends.
Rules: a session's key comes from the shared key and a fresh number of each side; a line's mark covers its
number, so a captured line can be neither replayed nor altered; marks are compared in constant time.
Units: bytes; marks in 16 hex digits (64 bits, of which an attacker gets five tries a minute).
Leaves: where keys are kept to rig.settings and pumprig.keys.

HMAC as in RFC 2104; MicroPython has SHA-256 and no hmac module.
"""

from binascii import hexlify
from hashlib import sha256

KEY_BYTES = 32
MARK = 16


def hmac_sha256(key, message):
    """HMAC-SHA256 of message under key, 32 bytes."""
    if len(key) > 64:
        key = sha256(key).digest()
    key = key + b"\x00" * (64 - len(key))
    inner = sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def session_key(key, host_nonce, device_nonce):
    """The key of one session from the shared key and both sides' numbers (hex text)."""
    return hmac_sha256(key, ("session:%s:%s" % (host_nonce, device_nonce)).encode())


def mark(key, body):
    """The mark of a line's body under a session's key."""
    return hexlify(hmac_sha256(key, body.encode())).decode()[:MARK]


def pin_hash(device_id, pin):
    """What is kept of a PIN."""
    return hexlify(hmac_sha256(device_id.encode(), pin.encode())).decode()[:32]


def is_same(one, other):
    """Compare two texts in a time that does not tell where they differ."""
    if len(one) != len(other):
        return False
    difference = 0
    for i in range(len(one)):
        difference |= ord(one[i]) ^ ord(other[i])
    return difference == 0
