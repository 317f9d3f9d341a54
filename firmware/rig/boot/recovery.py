"""From the last good record back to a running rig.

Owns: what a boot makes of the state block.
Rules: what cannot be known after a power loss is bounded, stated and counted towards more delivered; a bolus
goes on with what is left of it; no state is invented: without a record the pump is stopped and holds no
program.
Units: as in pumpwire.records.STATE.
Leaves: bytes to pumpwire.records, finding the record to journal.py.
"""

from pumpwire import documents, spec, terms
from pumpwire.records import EVENTS
from pumpwire.spec import KINDS, MODES

from rig import lend
from rig.board import flashmap
from rig.boot import snapshot
from rig.boot.loss import losses
from rig.boot.replay import alarms, day
from rig.flow.delivery import ASKED
from rig.flow.overlay import Overlay
from rig.log import kept_documents
from rig.refused import Refused
from rig.watch import thresholds


def restore(rig, now_us):
    """Take up the state of the last record; returns whether this boot is for maintenance.

    What is to be logged on the way waits until the state is whole: each record must be fit to boot from.
    """
    alarms(rig)
    rig.log.hold()
    maintenance = _restore(rig, now_us)
    for row in rig.log.held():
        rig.log.record(*row)
    return maintenance


def access(rig):
    """Take up the stored key, PIN and rule; a cut between their storing and their record is made good here."""
    text = kept_documents.load(
        rig.settings, flashmap.ACCESS, lambda text: documents.parse(text)["kind"] == "access"
    )
    if not text:
        return
    document = documents.parse(text)
    rig.access.use(document)
    if document["seq"] == rig.session.last_seq + 1:
        rig.session.use_number(document["seq"], 0, 0)
        rig.log.record("command", (("verb", "access"), ("seq", document["seq"])))


def _restore(rig, now_us):
    if rig.journal.last is None:
        rig.log.boot_number = 1
        rig.log.record("first_boot", ())
        return False
    header, state, text = rig.journal.last
    rig.log.boot_number = header["boot"] + 1
    _restore_ledger(rig, header, state)
    rig.session.use_number(state["last_seq"], state["last_code"], state["last_crc"])
    if header["utc_us"]:
        rig.clock.set_utc(header["utc_us"], now_us, "restored")
    rig.alarms.restore(state["alarms"], state["acked"], now_us)
    reservoir, assumed_nl = rig.reservoir, state["reservoir_assumed_nl"]
    reservoir.fill(state["reservoir_base_nl"] + assumed_nl)
    reservoir.base_delivered_nl = state["reservoir_base_delivered_nl"]
    reservoir.assume(assumed_nl)
    reservoir.base_nl = state["reservoir_base_nl"]
    rig.assumed_steps = state["assumed_steps"]
    rig.implant.restore(state, now_us)
    given_us = day(rig, rig.journal, now_us)
    _restore_therapy(rig, state, now_us, given_us)
    if rig.dosing.quantum and MODES[state["mode"]] != "stopped":
        _power_returned(rig, header, MODES[state["mode"]], now_us)
    if EVENTS[header["event"]] == "fault":
        rig.faults = int(text.split()[0].partition("=")[2])
        if rig.faults >= thresholds.FAULTS:
            rig.alarm("self_test", (("why", "the firmware fails each time"),))
    return EVENTS[header["event"]] == "maintenance" and MODES[state["mode"]] == "stopped"


def _restore_ledger(rig, header, state):
    for i in range(len(KINDS)):
        rig.dosing.kind_steps[i] = state[KINDS[i] + "_steps"]
    rig.dosing.lost_steps = state["lost_steps"]
    wanted = header["calibration_id"]
    if wanted:
        text = kept_documents.load(
            rig.settings, flashmap.CALIBRATION, lambda text: documents.parse(text)["id"] == wanted
        )
        if text:
            rig.use_calibration(documents.parse(text))
        else:
            rig.alarm("self_test", (("why", "the calibration is damaged"),))
    rig.dosing.base_nl = state["delivered_base_nl"]
    rig.dosing.base_steps = state["base_steps"]
    rig.dosing.commanded_base_nl = rig.dosing.delivered_nl()  # commanded volume is told since the boot


def _restore_therapy(rig, state, now_us, given_us):
    therapy = rig.therapy
    wanted = state["program_hash"]
    if wanted:
        text = kept_documents.load(
            rig.settings, flashmap.PROGRAM, lambda text: snapshot.program_number(terms.digest(text)) == wanted
        )
        if not text:
            rig.alarm("self_test", (("why", "the program is damaged"),))
            return
        elapsed_us = ((state["program_elapsed_s"] << 16) + state["elapsed_part"]) * 1_000_000 // 65_536
        _take_up_second(rig, state, "bridge", now_us)
        document = documents.parse(text)
        weighed = _weighed(rig, document, elapsed_us, now_us)
        rig.use_program(document, text, terms.digest(text), now_us, weighed, elapsed_us, state["waiting"])
    _take_up_second(rig, state, "spread", now_us)
    if state["bolus_kind"]:
        bolus = _overlay(
            state["bolus_kind"] - 1,
            state["bolus_steps"],
            state["bolus_done_steps"],
            state["bolus_rate_nl_per_day"],
            now_us,
        )
        therapy.boluses.queue.append(bolus)
    rig.requests.restore(given_us, state["demand_wait_s"], now_us)
    therapy.set_ramp(state["ramp"] // 2 * 1_000_000, state["ramp"] & 1, now_us)
    therapy.was_held = therapy.ramp_held_us >= 0 or state["stood"] > 0
    therapy.halted_by = halted_text(state["halted"])
    if state["later"]:
        lend.get("rig.line.later").restore(rig, state["later"])


def halted_text(number):
    """Why the pump stands, as Therapy.halted_by, from what the record keeps of it (snapshot.halted_number)."""
    for row in spec.alarms():
        if row[0] + 2 == number:
            return "alarm " + row[1]
    return "power" if number == 1 else "stopped"


def _take_up_second(rig, state, kind, now_us):
    """The bridge or the spread bolus, if the record has one."""
    number = (state["second_kind"] or KINDS.index("spread") + 1) - 1
    if state["spread_steps_asked"] and KINDS[number] == kind:
        rows = state["spread_steps_asked"], state["spread_done_steps"], state["spread_rate_nl_per_day"]
        setattr(rig.therapy, kind, _overlay(number, rows[0], rows[1], rows[2], now_us))


def _weighed(rig, document, elapsed_us, now_us):
    """What the cap makes of the active program; one that it would refuse today was accepted once, and goes on."""
    weigh, daily = lend.get("rig.flow.weigh"), lend.get("pumpwire.daily")
    try:
        own_nl = daily.finish(weigh.own(document))
    except Refused:
        own_nl = daily.most_own_bound_nl(document)
    utc_us = rig.clock.utc_us(now_us)
    parts = rig.cap, rig.dosing, rig.therapy.bridge
    return own_nl, daily.finish(weigh.going_on(document, *parts, now_us, utc_us, elapsed_us))


def _overlay(kind, steps, done_steps, rate_nl_per_day, now_us):
    overlay = Overlay(kind, steps, rate_nl_per_day, now_us)
    overlay.done_steps = overlay.planned_steps = done_steps
    overlay.announced = done_steps > 0
    overlay.begun = True
    return overlay


def _power_returned(rig, header, mode, now_us):
    """The pump ran when the power went: bound the loss, then resume or stop as the program says."""
    therapy = rig.therapy
    therapy.take_up(mode)
    lost_steps = asked_steps = 0
    for overlay, steps in losses(rig, now_us, header["mono_us"]):
        lost_steps += steps
        if overlay is not None:
            # it may have had these steps already: a bolus is rather short by them than over
            overlay.done_steps += steps
            overlay.planned_steps = overlay.done_steps
            asked_steps += steps if overlay.kind in ASKED else 0
    lost_nl = rig.dosing.nl_of(lost_steps) + 1
    rig.assumed_steps += lost_steps
    rig.reservoir.assume(lost_nl)
    rig.cap.add(now_us, 0, asked_steps)  # what the program gives by itself has its room already
    # Told ahead of all else: the next record has the steps, and a boot takes a bolus that has some for told
    rig.delivery.settle(now_us)
    if mode == "priming" or therapy.program is None or therapy.program["on_return"] == "stop":
        therapy.stop("power")
        rig.delivery.end_cancelled()
        if mode == "running":
            rig.give_up_later("stop")
    rig.log.record("power_return", (("mode", therapy.mode), ("assumed_nl", lost_nl)))
    rig.alarm("power_return", (("assumed_nl", lost_nl),))
