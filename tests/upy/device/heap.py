"""What the firmware needs of a small heap, and whether it ever needs more.

Owns: the measurement of free heap after boot and of the heap in use over many ticks.
Rules: every tick of the grid runs (no jumps), under a therapy with boluses, status requests, log pulls and
journal erases; figures are taken after a collection, at the same phase of the load.
Units: bytes of heap, ticks.
Leaves: the limits to test_vms.py. A word of this VM has 64 bits, the Pico's 32: objects there are about half
as large.
"""

import gc

from pumpwire import codec, documents
from softboard import Bench, lay_out, remove

CALIBRATION = "kind=calibration id=7 nl_num=9973 nl_den=1 u_ppm=20000"
PROGRAM = (
    "kind=program name=busy basal=0:48000000 periodic=300:1000:20000:0 reservoir_nl=100000000 "
    "demand=500:20000:60:1000 low_nl=100"
)


def request(bench, seq, verb, **fields):
    """Ask as a host does."""
    line = codec.request(seq, verb, [(name, fields[name]) for name in sorted(fields)])
    answer = bench.ask((line + "\n").encode(), 1_000_000)
    if b" err " in answer:
        raise ValueError(answer)


def program(bench):
    """A therapy that keeps every part busy."""
    request(bench, 1, "open")
    request(bench, 1, "refill", volume_nl=100_000_000)
    seq = 1
    for text in (CALIBRATION, PROGRAM):
        request(bench, seq + 1, "stage", part=1, parts=1, text=text)
        request(bench, seq + 2, "commit", hash=documents.digest(documents.canonical(documents.parse(text))))
        seq += 2
    request(bench, 1, "close")


def in_use():
    """Bytes in use after a collection."""
    gc.collect()
    return gc.mem_alloc()


def main(flash_path, ticks):
    """Print `name value` lines: free heap after import and boot, the heap in use over the ticks, records and erases."""
    gc.collect()
    print("imported_free", gc.mem_free())
    lay_out(flash_path)
    bench = Bench(flash_path)
    bench.power_on()
    bench.run(1_000_000, True)
    gc.collect()
    print("boot_free", gc.mem_free())
    program(bench)
    samples = 10
    for sample in range(samples + 1):
        request(bench, 1, "status")
        request(bench, 1, "log", start=bench.rig.journal.oldest(), count=4)
        print("in_use", in_use())
        if sample < samples:
            bench.run(ticks // samples * 20_000, True)
    gc.collect()
    print("end_free", gc.mem_free())
    print("ticks", bench.rig.loop.ticks)
    print("records", bench.rig.journal.next_number - 1)
    print("erases", bench.rig.journal.most_erases())
    bench.power_off()
    remove(flash_path)
