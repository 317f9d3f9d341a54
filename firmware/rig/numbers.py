"""The names in a compiled file, looked up before it is imported.

Owns: putting a name's number in its place.
Rules: an import looks each name up among all that MicroPython knows, 0.1 to 0.2 ms on the Pico, and takes a number as
it is; so names are looked up some a tick, and what is not known yet becomes known; a module on loan (rig.lend).
Units: bytes.
Leaves: reading and importing the file to lend.py.
"""

NAMES = 24  # looked up in one piece


def look_up(shelf):
    """Do the next piece of the file on lend's shelf."""
    data, at = shelf.data, shelf.where
    head = bytearray(shelf.head)
    count = min(shelf.left, NAMES)
    for _ in range(count):
        begin = at
        size = data[at]
        at += 1
        if size > 127:
            size = (size & 127) << 7 | data[at]
            at += 1
        if not size & 1:  # no number yet
            text = data[at : at + (size >> 1)]
            at += len(text) + 1
            number = id(text.decode())
            if number & 7 != 2:  # an address: it is not known yet
                getattr(shelf, text.decode(), None)
                number = id(text.decode())
            if number & 7 == 2 and number < 65_536:
                head += bytes((128 | number >> 9, number >> 2 & 127 | 1))
                continue
        head += data[begin:at]
    shelf.where, shelf.left, shelf.head = at, shelf.left - count, bytes(head)
    if not shelf.left:
        try:
            shelf.data = shelf.head + memoryview(data)[at:]
        except MemoryError:
            pass  # no hole as long as that: it comes with its names
