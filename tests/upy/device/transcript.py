"""One conversation with the rig, printed: the same program on every VM must print the same bytes.

Owns: the conversation (machine lines, typed lines, damage, noise, power cuts) from greeting to log.
Rules: MicroPython's dialect; deterministic; every answer is printed in full, with the virtual time at which
it was asked.
Units: as on the wire.
Leaves: what an answer ought to be to tests/unit and tests/sim.
"""

from binascii import crc32, hexlify

from pumpwire import codec, documents
from softboard import remove
from talk import Talk, printable

CALIBRATION = "kind=calibration id=7 nl_num=9973 nl_den=1 u_ppm=20000 tube=A%20to%20Z"
PROGRAM = (
    "kind=program name=night%20step basal=0:200000,28800:300000 sat=0:150000 periodic=21600:10000:300000:600 "
    "demand=8000:240000:7200:4 reservoir_nl=18000000 hard_nl_per_day=6000000 cap_nl=1200000 catheter_nl=156000 "
    "zone=0:90000,1774746000:93600"
)
MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000


def machine(talk):
    """A host's session from greeting to bolus."""
    talk.read("hello", digest="0123456789abcdef")
    talk.read("terminal")
    talk.read("status")
    talk.read("help")
    talk.read("probe")
    talk.say(talk.line(900, "help", {"verb": "bolus"}))
    talk.refused("rate", rate_nl_per_day=480_000)
    talk.read("prove")
    talk.change("rate", rate_nl_per_day=480_000)
    talk.read("prove")
    talk.commit(CALIBRATION)
    talk.change("refill", volume_nl=18_000_000)
    talk.change("clock", utc_us=1_774_742_400_000_000)
    talk.change("rate", rate_nl_per_day=480_000)
    talk.read("program")
    talk.change("commit", hash="0000000000000000")
    talk.change("commit", hash=documents.digest(talk.bench.rig.staging.text))
    talk.wait(10 * MINUTE_US)
    talk.read("status")
    talk.change("bolus", volume_nl=50_000, over_ms=600_000)
    talk.again("bolus", volume_nl=50_000, over_ms=600_000)
    talk.again("bolus", volume_nl=50_001, over_ms=600_000)
    talk.change("bolus", volume_nl=1_000)
    talk.wait(5 * MINUTE_US)
    talk.read("status")
    talk.wait(6 * MINUTE_US)
    talk.read("status")


def program(talk):
    """A day program with periodic and demand boluses, over a change of the clock's zone."""
    talk.commit(PROGRAM)
    for hour in range(14):
        talk.wait(HOUR_US)
        if hour in (1, 2, 3, 5):
            talk.press(2)
        if hour % 6 == 0:
            talk.read("status")
    talk.change("demand")
    talk.wait(10 * MINUTE_US)
    talk.change("demand")
    talk.wait(2 * HOUR_US)
    talk.change("demand")
    talk.change("silence")
    talk.change("discard")
    talk.read("alarms")


def damage(talk):
    """Lines that were hurt on the way, repeated or invented."""
    good = talk.line(talk.seq + 1, "stop", {})
    for i in (0, 1, 3, len(good) - 3):
        talk.say(good[:i] + bytes((good[i] ^ 1,)) + good[i + 1 :])
        talk.say(good[:i] + good[i + 1 :])
        talk.say(good[:i] + b"\n")
    talk.say(talk.line(talk.seq, "ack", {}))
    talk.say(talk.line(talk.seq + 7, "ack", {}))
    talk.refused("dance")
    talk.refused("bolus", volume_nl=20_000_001)
    talk.refused("bolus", volume_nl="-5")
    talk.refused("bolus", volume_nl=5, colour="red", angle=1)
    talk.change("stage", part=1, parts=1, text="kind=program name=x basal=0:1,0:2")
    talk.change("stage", part=1, parts=1, text="kind=program zz=1 aa=2 basal=0:1 name=a")
    talk.say((codec.seal(">901 help verb=µ") + "\n").encode())
    talk.say(codec.seal(">901 help verb=%C2%B5").encode() + b"\n")
    talk.say(codec.seal(">901 help verb=%FF%FE").encode() + b"\n")
    talk.say(b"\n\r\n\n")
    talk.say(b"x" * 10_000 + b"\n")
    talk.say(b">" + b"9" * 3_000 + b"\n", 400_000)
    state = 12345
    noise = bytearray()
    for _ in range(3_000):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        noise.append(state >> 16 & 255)
    talk.say(bytes(noise) + b"\n", 2_000_000)
    talk.say(b"\n", 2_000_000)
    talk.read("status")


def person(talk):
    """Someone at a plain terminal."""
    talk.say(b"status\n")
    talk.say(b"rate 20 ul/h\n")
    talk.read("close")
    for line in (
        b"rate 20 ul/h",
        b"terminal",
        b"rate 20",
        b"rate 20 furlongs/h",
        b"rate 1.5 ul/hx\x7f\x7f\x7f/h\x08",
        "rate 21.5 \u00b5l/h".encode(),
        b"commit 0000",
        b"program",
        b"help",
        b"help bolus",
        b"bolus 5 ul over 1 min 30 s",
        b"commit",
        b"discard",
        b"STATUS please",
        b"\xc3\xa9t\xc3\xa9\xff",
        "\u212arate 2 ul/h".encode(),
        b"alarms",
        b"silence",
        b"stop",
        b"prime 2 ul",
        b"demand",
        b"help nothing",
        b"help stop",
        b"prove",
        b"bolus 50 ul\x03status",
        b"rate 1 ul/h\x15\x01\x02alarms",
        b"rate\x1b[A\x1b[1;5Dalarms\x1b",
        b">7 sto\x03status",
        b">7 sto\x03stop",
        b"y" * 600 + b"stop",
        b"dispense 1 ul rate 1 ml/h",
        b"commit 1",
    ):
        talk.say(line + b"\r", 200_000)
    talk.say(b"rate 12.5 ul/h\r")
    talk.say(b"commit %s\r" % talk.bench.rig.session.pending[0].encode())
    talk.wait(11 * MINUTE_US)
    talk.say(b"refill 18 ml removed 1 ml\r")
    talk.say(b"terminal\rrefill 18 ml removed 1 ml\r", 200_000)
    talk.say(b"commit %s\r" % talk.bench.rig.session.pending[0].encode())
    talk.say(b"alarms\r")
    talk.read("open")
    talk.say(b"terminal\r")


def faults(talk):
    """A blocked line that is relieved, a rotor that does not follow."""
    talk.change("ack")
    talk.change("resume")
    talk.wait(10 * MINUTE_US)
    talk.bench.pump.pressure_pa += 60_000
    talk.wait(MINUTE_US)
    talk.read("alarms")
    talk.bench.pump.pressure_pa -= 50_000
    talk.wait(MINUTE_US)
    talk.press(4)
    talk.change("ack")
    talk.change("resume")
    talk.wait(10 * MINUTE_US)
    talk.bench.pump.stuck = True
    talk.wait(10 * MINUTE_US)
    talk.read("alarms")
    talk.read("status")
    talk.bench.pump.stuck = False
    talk.change("ack")


def access(talk):
    """A key and a PIN are set; then who has them may, and who has not may not."""
    key = "00112233445566778899aabbccddeeff" * 2
    talk.change("access", key=key, pin="2468")
    talk.read("open")
    talk.refused("ack")
    talk.prove(key)
    talk.change("ack")
    talk.again("ack")
    talk.mark = lambda body: "0123456789abcdef"
    for _ in range(6):
        talk.refused("ack")
    talk.wait(2 * MINUTE_US)
    talk.read("close")
    talk.say(b"terminal\r")
    talk.say(b"terminal 2468\rack\r", 200_000)
    talk.prove(key)
    talk.change("access", key="", pin="", plain=1)
    talk.mark = None
    talk.read("open")
    talk.change("access", key="zz" * 32)


def power(talk):
    """Stop, prime, resume, power cuts, the log."""
    talk.change("ack")
    talk.change("stop")
    talk.change("prime", volume_nl=3_000)
    talk.wait(MINUTE_US)
    talk.change("calibrate", rate_nl_per_day=4_800_000, volume_nl=5_000)
    talk.wait(2 * MINUTE_US)
    talk.change("dispense", volume_nl=3_000, rate_nl_per_day=4_800_000)
    talk.change("dispense", volume_nl=3_000)
    talk.wait(MINUTE_US)
    talk.change("resume")
    talk.wait(HOUR_US)
    talk.change("bolus", volume_nl=20_000, over_ms=1_200_000, spread=1)
    talk.wait(5 * MINUTE_US)
    talk.cut()
    talk.read("hello")
    talk.again("bolus", volume_nl=20_000, over_ms=1_200_000, spread=1)
    talk.read("status")
    talk.wait(HOUR_US)
    talk.press(1)
    talk.read("status")
    talk.read("alarms")
    talk.read("open")
    talk.change("ack")
    talk.change("resume")
    talk.change("bolus", volume_nl=2_000, over_ms=600_000)
    talk.wait(MINUTE_US)
    talk.change("stop")
    talk.change("stop")
    talk.change("resume")
    talk.wait(HOUR_US)
    talk.cut("watchdog")
    talk.read("alarms")
    talk.read("open")
    talk.change("maintenance")
    talk.read("status")
    talk.read("log", start=talk.bench.rig.journal.oldest(), count=3)
    talk.read("log", start=talk.bench.rig.journal.next_number - 12)
    talk.read("log", start=talk.bench.rig.journal.next_number + 5)


def upkeep(talk):
    """A titration that waits for its time, is held and steps back; a new tube; a new battery."""
    talk.read("open")
    talk.change("ack")
    talk.change("clock", utc_us=1_790_000_000_000_000)
    text = "kind=program name=trial ramp=240000:240000:3600:960000"
    talk.change("stage", part=1, parts=1, text=text)
    digest = documents.digest(talk.bench.rig.staging.text)
    talk.change("commit", hash=digest, at_utc_s=1_789_999_999)
    talk.change("commit", hash=digest, at_utc_s=1_790_000_600)
    talk.read("program")
    talk.cut()
    talk.read("open")
    talk.change("clock", utc_us=1_790_000_300_000_000)
    talk.change("discard")
    talk.read("status")
    talk.wait(3 * HOUR_US)
    talk.read("open")
    talk.change("ramp", do="back")
    talk.change("ramp", do="up")
    talk.wait(HOUR_US)
    talk.read("open")
    talk.change("ramp", do="go")
    talk.change("withdraw")
    talk.change("refill", volume_nl=18_000_000, removed_nl=1_000_000)
    talk.change("tube")
    talk.change("battery")
    talk.change("bolus", volume_nl=20_000_000, over_ms=80_000_000)
    talk.read("status")


def main(flash_path="soft.flash"):
    """Print the whole conversation."""
    talk = Talk(flash_path)
    print("boot %s" % talk.bench.power_on())
    talk.wait(60_000)
    print(printable(talk.bench.port.outbox))
    for part in (machine, program, damage, person, faults, access, power, upkeep):
        print("=== " + part.__name__)
        part(talk)
    print("fed %d tones %d" % (talk.bench.board.fed > 0, talk.bench.board.tones))
    talk.bench.power_off()
    digest = 0
    with open(flash_path, "rb") as file:
        while True:
            data = file.read(4096)
            if not data:
                break
            digest = crc32(data, digest) & 0xFFFFFFFF
    print("flash %s" % hexlify(digest.to_bytes(4, "big")).decode())
    remove(flash_path)
