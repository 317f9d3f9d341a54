"""The report in a real browser: one file that asks for nothing, charts at every width, sums that can be looked up."""

import pytest
from page.conftest import OUT
from playwright.sync_api import Browser, expect
from pumprig import rehearsal
from pumprig.report.page import render
from pumprig.store import Store
from pumprig.store.verify import verify
from sim import asked


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Three hours with a bolus and a stop, as a file."""
    folder = tmp_path_factory.mktemp("report")
    rows = [asked.event(1, "bolus", volume_nl=10_000, over_ms=1_200_000), asked.event(2, "stop")]
    request = rehearsal.request(asked.parsed(asked.CONSTANT), 3 * asked.HOUR_MS, events=rows)
    request["records"] = str(folder / "records.txt")
    rehearsal.keep(folder / "run.db", request, rehearsal.run(request))
    store = Store(folder / "run.db")
    path = folder / "report.html"
    path.write_text(render(store, verify(store, store.devices()[0]), None, None), encoding="utf-8")
    store.close()
    return path


@pytest.mark.parametrize("width", [360, 1100])
def test_the_report_draws_its_charts_from_itself_alone_at_every_width(
    browser: Browser, report, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    asked_for: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    try:
        page.goto(report.as_uri())
        expect(page.locator(".chart canvas")).to_have_count(4)
        assert asked_for == [report.as_uri()]
        assert faults == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("#chart-rate canvas").evaluate("node => node.clientWidth") > 0.6 * width
        over = page.locator("#chart-rate .u-over")
        box = over.bounding_box()
        assert box is not None
        over.hover(position={"x": 0.4 * box["width"], "y": box["height"] / 2})  # in the bolus, at 1 h 12 min
        expect(page.locator("#chart-rate .u-legend")).to_contain_text("50 µL/h")
        expect(page.locator("body")).to_contain_text("single bolus of 10.00 µL given")
        page.screenshot(path=OUT / f"report-{width}.png", full_page=True)
    finally:
        page.close()


def test_on_paper_the_charts_are_as_wide_as_the_page_and_come_back_on_the_screen(
    browser: Browser, report
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 800})
    try:
        page.goto(report.as_uri())
        expect(page.locator(".chart canvas")).to_have_count(4)
        wide = page.locator("#chart-rate canvas").evaluate("node => node.clientWidth")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        expect(page.locator("#chart-rate .uplot")).to_have_css("width", "660px")
        assert page.pdf().startswith(b"%PDF")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("#chart-rate canvas").evaluate("node => node.clientWidth") == wide > 660
    finally:
        page.close()
