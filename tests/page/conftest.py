"""The page in a real Chromium, over a real hub and a real simulated rig, each test in a browser profile of its own."""

import json
import os
import re
import shutil
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hub.conftest import Place
from page.tap import Tap
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
PATIENCE_MS = 60_000  # a busy machine is no failure
OUT = Path(__file__).resolve().parents[2] / "out" / "page"
OUT.mkdir(parents=True, exist_ok=True)
expect.set_options(timeout=PATIENCE_MS)


class Served:
    """A rig, a tap on its line, and the page's server, which finds them by the tap's port."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self.place.environment.pop("PUMPRIG_PORT", None)
        self.place.environment.pop("PUMPRIG_DB", None)
        self.tap = Tap(self.rig("one"))
        self.port = f"socket://127.0.0.1:{self.tap.port}"
        self.page_at = "127.0.0.1:0"
        self.url = ""
        self.serve()
        self.device = str(json.loads(self.run("status", "--json"))["device_id"])

    def rig(self, name: str, *words: str) -> int:
        """Another simulated rig; returns its TCP port."""
        child = self.place.start("sim", "--tcp", "0", "--state", str(self.place.folder / name), *words)
        assert child.stdout is not None
        line = child.stdout.readline()
        found = re.search(r":(\d+)\s*$", line)
        assert found, line
        return int(found[1])

    def serve(self) -> None:
        """Start the server, again where it was before."""
        self.server = self.place.start("-p", self.port, "dashboard", "--no-browser", "--page", self.page_at)
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line.startswith("ready "), line
        self.url = line.split()[1]
        self.page_at = self.url.split("/")[2]

    def kill(self) -> None:
        self.server.send_signal(signal.SIGKILL)
        self.server.wait(10)

    def run(self, *words: str) -> str:
        """A command of the tool on the rig; returns what it said."""
        done = self.place.run("-p", self.port, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self) -> None:
        if self.server.poll() is None:
            self.server.terminate()
            self.server.wait(20)
        self.place.run("hub", "--stop")
        self.place.end()
        self.tap.end()


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """A browser for one file's tests: while Playwright is there its event loop runs, and others may have none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES.split())
        yield found
        found.close()


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    before = os.environ.get("PUMPRIG_HOME")
    folder = tmp_path_factory.mktemp("page")
    os.environ["PUMPRIG_HOME"] = str(folder)
    try:
        made = Served(folder)
        made.run("rate", "20 ul/h", "--yes")
        yield made
        made.end()
    finally:
        if before is None:
            del os.environ["PUMPRIG_HOME"]
        else:
            os.environ["PUMPRIG_HOME"] = before


@pytest.fixture
def context(browser: Browser) -> Generator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Page:
    """The page, live."""
    return opened(context, served)


def opened(context: BrowserContext, served: Served) -> Page:
    page = context.new_page()
    page.goto(served.url)
    expect(page.locator("#link")).to_contain_text("live")
    expect(page.locator("#figure-state .value")).not_to_be_empty()
    return page
