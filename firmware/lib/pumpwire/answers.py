"""What each command answers: its rows, their fields, each field's kind and with it its unit.

Owns: the names, order and kinds of the fields of every answer.
Rules: the device builds each row from this table and the host reads each row by it, so that neither can say what the
other does not know; the digest of the protocol covers it.
Units: by the kind, as texts.UNITS says; a kind that ends in `?` is of a field that may be left out.
Leaves: what a field means to words.py, commands and their arguments to spec.py, framing to codec.py.
"""

ONCE, MAYBE, EACH = "once", "if there is one", "one each"
_OFTEN = {"once": ONCE, "maybe": MAYBE, "each": EACH}

# a line for each row: verb, the row's name (- for the only one), how often it comes, its fields as name:kind. It is one
# text because a text for each word, and a tuple of them, would take the Pico four times the memory.
ANSWERS = b"""
hello - once device_id:text firmware:text protocol:int digest:hex clock_hz:hz? boot:int last_seq:int \
  last_code:int last_crc:int session:flag
help - each help:text? argument:text?
status rig once device_id:text firmware:text protocol:int boot:int clock_hz:hz? state:text mode:text \
  last_seq:int last_code:int
status flow once rate_nl_per_day:rate motor_mj_per_ul:mj? base_nl_per_day:rate counted_nl_per_day:rate \
  delivered_steps:steps
status volume once angle:angle? delivered_nl:volume commanded_nl:volume assumed_steps:steps \
  outlet_pa:int?
status kinds once basal_steps:steps periodic_steps:steps demand_steps:steps single_steps:steps \
  spread_steps:steps bridge_steps:steps prime_steps:steps relief_steps:steps calibration_steps:steps
status reservoir once reservoir_nl:volume reservoir_u_nl:volume low_s:s? empty_s:s? refill_s:s? \
  habit_s:s? habit_nl_per_day:rate
status implant once battery_percent:percent battery_h:h eri_s:s? tube_revolutions:turns tube_life:turns \
  tube_utc_s:utc_s? minimum_nl_per_day:rate
status waits maybe later_utc_s:utc_s
status calibration once calibration_id:int step_nl_num:int step_nl_den:int u_ppm:ppm
status therapy maybe therapy_name:text therapy_hash:hex therapy_mode:text demand_asked:int \
  demand_given:int
status ramp maybe ramp_step:int ramp_held:flag
status bolus maybe bolus_kind:text bolus_steps:steps bolus_done_steps:steps bolus_rate_nl_per_day:rate
status now once mono_us:us utc_us:utc_us? clock_source:text alarms:int acked:int reset_cause:text \
  supply_mv:mv
status log once log_next:int log_first:int log_days:int log_torn:int flash_erases:int
status loop once period_us:us worst_us:us late:int slowest:text slowest_us:us collect_us:us erase_us:us
alarms - each name:text priority:text since_us:us since_utc_us:utc_us? acked:flag
probe bus each bus:text?
probe driver maybe version:int? status:int? stall:int? wrong:text?
probe - once magnet:int? gain:int? angle:angle? keys:int pressure_pa:int? supply_mv:mv made:text
program hashes once hash:hex? staged_hash:hex?
program text each text:text? staged:text? later:text?
log record each number:int record:base64
log end once log_next:int first:int
open - once next_seq:int nonce:hex key:flag
stop - once delivered_steps:steps cancelled_kind:text? cancelled_nl:volume? given_nl:volume?
rate - once hash:hex daily_nl:volume max_nl_per_day:rate
stage - maybe hash:hex daily_nl:volume? max_nl_per_day:rate?
commit - once hash:hex
ramp - once rate_nl_per_day:rate
tube - once revolutions:turns
battery - once percent:percent
clock - once moved_us:us
access - once key:flag
refill - once reservoir_nl:volume estimated_nl:volume u_nl:volume? used_nl:volume? u_base_nl:volume? \
  nl_num:int? nl_den:int?
bolus - once requested_steps:steps requested_nl:volume rate_nl_per_day:rate
demand - once requested_steps:steps requested_nl:volume rate_nl_per_day:rate
dispense - once requested_steps:steps requested_nl:volume rate_nl_per_day:rate
prime - once requested_steps:steps requested_nl:volume rate_nl_per_day:rate
calibrate - once requested_steps:steps requested_nl:volume rate_nl_per_day:rate
"""

# besides the fields of its row: the answer to a number that was accepted before the last boot says so
REPEATED = "repeated"


def row(verb, name="-"):
    """The fields of a row of a verb's answer, as their text."""
    begin = ANSWERS.find(b"\n%s %s " % (verb.encode(), name.encode()))
    if begin < 0:
        raise KeyError(name)
    return ANSWERS[begin : ANSWERS.find(b"\n", begin + 1)].split(None, 3)[3]


def rows_of(verb):
    """All rows of a verb's answer: (name, how often it comes, (name, kind) of its fields)."""
    rows = []
    for line in ANSWERS.decode().split("\n"):
        words = line.split()
        if words and words[0] == verb:
            name = "" if words[1] == "-" else words[1]
            rows.append((name, _OFTEN[words[2]], [tuple(word.split(":")) for word in words[3:]]))
    return rows


def told(fields, values):
    """A row's values in the table's order -> its (name, value) pairs, names as bytes; None is left out by the codec."""
    words = fields.split()
    if len(values) != len(words):
        raise ValueError(fields)
    return [(words[i][: words[i].find(b":")], values[i]) for i in range(len(words))]
