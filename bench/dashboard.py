"""The live page: from the click on Stop to the line's last byte, while another command waits for its answer; sizes.

Owns: these figures and their goals.
Rules: a real Chromium, a real hub, a real simulated rig behind a tap that stamps what goes to the rig and holds the
other command's answer back until the stop has passed; the click is stamped by the page itself.
Units: ms, MB.
Leaves: the page's behaviour to tests/page.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(ROOT / folder) for folder in ("tests", "host", "firmware/lib")]  # in place of bench/
TURNS = 20
GOAL_MS = 100.0


def stops(folder: Path, chromium: str) -> list[float]:
    """ms from click to line, of each turn."""
    os.environ["PUMPRIG_HOME"] = str(folder)
    from page.conftest import SWITCHES, Served
    from playwright.sync_api import expect, sync_playwright

    served = Served(folder)
    found: list[float] = []
    try:
        served.run("rate", "20 ul/h", "--yes")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES.split())
            page = browser.new_page()
            page.goto(served.url)
            page.get_by_role("tab", name="Program").click()
            expect(page.locator("#program-faults")).to_contain_text("no faults", timeout=30_000)
            stamp = "event => { window.clicked = performance.timeOrigin + event.timeStamp }"
            page.evaluate(f"document.getElementById('stop').addEventListener('click', {stamp}, true)")
            for _ in range(TURNS):
                served.tap.stamps.clear()
                served.tap.hold_until("stop")
                page.get_by_role("button", name="Review").click()
                expect(page.get_by_role("button", name="Review")).to_be_disabled(timeout=30_000)
                page.locator("#stop").click()
                expect(page.locator("#said")).to_contain_text("Stopped, confirmed", timeout=30_000)
                expect(page.get_by_role("button", name="Review")).to_be_enabled(timeout=30_000)
                left_s = next(at_s for at_s, line in served.tap.stamps if " stop" in line)
                found.append(left_s * 1000 - float(page.evaluate("window.clicked")))
                page.get_by_role("button", name="Put the message away").click()
            browser.close()
    finally:
        served.end()
    return found


def sizes(folder: Path) -> dict[str, float]:
    """MB of the wheel, and of the packages of a base installation."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    quiet = {"cwd": ROOT, "check": True, "stderr": subprocess.DEVNULL}
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), "."], **quiet)  # type: ignore[call-overload]
    (wheel,) = folder.glob("*.whl")
    base = folder / "base"
    subprocess.run([*pip, "install", "--target", str(base), str(wheel)], **quiet)  # type: ignore[call-overload]
    whole = sum(path.stat().st_size for path in base.rglob("*") if path.is_file())
    return {"wheel": wheel.stat().st_size / 1e6, "base": whole / 1e6}


def main() -> int:
    """Print the table and the figures; 1 where a goal is missed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("not measured: no Chromium here (Debian: apt-get install chromium)")
        return 0
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = stops(Path(folder), chromium)
    with tempfile.TemporaryDirectory() as folder:
        size = sizes(Path(folder))
    worst, median = max(found), statistics.median(found)
    print(
        f"stop, click to the line's last byte: median {median:.1f} ms, worst of {TURNS} {worst:.1f} ms "
        f"(goal {GOAL_MS:g})"
    )
    print(f"wheel {size['wheel']:.2f} MB, base installation {size['base']:.0f} MB (goal 120)")
    print(f"({time.monotonic() - begun_s:.0f} s)")
    print(
        json.dumps(
            {
                "page_stop_median_ms": round(median, 1),
                "page_stop_worst_ms": round(worst, 1),
                "wheel_mb": round(size["wheel"], 2),
                "base_installation_mb": round(size["base"], 1),
            }
        )
    )
    return int(worst > GOAL_MS or size["base"] > 120)


if __name__ == "__main__":
    sys.exit(main())
