"""A committed program waits for its time: begins then, exactly once, also after a power cut; a stop gives it up.

Owns: the properties of `commit ... at`.
Rules: the very firmware on the simulated rig, in virtual time.
Units: nL/day, UTC seconds.
Leaves: the review before a commit to test_host_therapy.py.
"""

import pytest
from rigsim.commission import commit
from rigsim.wire import stage_parts

from bench import Bench, program

NOW = 480_000
THEN = 960_000


def waiting(bench: Bench, text: str, after_s: int, **fields: int) -> int:
    """Commit a program for so much later; returns when, UTC s."""
    at_utc_s = bench.world.utc_us() // 1_000_000 + after_s
    answer: dict[str, str] = {}
    for part in stage_parts(text):
        answer = bench.act("stage", **dict(part))
    bench.act("commit", hash=answer["hash"], at_utc_s=at_utc_s, **fields)
    return at_utc_s


def running() -> Bench:
    bench = Bench()
    bench.load(program(basal=NOW))
    bench.run("10 min")
    return bench


@pytest.mark.requirement("SR-17")
def test_a_program_begins_at_its_time_and_the_active_one_runs_unchanged_until_then() -> None:
    bench = running()
    at_utc_s = waiting(bench, program(basal=THEN), 3600)
    bench.run("59 min")
    status = bench.status()
    assert (status["rate_nl_per_day"], status["later_utc_s"]) == (NOW, at_utc_s)
    bench.run("2 min")
    status = bench.status()
    assert status["rate_nl_per_day"] == THEN
    assert "later_utc_s" not in status
    (told,) = bench.events("program")
    begun = [row[0]["utc_us"] for row in bench.records if row[2] == told]
    assert 0 <= begun[0] - at_utc_s * 1_000_000 <= 40_000


def test_what_flowed_before_and_after_adds_up_to_a_step() -> None:
    bench = running()
    before = bench.kinds()["basal"]
    waiting(bench, program(basal=THEN), 1800)
    bench.run("1 h")
    step_nl = bench.status()["step_nl_num"] / bench.status()["step_nl_den"]
    gone_nl = (bench.kinds()["basal"] - before) * step_nl
    assert gone_nl == pytest.approx((NOW + THEN) / 48, abs=3 * step_nl)


@pytest.mark.requirement("SR-13")
def test_it_waits_on_over_a_power_cut_and_begins_once() -> None:
    bench = running()
    waiting(bench, program(basal=THEN, name="later"), 3600)
    bench.happen("power_cut", **{"for": "5 min"})
    bench.run("20 min")
    assert "later_utc_s" in bench.status()
    bench.act("clock", utc_us=bench.world.utc_us())
    bench.run("50 min")
    assert bench.status()["therapy_name"] == "later"
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("5 min")
    assert bench.status()["therapy_name"] == "later"
    assert len(bench.events("program")) == 1


def test_a_program_that_stops_at_a_power_loss_takes_the_waiting_one_with_it() -> None:
    bench = Bench()
    bench.load(program(basal=NOW, on_return="stop"))
    waiting(bench, program(basal=THEN, name="later"), 3600)
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("2 h")
    assert bench.status()["rate_nl_per_day"] == 0
    assert "later_utc_s" not in bench.status()


@pytest.mark.parametrize("how", ["stop", "button", "withdraw", "commit", "alarm"])
def test_a_stop_an_alarm_a_withdrawal_or_another_commit_gives_it_up(how: str) -> None:
    bench = running()
    waiting(bench, program(basal=THEN, name="later"), 3600)
    if how == "commit":
        commit(bench.wire, program(basal=NOW, name="another"))
    elif how == "button":
        bench.happen("press_stop")
    elif how == "alarm":
        bench.happen("brownout", volts=4.0, **{"for": "20 s"})
    else:
        bench.act(how)
    bench.run("2 h")
    status = bench.status()
    assert "later_utc_s" not in status
    assert status["therapy_name"] != "later"
    assert any("waited=1 why=" in text for text in bench.events("program"))


def test_without_a_clock_or_for_a_time_gone_by_it_is_refused_and_nothing_waits() -> None:
    bench = Bench(clock=False)
    for part in stage_parts(program(basal=THEN)):
        answer = bench.act("stage", **dict(part))
    refused = bench.refusal("commit", hash=answer["hash"], at_utc_s=1_900_000_000)
    assert (refused.name, refused.fields["why"]) == ("state", "the clock is not set")
    bench.act("clock", utc_us=bench.world.utc_us())
    refused = bench.refusal("commit", hash=answer["hash"], at_utc_s=1_000_000_000)
    assert refused.name == "value"
    assert "later_utc_s" not in bench.status()


@pytest.mark.requirement("SR-19")
def test_what_its_checks_refuse_at_its_time_is_not_begun_and_alarms() -> None:
    bench = running()
    waiting(bench, program(basal=THEN, name="later"), 3600)
    bench.run("10 min")
    bench.act("refill", volume_nl=1)  # as good as empty: the alarm stops the pump, and gives it up
    bench.run("1 h")
    assert bench.status()["therapy_name"] == "test"
    bench = running()
    waiting(bench, program(basal=4_000_000, name="later"), 3600)
    bench.sim.rig.therapy.max_rate_nl_per_day = 1_000_000  # another head, say
    bench.run("2 h")
    assert bench.status()["therapy_name"] == "test"
    assert bench.status()["rate_nl_per_day"] == NOW
    assert "program" in bench.alarms()
    assert any("why=limit" in text for text in bench.events("program"))


@pytest.mark.requirement("SR-32")
def test_a_clock_set_forward_over_its_time_begins_it_and_one_set_back_lets_it_wait() -> None:
    bench = running()
    at_utc_s = waiting(bench, program(basal=THEN), 3600)
    bench.act("clock", utc_us=(at_utc_s - 7200) * 1_000_000)
    bench.run("90 min")
    assert bench.status()["rate_nl_per_day"] == NOW
    bench.act("clock", utc_us=(at_utc_s + 5) * 1_000_000)
    bench.run("1 min")
    assert bench.status()["rate_nl_per_day"] == THEN


def test_a_person_types_the_time_after_the_code() -> None:
    bench = running()
    bench.wire.call("close")
    assert "terminal" in bench.type("terminal")
    staged = bench.type("rate 40 ul/h")
    code = staged.split("commit ")[1].split()[0]
    at_utc_s = bench.world.utc_us() // 1_000_000 + 600
    bench.type(f"commit {code} at {at_utc_s}")
    bench.run("11 min")
    assert bench.status()["rate_nl_per_day"] == THEN
