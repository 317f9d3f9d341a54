"""The dashboard's picture: the page in a headless Chromium, over a simulated rig that has delivered for hours.

Owns: what the rig has done before, and the page's size.
Rules: the real page, hub and rig; nothing is drawn by hand; the rig and its files are of this run alone.
Units: seconds of wall time.
Leaves: the page to pumprig.dashboard.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "dashboard.png"
SPEED = 60  # times real time
WATCHED_MS = 60_000  # an hour of the rig
SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]


def main() -> int:
    """Draw it; 1 where there is no Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is missing; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PUMPRIG_HOME": home}
        pumprig = [sys.executable, "-m", "pumprig"]

        def run(*words: str) -> None:
            subprocess.run(
                [*pumprig, *words], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )

        run("sim", "--background", "--speed", str(SPEED))
        run("-p", "sim", "program", "load", "examples/demo.toml", "--yes")
        served = subprocess.Popen(
            [*pumprig, "-p", "sim", "dashboard", "--no-browser", "--page", "127.0.0.1:0"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert served.stdout is not None
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
                page = browser.new_page(viewport={"width": 1280, "height": 1040}, device_scale_factor=1.5)
                page.goto(served.stdout.readline().split()[1])
                expect(page.locator("#link")).to_contain_text("live", timeout=30_000)
                page.get_by_role("button", name="1 h").click()
                page.wait_for_timeout(WATCHED_MS // 2)
                run("-p", "sim", "bolus", "10 ul", "--over", "5 min", "--yes")
                page.wait_for_timeout(WATCHED_MS // 2)
                page.get_by_role("tab", name="Program").click()
                expect(page.locator("#program-faults")).to_contain_text("no faults", timeout=30_000)
                page.screenshot(path=PICTURE)
                browser.close()
        finally:
            served.terminate()
            served.wait(20)
            run("sim", "--stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
