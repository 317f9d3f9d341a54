"""Who may change what, and how: numbers, staging, limits, buttons, on the very firmware in virtual time."""

import pytest
from pumpwire import codec, documents
from rigsim.chip import on
from rigsim.wire import Refused, stage_parts

from bench import Bench, program


@pytest.fixture
def running() -> Bench:
    bench = Bench()
    bench.load(program(basal=480_000, demand=((5_000, 120_000, 3_600, 2),)))
    bench.run("5 min")
    return bench


@pytest.mark.requirement("SR-08")
def test_demand_beyond_lockout_count_and_cap_is_refused_logged_and_an_attempt(running: Bench) -> None:
    running.act("demand")
    running.run("10 min")
    refused = running.refusal("demand")
    assert refused.name == "lockout"
    wait_s = int(refused.fields["wait_s"])
    assert 2_990 <= wait_s <= 3_000
    running.run(f"{wait_s + 1} s")
    running.act("demand")
    running.run("2 h")
    assert running.refusal("demand").name == "count"
    status = running.status()
    assert (status["demand_asked"], status["demand_given"]) == (4, 2)
    assert len([text for text in running.events("refused") if "verb=demand" in text]) == 2


@pytest.mark.requirement("SR-12")
def test_a_normal_stop_reports_the_exact_count_and_nothing_moves_after_it(running: Bench) -> None:
    for _ in range(5):
        running.run("73 s")
        answer = running.act("stop")
        pulses = running.sim.rig.board.stepper.counted()
        assert int(answer["delivered_steps"]) == pulses
        running.run("10 min")
        assert running.sim.rig.board.stepper.counted() == pulses
        running.act("resume")


@pytest.mark.parametrize(
    ("begin", "kind", "volume_nl"),
    [
        (("bolus", {"volume_nl": 9_000, "over_ms": 600_000}), "single", 9_000),
        (("bolus", {"volume_nl": 9_000, "over_ms": 600_000, "spread": 1}), "spread", 9_000),
        (("demand", {}), "demand", 5_000),
        (("dispense", {"volume_nl": 9_000, "over_ms": 600_000}), "single", 9_000),
        (("calibrate", {"volume_nl": 9_000, "rate_nl_per_day": 480_000}), "calibration", 9_000),
    ],
)
@pytest.mark.requirement("SR-12")
def test_a_stop_says_how_much_was_given_of_what_it_cancels_as_the_log_does(
    running: Bench, begin: tuple[str, dict[str, int]], kind: str, volume_nl: int
) -> None:
    verb, values = begin
    if verb in ("dispense", "calibrate"):
        assert "cancelled_kind" not in running.act("stop"), "nothing but the base flow was under way"
    running.act(verb, **values)
    running.run("40 s")
    answer = running.act("stop")
    ended = dict(word.split("=") for word in running.events("bolus_end")[-1].split())
    step_nl = running.status()["step_nl_num"] / running.status()["step_nl_den"]
    assert answer["cancelled_kind"] == ended["kind"] == kind
    assert abs(int(answer["cancelled_nl"]) - volume_nl) <= step_nl
    assert 0 <= int(ended["done_steps"]) * step_nl - int(answer["given_nl"]) < 1
    assert 0 < int(answer["given_nl"]) < volume_nl
    assert "cancelled_kind" not in running.act("stop"), "it is told once"


@pytest.mark.requirement("SR-17")
def test_a_change_of_therapy_takes_two_steps_and_names_what_was_staged(running: Bench) -> None:
    active = running.status()["therapy_hash"]
    text = program(basal=960_000)
    for fields in stage_parts(text):
        running.act("stage", **dict(fields))  # type: ignore[arg-type]
    running.run("2 min")
    assert running.status()["therapy_hash"] == active
    assert running.status()["rate_nl_per_day"] == 480_000
    assert running.refusal("commit", hash=active).name == "hash"
    assert running.status()["therapy_hash"] == active
    running.act("commit", hash=documents.digest(text))
    assert running.status()["therapy_hash"] == documents.digest(text)
    assert running.status()["rate_nl_per_day"] == 960_000


@pytest.mark.requirement("SR-18")
def test_staged_settings_remind_and_expire(running: Bench) -> None:
    running.act("rate", rate_nl_per_day=960_000)
    running.run("4 min")
    assert not running.events("reminder")
    running.run("2 min")
    assert len(running.events("reminder")) == 1
    running.run("5 min")
    assert len(running.events("staged_expired")) == 1
    assert running.refusal("commit", hash="0" * 16).name == "nothing"


@pytest.mark.requirement("SR-19")
def test_a_hard_limit_refuses_and_a_soft_limit_needs_a_logged_override(running: Bench) -> None:
    text = program(basal=3_000_000, soft_nl_per_day=2_000_000, hard_nl_per_day=4_000_000)
    with pytest.raises(Refused) as refused:
        running.load(text)
    assert refused.value.name == "soft_limit"
    running.load(text, override=1)
    assert [entry for entry in running.events("command") if "verb=commit" in entry and "override=1" in entry]
    beyond = text.replace("basal=0:3000000", "basal=0:5000000")
    with pytest.raises(Refused) as refused:
        running.load(beyond, override=1)
    assert refused.value.name == "document"
    assert running.status()["rate_nl_per_day"] == 3_000_000


@pytest.mark.requirement("SR-20")
def test_another_concentration_needs_a_bridge_decision_and_the_bridge_comes_first(running: Bench) -> None:
    running.load(program(basal=480_000, drug="dye", concentration="1 mg/ml"))
    changed = {"basal": 240_000, "drug": "dye", "concentration": "2 mg/ml"}
    with pytest.raises(Refused) as refused:
        running.load(program(**changed))
    assert refused.value.name == "bridge"
    running.load(program(**changed, bridge=((20_000, 480_000),)))
    running.run("30 min")
    status = running.status()
    assert (status["base_nl_per_day"], status["rate_nl_per_day"]) == (0, 480_000)
    running.run("31 min")
    assert running.status()["rate_nl_per_day"] == 240_000
    assert (
        abs(
            running.kinds()["bridge"] * running.status()["step_nl_num"] / running.status()["step_nl_den"]
            - 20_000
        )
        < 4
    )


@pytest.mark.requirement("SR-28")
def test_the_stop_button_works_without_link_host_or_session(running: Bench) -> None:
    running.sim.port.plug(False)
    running.wire.reset()
    running.happen("press_stop")
    running.run("1 s")
    pulses = running.sim.rig.board.stepper.counted()
    running.run("1 h")
    assert running.sim.rig.board.stepper.counted() == pulses
    running.sim.port.plug(True)
    assert "stop_button" in running.alarms()
    assert running.status()["state"] == "stopped"


@pytest.mark.requirement("SR-28")
@pytest.mark.parametrize("start", ["resume", "load", "rate", "boot"])
def test_who_starts_the_pump_while_the_stop_button_is_down_has_it_stopped_and_told(
    running: Bench, start: str
) -> None:
    """The state machine has cut the pulses, and would stand for ever: nobody presses the button any more."""
    if start == "boot":
        running.happen("power_cut", **{"for": "2 s"})
        running.happen("press_stop", "2100 ms", **{"for": "20 s"})
        running.run("2300 ms")
    else:
        running.act("stop")
        running.happen("press_stop", **{"for": "20 s"})
        running.run("1 s")
        pulses = running.sim.rig.board.stepper.counted()
        if start == "load":
            running.load(program(basal=240_000))
        elif start == "rate":
            running.wire.rate(240_000)
        else:
            running.act("resume")
        running.run("1 s")
        assert running.sim.rig.board.stepper.counted() == pulses
    assert running.status()["state"] == "stopped"
    assert "stop_button" in running.alarms()
    running.run("1 min")
    pulses = running.sim.rig.board.stepper.counted()
    running.act("resume")
    running.run("1 min")
    assert running.sim.rig.board.stepper.counted() > pulses


@pytest.mark.requirement("SR-28")
@pytest.mark.parametrize("held_ms", [1, 3, 9, 19])
def test_a_press_shorter_than_a_tick_stops_and_is_told(running: Bench, held_ms: int) -> None:
    running.happen("press_stop", "7 ms", **{"for": f"{held_ms} ms"})
    running.run("1 s")
    assert running.status()["state"] == "stopped"
    assert "stop_button" in running.alarms()
    running.act("resume")
    running.run("1 s")
    assert running.status()["state"] == "running", "the button is up again"


@pytest.mark.requirement("SR-29")
def test_no_flood_garbage_or_slow_reader_delays_a_step(running: Bench) -> None:
    quiet = Bench()
    quiet.load(program(basal=480_000, demand=((5_000, 120_000, 3_600, 2),)))
    quiet.run("5 min")
    for number in range(300):
        running.sim.port.push(bytes((number * 37 + k * 11) % 256 for k in range(400)))
        running.run("1 s")
    quiet.run("300 s")
    running.sim.port.pull()
    assert running.sim.rig.board.stepper.counted() == quiet.sim.rig.board.stepper.counted()


@pytest.mark.requirement("SR-30")
def test_a_damaged_or_repeated_line_never_acts_twice_or_wrongly(running: Bench) -> None:
    greeting = running.wire.greet()
    running.wire.call("open")
    seq = int(greeting["last_seq"]) + 1
    line = codec.request(seq, "bolus", (("volume_nl", 5_000), ("over_ms", 600_000)))
    for bit in range(8 * len(line)):
        damaged = bytearray(line.encode())
        damaged[bit // 8] ^= 1 << bit % 8
        running.sim.port.push(bytes(damaged) + b"\n")
        running.sim.run_us(60_000)
    assert running.status()["last_seq"] == seq - 1
    assert running.status()["state"] == "running"
    first = running.raw(line)
    assert running.raw(line) == first
    assert running.raw(line) == first
    running.run("20 min")
    assert len([text for text in running.events("bolus_end") if "kind=single" in text]) == 1
    assert running.raw(codec.request(seq - 1, "stop"))[-1].split()[1] == "err"
    assert running.status()["state"] == "running"


@pytest.mark.requirement("SR-35")
def test_only_a_session_may_change_but_anyone_may_read_and_stop(running: Bench) -> None:
    running.wire.call("close")
    seq = int(running.wire.greet()["last_seq"])
    for verb, fields in (
        ("prime", ()),
        ("refill", (("volume_nl", 1_000),)),
        ("clock", (("utc_us", 1),)),
        ("ack", ()),
    ):
        (answer,) = running.raw(codec.request(seq + 1, verb, fields))
        assert "name=access" in answer
    assert running.raw(codec.request(0, "status"))
    assert " ok " in running.raw(codec.request(0, "stop"))[0]
    assert running.status()["state"] == "stopped"


@pytest.mark.requirement("SR-36")
def test_five_wrong_marks_lock_programming_for_a_minute_then_two(running: Bench) -> None:
    running.act("access", key="11" * 32)
    running.wire.call("close")
    for minutes in (1, 2):
        seq = int(running.wire.greet()["last_seq"])
        running.wire.call("open", ("nonce", "ab"))
        for _ in range(5):
            assert "name=access" in running.raw(codec.request(seq + 1, "ack", (), lambda body: "0" * 16))[0]
        assert "name=locked" in running.raw(codec.request(seq + 1, "ack", (), lambda body: "0" * 16))[0]
        assert [text for text in running.events("access") if f"locked_s={60 * minutes}" in text]
        running.run(f"{60 * minutes + 1} s")
    assert len(running.events("access")) == 10


def test_a_person_programs_at_a_plain_terminal_by_code(running: Bench) -> None:
    running.wire.call("close")
    assert "terminal first" in running.type("rate 30 ul/h")
    assert "programming" in running.type("terminal")
    shown = running.type("rate 30 ul/h")
    code = shown.split("commit ")[1].split()[0]
    assert "refused (hash)" in running.type("commit 99999")
    assert running.status()["rate_nl_per_day"] == 480_000
    assert "hash:" in running.type(f"commit {code}")
    assert running.status()["rate_nl_per_day"] == 720_000
    assert "no unit" in running.type("rate 30")
    running.type("stop")
    assert running.status()["state"] == "stopped"


def test_a_machine_line_that_lost_its_first_character_is_no_typed_command(running: Bench) -> None:
    running.wire.call("close")
    running.type("terminal")
    line = codec.request(running.status()["last_seq"] + 1, "stop")
    assert "no such command" in running.type(line[1:])
    assert running.status()["state"] == "running"


@pytest.mark.requirement("SR-12")
def test_a_stop_above_the_start_rate_ramps_down_in_200_ms_and_every_step_is_booked(running: Bench) -> None:
    running.act("stop")
    before = running.status()
    running.act("prime", volume_nl=2_000_000)
    running.run("3 s")
    running.act("stop")
    running.run("200 ms")
    stepper = running.sim.rig.board.stepper
    pulses = stepper.counted()
    running.run("1 min")
    assert stepper.counted() == pulses
    status = running.status()
    assert (status["state"], status["delivered_steps"]) == ("stopped", pulses)
    assert status["prime_steps"] > before["prime_steps"]
    assert f"was=priming delivered_steps={pulses}" in running.events("stop")[-1]
    assert running.alarms() == []


@pytest.mark.requirement("SR-12", "SR-34")
@pytest.mark.parametrize("late_us", [3_000, 8_000, 15_000])
def test_the_monitor_raises_no_alarm_while_a_stop_ramps_down_in_a_tick_that_is_filled(
    running: Bench, late_us: int
) -> None:
    """The rotor turns on by 1 degree a millisecond; what was counted must be as new as the angle it is judged by."""
    running.act("stop")
    running.act("prime", volume_nl=2_000_000)
    running.run("3 s")
    sim = running.sim
    rig = sim.rig
    with on(sim.chip):
        rig.stop_gently(rig.clock.now_us())
        assert rig.delivery.is_braking()
        sim.chip.spend_us(late_us)
        rig.monitor.run(rig.clock.now_us())
    assert running.alarms() == []
    running.run("1 min")
    assert running.alarms() == []
    assert running.status()["delivered_steps"] == rig.board.stepper.counted()
