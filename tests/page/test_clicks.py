"""Every button of the page that acts on a rig is clicked, and what the rig then has is read by another program."""

import json
import re
from pathlib import Path
from typing import Any

from page.conftest import OUT, Served
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
WITH_DEMAND = """
name = "with demand"
[reservoir]
volume = "18 ml"
low_alert = "1 ml"
[catheter]
length = "1 cm"
volume_per_length = "1 ul/cm"
[limits]
soft_max_rate = "200 ml/day"
hard_max_rate = "300 ml/day"
max_per_24h = "15 ml"
[basal]
rate = "480 ul/day"
[demand_bolus]
volume = "0.5 ul"
over = "2 s"
lockout = "1 min"
max_per_24h = 6
"""


def clicked(page: Page, verb: str, **fields: str) -> None:
    """Fill a form in, send it, say yes."""
    form = page.locator(f"#form-{verb}")
    for name, text in fields.items():
        form.locator(f"#{verb}-{name}").fill(text)
    form.locator("button[type=submit]").click()
    form.get_by_role("group", name="Are you sure?").locator("button.yes").click()


def told(served: Served, *words: str) -> Any:
    return json.loads(served.run(*words, "--json"))


def kinds(served: Served) -> dict[str, int]:
    """Counted steps by kind, as the command line reads them."""
    return dict(told(served, "status")["by_kind_steps"])


def loaded(served: Served) -> None:
    path = served.place.folder / "with-demand.toml"
    path.write_text(WITH_DEMAND, encoding="utf-8")
    served.run("refill", "18 ml", "--yes")
    served.run("program", "load", str(path), "--yes")


def test_a_demand_bolus_is_given_once_and_the_next_is_refused_with_when_it_may_be(
    page: Page, served: Served
) -> None:
    loaded(served)
    expect(page.locator("#figure-state .value")).to_have_text("running")
    before = kinds(served)["demand"]
    clicked(page, "demand")
    expect(page.locator("#said")).to_contain_text("Demand bolus of 5", timeout=60_000)
    expect(page.locator("#figure-bolus")).to_be_hidden()
    clicked(page, "demand")
    expect(page.get_by_role("alert").filter(has_text="refused")).to_contain_text("lockout")
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#log tbody")).to_contain_text(re.compile(r"demand bolus of \d+ nL given"))
    given_nl = (kinds(served)["demand"] - before) * told(served, "status")["calibration"]["nl_per_step"]
    assert abs(given_nl - 500) < 20


def test_priming_fills_the_line_from_a_standing_pump_and_is_refused_while_one_runs(
    page: Page, served: Served
) -> None:
    loaded(served)
    expect(page.locator("#figure-state .value")).to_have_text("running")
    clicked(page, "prime", volume="2 ul")
    expect(page.get_by_role("alert").filter(has_text="refused")).to_be_visible()
    page.locator("#stop").click()
    expect(page.locator("#figure-state .value")).to_have_text("stopped")
    before = kinds(served)["prime"]
    clicked(page, "prime", volume="2 ul")
    expect(page.locator("#said")).to_contain_text("Priming of")
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#log tbody")).to_contain_text(re.compile(r"priming of 2\.0\d µL given"))
    expect(page.locator("#figure-state .value")).to_have_text("stopped")
    given_nl = (kinds(served)["prime"] - before) * told(served, "status")["calibration"]["nl_per_step"]
    assert abs(given_nl - 2_000) < 20


def test_a_single_dose_leaves_the_pump_standing_with_its_program_loaded(page: Page, served: Served) -> None:
    loaded(served)
    name = told(served, "program", "show")["name"]
    page.locator("#stop").click()
    expect(page.locator("#figure-state .value")).to_have_text("stopped")
    before = kinds(served)["single"]
    clicked(page, "dispense", volume="1 ul", over="2 s")
    expect(page.locator("#said")).to_contain_text("the pump stands again after it")
    page.get_by_role("tab", name="Log").click()
    expect(
        page.locator(
            "#log tbody tr",
            has_text=re.compile(r"single bolus of (99\d|100\d) nL given|single bolus of 1\.00 µL given"),
        ).first
    ).to_be_visible()
    expect(page.locator("#figure-state .value")).to_have_text("stopped")
    expect(page.locator("#figure-state")).to_contain_text(name)
    given_nl = (kinds(served)["single"] - before) * told(served, "status")["calibration"]["nl_per_step"]
    assert abs(given_nl - 1_000) < 20


def test_a_calibration_of_this_computer_is_applied_and_the_card_says_that_it_is_in_force(
    page: Page, served: Served
) -> None:
    loaded(served)
    weighing = ROOT / "examples" / "calibration" / "weighing-200ul-per-h.csv"
    served.run("calibrate", "fit", str(weighing), "--save")
    (row,) = [one for one in told(served, "calibrate", "list") if one["kind"] == "weighed"]
    assert told(served, "status")["calibration_id"] != row["id"]
    page.get_by_role("tab", name="Care").click()
    card = page.get_by_role("form", name=f"Calibration {row['id']}")
    expect(card).to_contain_text("µL per turn")
    card.get_by_role("button", name="Apply").click()
    card.get_by_role("group", name="Are you sure?").get_by_role("button", name="Apply").click()
    expect(page.locator("#said")).to_contain_text(f"Calibration {row['id']} is in force.")
    expect(card.get_by_role("button", name="in force")).to_be_disabled()
    expect(page.locator("#figure-health .value")).to_contain_text(str(row["id"]))
    assert told(served, "status")["calibration_id"] == row["id"]


def test_the_clock_is_set_and_a_program_that_waits_is_given_up(page: Page, served: Served) -> None:
    loaded(served)
    page.get_by_role("tab", name="Care").click()
    clicked(page, "clock")
    expect(page.locator("#said")).to_contain_text("Clock set")
    expect(page.locator("#figure-health")).not_to_contain_text("never set")
    path = served.place.folder / "later.toml"
    path.write_text(WITH_DEMAND.replace("with demand", "later"), encoding="utf-8")
    served.run("program", "load", str(path), "--at", "2099-01-01T00:00:00Z", "--yes")
    expect(page.locator("#figure-state")).to_contain_text("a program waits, begins 2099-01-01")
    clicked(page, "withdraw")
    expect(page.locator("#said")).to_contain_text("will not begin")
    expect(page.locator("#figure-state")).not_to_contain_text("a program waits")
    assert told(served, "status")["waiting"] is None


def test_every_verb_of_the_server_has_a_button_that_a_test_clicks() -> None:
    from pumprig.dashboard.acts import VERBS

    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    named = {"acknowledge": 'name="Acknowledge"', "silence": 'name="Silence"', "bolus": 'name="Give"'}
    named |= {"calibration": "Calibration {row", "refill": "#form-refill", "resume": "#form-resume"}
    missing = [verb for verb in VERBS if named.get(verb, f'clicked(page, "{verb}"') not in tests]
    assert missing == []


def test_an_occluded_line_is_seen_to_rise_on_the_page(page: Page, served: Served) -> None:
    """The outlet pressure: a figure, and a curve beside the others, as the command line reads it."""
    loaded(served)
    expect(page.locator("#figure-health")).to_contain_text("above the standing line")
    page.reload()
    chart = page.get_by_role("img", name=re.compile("^Pressure over"))
    expect(chart).to_be_visible()
    assert abs(told(served, "status")["pressure_pa"]) < 20_000


def test_two_rigs_stand_side_by_side_and_stop_names_the_one_that_it_stops(page: Page, served: Served) -> None:
    """The last test of this file: the second rig stays on the page."""
    loaded(served)
    port = f"socket://127.0.0.1:{served.rig('two', '--seed', '2')}"
    done = served.place.run("-p", port, "rate", "10 ul/h", "--yes")
    assert done.returncode == 0, done.stderr
    other = json.loads(served.place.run("-p", port, "status", "--json").stdout)["device_id"]
    first, second = (page.locator(f"#rigs button[data-key='{key}']") for key in (served.device, other))
    for tile in (first, second):
        expect(tile).to_contain_text("running")
    page.get_by_role("tab", name="Program").click()
    expect(page.locator("#program-faults")).to_contain_text("with demand: no faults")
    second.click()
    expect(page.locator("#title")).to_contain_text(other)
    expect(page.locator("#program-faults")).to_contain_text("constant: no faults")  # that rig's own program
    first.click()
    expect(page.locator("#program-faults")).to_contain_text("with demand: no faults")
    second.click()
    page.get_by_role("tab", name="Doses").click()
    first.click()
    page.locator("#form-resume button[type=submit]").click()
    question = page.get_by_role("group", name="Are you sure?")
    expect(question).to_be_visible()
    second.click()
    expect(question).to_be_hidden()  # it was of the other rig
    expect(page.locator("#figure-rate .value")).to_contain_text("10 µL/h")
    expect(page.locator("#stop")).to_contain_text(f"Stop {other[-4:]}")
    page.locator("#stop").click()
    expect(second).to_contain_text("stopped")
    expect(first).to_contain_text("running")
    expect(page.locator("#figure-state .value")).to_have_text("stopped")
    clicked(page, "resume")
    expect(second).to_contain_text("running")
    page.screenshot(path=OUT / "two-rigs.png")
    page.locator("#stop-all").click()
    for tile in (first, second):
        expect(tile).to_contain_text("stopped")
    states = [
        json.loads(served.place.run("-p", name, "status", "--json").stdout)["state"]
        for name in (served.port, port)
    ]
    assert states == ["stopped", "stopped"]
