"""Lines of the wire: what a machine line looks like and when it is whole.

Owns: framing, escaping and the CRC of machine lines.
Rules: a line is one request or one row of an answer; a line whose CRC is wrong is never half believed; a
request that lost its first character begins with a number, so that it can never be taken for a typed command.
Callers: rig.link and pumprig.link, both directions.
Units: none; values are text, integers in decimal.
Leaves: the meaning of verbs to spec.py, retries to pumprig.client.

    >SEQ VERB [name=value ...] *CRC32            request
    <SEQ ok|more|err [name=value ...] *CRC32     answer: rows `more`, then one `ok` or `err`

CRC-32 (the polynomial of zlib) in eight hex digits over everything before ` *`. In a value each byte that is
not a plain letter, digit or one of -_.,:;/+()!? is written %XX.
"""

from binascii import crc32

MAX_LINE = 480  # characters, line end not counted; below the Pico's 512-byte input ring
_PLAIN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.,:;/+()!?@~"


class WireError(ValueError):
    """A machine line that cannot be believed; the text is one word: form, crc, size or value."""


def is_digits(text):
    """Whether text is plain decimal digits, one at least: no sign, no foreign digit."""
    for byte in text.encode():  # a character of a str is looked up among all names: 0.3 ms each on the Pico
        if not 48 <= byte <= 57:
            return False
    return bool(text)


def number(text):
    """Decimal digits -> int; raises WireError for anything else, a sign or a foreign digit included."""
    if len(text) > 20 or not is_digits(text):
        raise WireError("value")
    return int(text)


def escape(text):
    """Text -> characters that no token, CRC mark or line end can be confused with."""
    data = text.encode()
    out = bytearray()
    start = end = 0
    for byte in data:
        end += 1
        if byte in _PLAIN:
            continue
        out += data[start : end - 1]  # by runs
        out += ("%%%02X" % byte).encode()
        start = end
    if not start:
        return text
    out += data[start:]
    return out.decode()


def unescape(text):
    """The inverse of escape; raises WireError on a bad %XX."""
    if "%" not in text:
        return text
    out = bytearray()
    i = 0
    data = text.encode()
    while i < len(data):
        if data[i] == 37:
            try:
                out.append(int(data[i + 1 : i + 3].decode(), 16))
            except (ValueError, IndexError):
                raise WireError("value")
            i += 3
        else:
            out.append(data[i])
            i += 1
    try:
        return out.decode()
    except (ValueError, UnicodeError):
        raise WireError("value")


def seal(body):
    """body -> body with its CRC, without line end."""
    return "%s *%08X" % (body, crc32(body.encode()) & 0xFFFFFFFF)


def unseal(line):
    """A sealed line -> its body. Raises WireError: size, form or crc."""
    if len(line) > MAX_LINE:
        raise WireError("size")
    if len(line) < 10 or line[-10:-8] != " *":
        raise WireError("form")
    body = line[:-10]
    if "%08X" % (crc32(body.encode()) & 0xFFFFFFFF) != line[-8:]:
        raise WireError("crc")
    return body


def pairs(fields):
    """A sequence of (name, value) -> ` name=value ...` with a leading blank for each; None is left out.

    Bytes are base64 text already, in which nothing needs an escape: a log row is long, and each tick short.
    """
    out = []
    for name, value in fields:
        if isinstance(value, bytes):
            out.append(" %s=%s" % (name, value.decode()))
        elif value is not None:
            out.append(" %s=%s" % (name, value if isinstance(value, int) else escape(str(value))))
    return "".join(out)


def request(seq, verb, fields=(), mark=None):
    """The sealed line of a request; mark(body) is the session's mark over it, where a key is set."""
    body = ">%d %s%s" % (seq, verb, pairs(fields))
    if mark:
        body += " mark=" + mark(body)
    return seal(body)


def split_mark(line):
    """A sealed request -> (what its mark covers, the mark or an empty text)."""
    body, _space, mark = line[:-10].rpartition(" mark=")
    return (body, mark) if body else (line[:-10], "")


def answer(seq, word, fields=()):
    """The sealed line of an answer's row; word is ok, more or err."""
    return seal("<%d %s%s" % (seq, word, pairs(fields)))


def parse(line, mark):
    """A sealed line -> (seq, word, {name: text}). mark is `>` or `<`. Raises WireError."""
    body = unseal(line)
    if body[:1] != mark:
        raise WireError("form")
    words = body[1:].split(" ")
    if len(words) < 2 or not words[1]:
        raise WireError("form")
    seq = number(words[0])
    fields = {}
    for word in words[2:]:
        name, equals, value = word.partition("=")
        if not equals or not name or name in fields:
            raise WireError("form")
        fields[name] = unescape(value)
    return seq, words[1], fields
