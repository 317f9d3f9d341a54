"""Lines of the wire: what a machine line looks like and when it is whole.

Owns: framing, escaping and the CRC of machine lines.
Rules: a line is one request or one row of an answer; a line whose CRC is wrong is never half believed; a
request that lost its first character begins with a number, so that it can never be taken for a typed command.
Units: none; values are text, integers in decimal. Lines are put together and taken apart as bytes: each new text is
looked up among all names that MicroPython knows, 0.2 ms on the Pico.
Leaves: the meaning of verbs to spec.py, retries to pumprig.client.

    >SEQ VERB [name=value ...] *CRC32            request
    <SEQ ok|more|err [name=value ...] *CRC32     answer: rows `more`, then one `ok` or `err`

CRC-32 (the polynomial of zlib) in eight hex digits over everything before ` *`. In a value each byte that is
not a plain letter, digit or one of -_.,:;/+()!? is written %XX.
"""

from binascii import crc32, unhexlify

MAX_LINE = 480  # characters, line end not counted; below the Pico's 512-byte input ring
_PLAIN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.,:;/+()!?@~"


class WireError(ValueError):
    """A machine line that cannot be believed; the text is one word: form, crc, size or value."""


def is_digits(text):
    """Whether text (or bytes) is plain decimal digits, one at least: no sign, no foreign digit."""
    return (text if isinstance(text, bytes) else text.encode()).isdigit()


def number(text):
    """Decimal digits -> int; raises WireError for anything else, a sign or a foreign digit included."""
    if len(text) > 20 or not is_digits(text):
        raise WireError("value")
    return int(text)


def escape(text):
    """Text -> characters that no token, CRC mark or line end can be confused with."""
    out = bytearray()
    _escape(out, text.encode())
    return out.decode()


def _escape(out, data):
    """Append data, escaped, to out."""
    if data.isalpha() or data.isdigit():  # most are: looking at each byte takes the Pico a millisecond a word
        out += data
        return
    for byte in data:
        if byte not in _PLAIN:
            break
    else:
        out += data
        return
    start = end = 0
    for byte in data:
        end += 1
        if byte in _PLAIN:
            continue
        out += data[start : end - 1]  # by runs
        out += b"%%%02X" % byte
        start = end
    out += data[start:]


def unescape(text):
    """The inverse of escape, for text or bytes; raises WireError on a bad %XX."""
    data = text if isinstance(text, bytes) else text.encode()
    if b"%" not in data:
        return data.decode()
    parts = data.split(b"%")
    out = bytearray(parts[0])
    try:
        for part in parts[1:]:
            if len(part) < 2:
                raise WireError("value")
            out += unhexlify(part[:2])
            out += part[2:]
        return out.decode()
    except (ValueError, UnicodeError):
        raise WireError("value")


def seal(body):
    """body -> body with its CRC, without line end."""
    return _seal(bytearray(body.encode()))


def _seal(out):
    out += b" *%08X" % (crc32(out) & 0xFFFFFFFF)
    return out.decode()


def unseal(line):
    """A sealed line -> its body. Raises WireError: size, form or crc."""
    return _unseal(line).decode()


def _unseal(line):
    if len(line) > MAX_LINE:
        raise WireError("size")
    data = line.encode()
    if len(data) < 10 or data[-10:-8] != b" *":
        raise WireError("form")
    body = data[:-10]
    if b"%08X" % (crc32(body) & 0xFFFFFFFF) != data[-8:]:
        raise WireError("crc")
    return body


def joined(fields):
    """Pairs of (name, value) -> ` name=value ...` with a blank before each, as a bytearray; None is left out.

    A name is a text or bytes. A value in bytes is base64 text already, in which nothing needs an escape: a log row is
    long, and each tick short.
    """
    out = bytearray()
    for name, value in fields:
        if value is None:
            continue
        out += b" "
        out += name if isinstance(name, bytes) else name.encode()
        out += b"="
        if isinstance(value, int):
            out += b"%d" % value
        elif isinstance(value, bytes):
            out += value
        else:
            _escape(out, value.encode())
    return out


def pairs(fields):
    """`joined` as text."""
    return joined(fields).decode()


def request(seq, verb, fields=(), mark=None):
    """The sealed line of a request; mark(body) is the session's mark over it, where a key is set."""
    body = ">%d %s%s" % (seq, verb, pairs(fields))
    if mark:
        body += " mark=" + mark(body)
    return seal(body)


def name_of(line):
    """What names a request beside its number: the last 16 bits of its CRC-32, over its session's mark, too."""
    return int(line[-4:], 16)


def split_mark(line):
    """A sealed request -> (what its mark covers, the mark or an empty text)."""
    body, _space, mark = line[:-10].rpartition(" mark=")
    return (body, mark) if body else (line[:-10], "")


def answer(seq, word, fields=()):
    """The sealed line of an answer's row; word is ok, more or err."""
    out = bytearray(b"<%d " % seq)
    out += word.encode()
    out += joined(fields)
    return _seal(out)


def parse(line, mark):
    """A sealed line -> (seq, word, {name: text}). mark is `>` or `<`. Raises WireError."""
    body = _unseal(line)
    if body[:1] != mark.encode():
        raise WireError("form")
    words = body[1:].split(b" ")
    if len(words) < 2 or not words[1]:
        raise WireError("form")
    seq = number(words[0])
    fields = {}
    for word in words[2:]:
        name, equals, value = word.partition(b"=")
        name = name.decode()
        if not equals or not name or name in fields:
            raise WireError("form")
        fields[name] = unescape(value)
    return seq, words[1].decode(), fields
