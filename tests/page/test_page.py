"""The live page as a person uses it: figures, Stop, doses, programs, lost links, two browsers."""

import re
from pathlib import Path

import pytest
from page.conftest import OUT, Served, opened
from playwright.sync_api import BrowserContext, Page, expect

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "tests" / "node_modules" / "axe-core" / "axe.min.js"
NIGHT = (ROOT / "examples" / "night-step.toml").read_text(encoding="utf-8")


def running(served: Served, page: Page) -> None:
    """A pump that runs at 20 uL/h, whatever the test before left."""
    if page.locator("#figure-state .value").inner_text() != "running":
        served.run("rate", "20 ul/h", "--yes")
    expect(page.locator("#figure-state .value")).to_have_text("running")


def program_tab(page: Page, text: str | None = None) -> None:
    page.get_by_role("tab", name="Program").click()
    expect(page.locator("#program-faults")).to_contain_text("no faults")
    if text is not None:
        page.locator("#program-text").fill(text)


def reviewed(page: Page, name: str) -> None:
    """Write a program of this name, and have the rig read it back."""
    text = re.sub(r'(?m)^name = ".*"', f'name = "{name}"', NIGHT, count=1)
    program_tab(page, text)
    expect(page.locator("#program-faults")).to_contain_text(f"{name}: no faults")
    page.get_by_role("button", name="Review").click()
    expect(page.locator("#commit")).to_be_visible()


def test_every_figure_has_its_age_and_volumes_their_uncertainty(page: Page, served: Served) -> None:
    running(served, page)
    expect(page.locator("#figure-rate .value")).to_contain_text("20 µL/h")
    expect(page.locator("#figure-log .value")).to_contain_text("given")
    for figure in page.locator(".figure").all():
        expect(figure.locator(".age")).to_have_text(re.compile(r"^(now|\d.* ago)$"))
    for name in ("delivered", "reservoir", "day", "log"):
        expect(page.locator(f"#figure-{name} .value")).to_contain_text("±")
    expect(page.locator("#figure-log")).to_contain_text("asked")
    expect(page.locator("#figure-log")).to_contain_text("not given")
    expect(page.locator("#title")).to_contain_text("SIMULATED")


def test_stop_is_one_click_and_passes_a_command_that_waits_for_its_answer(page: Page, served: Served) -> None:
    running(served, page)
    program_tab(page)
    served.tap.hold_until("stop")  # no answer reaches the hub before the stop's line has left
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("button", name="Review")).to_be_disabled()  # it is under way, and waits
    page.locator("#stop").click()
    expect(page.locator("#said")).to_contain_text("Stopped, confirmed by the rig")
    expect(page.locator("#figure-state .value")).to_have_text("stopped")


def test_stop_works_from_the_keyboard_and_is_the_first_thing_there(page: Page, served: Served) -> None:
    running(served, page)
    page.keyboard.press("Tab")
    expect(page.locator("#stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#figure-state .value")).to_have_text("stopped")
    running(served, page)
    page.get_by_role("tab", name="Program").click()
    page.locator("#program-text").focus()
    page.keyboard.press("F8")  # from wherever one is
    expect(page.locator("#figure-state .value")).to_have_text("stopped")


def test_stop_is_in_sight_at_every_width_and_nothing_is_cut_off(page: Page, served: Served) -> None:
    for width in (360, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        for tab in ("Doses", "Program", "Log", "Care"):
            page.get_by_role("tab", name=tab).click()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, tab)
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        box = page.locator("#stop").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert 0 <= box["y"] <= 40


def test_a_stop_in_the_eighth_tab_finds_a_connection(context: BrowserContext, served: Served) -> None:
    """A browser opens six connections to a server; a stream in each tab would leave none for a stop."""
    pages = [opened(context, served) for _ in range(8)]
    running(served, pages[-1])
    pages[-1].locator("#stop").click()
    expect(pages[-1].locator("#said")).to_contain_text("Stopped, confirmed")
    expect(pages[0].locator("#figure-state .value")).to_have_text("stopped")


def test_a_bolus_is_asked_about_in_the_page_given_and_told_in_words(page: Page, served: Served) -> None:
    running(served, page)
    page.get_by_label("Volume").first.fill("0.2 ul")
    page.get_by_label("Over", exact=True).fill("5 s")
    page.get_by_role("button", name="Give", exact=True).click()
    choice = page.get_by_role("group", name="Are you sure?")
    expect(choice).to_contain_text("Give 0.2 ul over 5 s?")
    expect(page.locator("#stop")).to_be_enabled()
    choice.get_by_role("button", name="Give").click()
    expect(page.locator("#said")).to_contain_text("Bolus of")
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#log tbody")).to_contain_text(re.compile(r"single bolus of \d+ nL given"))
    expect(page.locator("#log tbody")).not_to_contain_text("steps=")


def test_what_the_rig_refuses_is_told_with_the_rule_its_numbers_and_what_to_do(
    page: Page, served: Served
) -> None:
    running(served, page)
    page.get_by_label("Volume").first.fill("5 ml")
    page.get_by_role("button", name="Give", exact=True).click()
    page.get_by_role("group", name="Are you sure?").get_by_role("button", name="Give").click()
    said = page.get_by_role("alert").filter(has_text="refused")
    expect(said).to_contain_text("Nothing was changed.")
    page.get_by_label("Volume").first.fill("5")
    page.get_by_role("button", name="Give", exact=True).click()
    page.get_by_role("group", name="Are you sure?").get_by_role("button", name="Give").click()
    expect(page.locator("#said")).to_contain_text("ul")  # the list of units


def test_a_fault_of_a_program_stands_at_its_line_and_nothing_can_be_sent(page: Page, served: Served) -> None:
    lines = NIGHT.splitlines()
    at = next(i for i, line in enumerate(lines) if "lockout" in line or "low_alert" in line)
    lines[at] = 'low_alert = "2 parsec"' if "low_alert" in lines[at] else 'lockout = "2 parsec"'
    program_tab(page, "\n".join(lines))
    expect(page.locator("#program-faults")).to_contain_text(f"line {at + 1}:")
    expect(page.locator("#program-faults")).to_contain_text("parsec")
    expect(page.get_by_role("button", name="Review")).to_be_disabled()
    page.locator("#program-faults button").first.click()
    chosen = page.evaluate(
        "(({selectionStart: a, selectionEnd: b, value: v}) => v.slice(a, b))(document.getElementById('program-text'))"
    )
    assert chosen == lines[at]


def test_a_program_is_reviewed_beside_the_old_one_and_committed_by_its_hash(
    page: Page, served: Served
) -> None:
    running(served, page)
    reviewed(page, "evening")
    hash_shown = page.locator("#commit").inner_text().split()[-1]
    expect(page.locator("#program-result tr.differs").first).to_be_visible()
    page.locator("#commit").click()
    expect(page.locator("#said")).to_contain_text(f"evening is in force (hash {hash_shown})")
    expect(page.locator("#figure-state")).to_contain_text(hash_shown)
    assert hash_shown in served.run("program", "show", "--json")


def test_of_two_browsers_at_once_the_second_to_commit_is_refused_with_the_reason(
    page: Page, served: Served, browser
) -> None:
    other_context = browser.new_context()
    try:
        other = opened(other_context, served)
        reviewed(page, "mine")
        reviewed(other, "theirs")
        other.locator("#commit").click()
        expect(other.locator("#said")).to_contain_text("theirs is in force")
        page.locator("#commit").click()
        expect(page.locator("#said")).to_contain_text(
            "Another program has become active since this one was shown: theirs"
        )
        expect(page.locator("#said")).to_contain_text("Nothing was changed.")
        expect(page.locator("#figure-state")).to_contain_text("theirs")
    finally:
        other_context.close()


def test_a_server_killed_in_mid_bolus_is_told_of_and_the_page_comes_back_by_itself(
    page: Page, served: Served
) -> None:
    running(served, page)
    page.get_by_label("Volume").first.fill("0.1 ul")
    page.get_by_label("Over", exact=True).fill("20 s")
    page.get_by_role("button", name="Give", exact=True).click()
    page.get_by_role("group", name="Are you sure?").get_by_role("button", name="Give").click()
    expect(page.locator("#figure-bolus")).to_be_visible()
    served.kill()
    expect(page.locator("#lost")).to_contain_text("server does not answer since")
    expect(page.locator("#lost")).to_contain_text("The rig goes on as programmed")
    expect(page.locator("body")).to_have_class(re.compile("stale"))
    page.screenshot(path=OUT / "server-killed.png")
    page.locator("#stop").click()
    expect(page.get_by_role("alert").filter(has_text="stop button on the rig")).to_be_visible()
    served.serve()
    expect(page.locator("#link")).to_contain_text("live")
    expect(page.locator("#lost")).to_be_hidden()
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#log tbody")).to_contain_text(
        re.compile(r"single bolus of 1\d\d nL given|single bolus of 9\d nL given")
    )


def test_a_lost_link_turns_the_page_grey_with_since_when_and_the_last_figures(
    page: Page, served: Served
) -> None:
    running(served, page)
    rate = page.locator("#figure-rate .value").inner_text()
    served.tap.cut()
    try:
        expect(page.locator("body")).to_have_class(re.compile("stale"))
        expect(page.locator("#lost")).to_contain_text(re.compile(r"since \d\d:\d\d:\d\d"))
        expect(page.locator("#link")).to_contain_text("link lost")
        expect(page.locator("#figure-rate .value")).to_have_text(rate)
        expect(page.locator("#figure-rate .age")).to_contain_text("s ago")
        expect(page.locator("#lost")).to_contain_text("Link to the rig lost since")
        page.screenshot(path=OUT / "link-lost.png")
    finally:
        served.tap.mend()
    expect(page.locator("#link")).to_contain_text("live")
    expect(page.locator("#lost")).to_be_hidden()


def test_over_a_slow_link_the_page_stays_live_and_stops(page: Page, served: Served) -> None:
    running(served, page)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 6_000, "uploadThroughput": 3_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.reload()
    expect(page.locator("#link")).to_contain_text("live")
    page.locator("#stop").click()
    expect(page.locator("#said")).to_contain_text("Stopped, confirmed")


def test_a_rig_with_a_key_asks_for_it_once_and_a_wrong_one_is_not_kept(page: Page, served: Served) -> None:
    served.run("key", "new", "--yes")
    key = served.run("key", "export").strip()
    (kept,) = (served.place.folder / "config" / "keys").iterdir()
    kept.unlink()
    served.kill()
    served.serve()
    try:
        expect(page.locator("#locked")).to_be_visible()
        page.locator("#key").fill("ab" * 32)
        page.get_by_role("button", name="Keep the key").click()
        expect(page.locator("#said [role=alert]")).to_be_visible()
        assert not kept.exists()
        page.locator("#key").fill(key)
        page.get_by_role("button", name="Keep the key").click()
        expect(page.locator("#locked")).to_be_hidden()
        assert kept.read_text(encoding="ascii").strip() == key
        assert key not in page.content()
        page.locator("#stop").click()
        page.locator("#form-resume").get_by_role("button", name="Resume").click()
        page.get_by_role("group", name="Are you sure?").get_by_role("button", name="Resume").click()
        expect(page.locator("#figure-state .value")).to_have_text("running")
    finally:
        if not kept.exists():
            kept.write_text(key + "\n", encoding="ascii")
            kept.chmod(0o600)
        served.run("key", "remove", "--yes")


def test_alarms_are_told_with_their_meaning_and_acknowledged(page: Page, served: Served) -> None:
    running(served, page)
    page.locator("#form-refill").get_by_label("Filled with").fill("1 ml")
    page.locator("#form-refill").get_by_role("button", name="Note it").click()
    page.get_by_role("group", name="Are you sure?").get_by_role("button").first.click()
    expect(page.locator("#alarms")).to_contain_text("Reservoir", ignore_case=True)
    page.get_by_role("button", name="Silence").click()
    expect(page.locator("#said")).to_contain_text("silenced")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#alarms")).to_contain_text("acknowledged")
    page.screenshot(path=OUT / "alarm.png")
    page.locator("#form-refill").get_by_label("Filled with").fill("18 ml")
    page.locator("#form-refill").get_by_role("button", name="Note it").click()
    page.get_by_role("group", name="Are you sure?").get_by_role("button").first.click()
    expect(page.locator("#alarms")).to_be_hidden()


def test_curves_show_every_span_and_grow_while_they_are_watched(page: Page, served: Served) -> None:
    for span in ("1 min", "10 min", "1 h", "1 d", "7 d", "all"):
        page.get_by_role("group", name="Time shown").get_by_role("button", name=span).click()
        expect(page.locator("#charts [role=img]").first).to_have_attribute(
            "aria-label", re.compile("Rate over")
        )
    page.get_by_role("group", name="Time shown").get_by_role("button", name="1 min").click()
    chart = page.locator("#charts [role=img]").first
    before = chart.get_attribute("aria-label")
    expect(chart).not_to_have_attribute("aria-label", before or "")


def test_nothing_is_asked_of_any_other_machine(context: BrowserContext, served: Served) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, served)
    for tab in ("Program", "Log", "Care"):
        page.get_by_role("tab", name=tab).click()
    home = "http://" + served.page_at
    assert asked
    assert [url for url in asked if not url.startswith((home, f"blob:{home}"))] == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: make install, with npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(browser, served: Served, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    try:
        page = opened(context, served)
        page.add_script_tag(path=AXE)
        for tab in ("Doses", "Program", "Log", "Care"):
            page.get_by_role("tab", name=tab).click()
            if tab == "Program":
                expect(page.locator("#program-faults")).not_to_be_empty()
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            told = [(row["id"], row["help"], [node["html"][:120] for node in row["nodes"]]) for row in found]
            assert told == [], (width, scheme, tab)
            page.screenshot(path=OUT / f"{tab.lower()}-{width}-{scheme}.png", full_page=True)
    finally:
        context.close()
