"""Every figure that a page of docs/reference, or of the hardware, states has its source or its computation, and is it.

Owns: tests of docs/figures.toml against the pages.
Rules: a figure without a line fails, and a line without its figure; a computed one is computed here, a test that is
named has to exist, a part has to have that value; nothing is skipped.
Units: as on the pages.
Leaves: longer computations to test_claims.py, the table's page to docs/figures_page.py.
"""

import math
import re
import statistics
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import figures
import pytest
from pumprig.doctor import acts, bringup
from pumprig.therapy import events
from pumpwire import terms
from rig.board import config, drivers
from rig.flow import counted, day_cap
from rig.line import standing
from rig.watch import alarms, implant_model, thresholds
from rigsim import shims
from rigsim.geometry import CLOSED_AT, load_head
from rigsim.physics import truth

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "hardware"), str(ROOT / "docs")]
import generate  # noqa: E402
import pinout  # noqa: E402

SIZES = tomllib.loads((ROOT / "hardware" / "cad" / "parts.toml").read_text(encoding="utf-8"))
TABLE = figures.table()
LINES = [(page, figure, origin) for page, rows in TABLE.items() for figure, origin in rows.items()]
KINDS = ("= ", "test ", "parts ", "generated", "example")


def both(*ohms: float) -> float:
    """Of resistors side by side."""
    return 1 / sum(1 / each for each in ohms)


def same(*values: float) -> float:
    """The one value that several constants have; ValueError where they differ."""
    (value,) = set(values)
    return value


KNOWN: dict[str, Any] = {
    "CLOSED_AT": CLOSED_AT, "PRINT": SIZES["print"], "PSI_PA": 6894.757, "SIZES": SIZES, "acts": acts, "alarms": alarms,
    "both": both, "config": config, "counted": counted, "day_cap": day_cap, "standing": standing, "drivers": drivers,
    "events": events, "head": load_head("r3"), "implant_model": implant_model, "math": math, "same": same,
    "statistics": statistics, "terms": terms, "thresholds": thresholds, "truth": truth,
    "leak_step": next(step for step in bringup.checklist() if step.id == "leak"),
}  # fmt: skip
NAMED = r"[A-Z]{2,}|data sheet|page|issue|\.py|\.toml|\.md|list|BD |Pololu|Trinamic|Watterott|rule of thumb"
OWNED = r"a choice|assum|estimate|example|usual|computation names|length to reckon|round figures|literature"
BUILTINS = {"next": next, "range": range, "round": round, "tuple": tuple}
SPOKEN = {"half a": 0.5, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10}


def test_the_finder_finds_what_a_page_can_state() -> None:
    text = (
        "leave 47 mN·m of its 4 to 12 mN·m; **2.9 V**, (±1°), 3 000 full steps/s, 12.8 µL; after two minutes; 5000 or "
        "more ohm; 5 × 56 mm; 0, 0.05 or 0.20 mm; | 0.22 V |; `99 V`; GP2, R3, v1.26.1, 2/3 V8, 100/s; 1/4076 turn"
    )
    assert figures.found_in(re.sub(r"`[^`]*`", " ", text)) == {
        "47 mN·m", "4 to 12 mN·m", "2.9 V", "±1 °", "3 000 full steps/s", "12.8 µL", "two minutes", "5000 or more ohm",
        "5 × 56 mm", "0, 0.05 or 0.20 mm", "0.22 V",
    }  # fmt: skip


@pytest.mark.parametrize("page", figures.watched())
def test_every_figure_of_a_page_has_a_line_and_every_line_its_figure(page: str) -> None:
    assert figures.found_in(figures.page_text(page)) == set(TABLE.get(page, {}))


def test_no_page_of_the_table_is_unknown() -> None:
    assert set(TABLE) <= set(figures.watched())


def said(figure: str) -> list[tuple[float, int]]:
    """The numbers of a figure, and with how many decimals each is given."""
    for word, value in SPOKEN.items():
        if figure.startswith(word + " "):
            return [(value, 1 if value == 0.5 else 0)]
    words = re.findall(r"[−±-]?\d[\d ]*(?:\.\d+)?", re.sub(r"(?<=\d) (?=\d{3}\b)", "", figure))
    return [
        (float(word.strip(" ±").replace("−", "-")), len(word.strip().partition(".")[2])) for word in words
    ]


@pytest.mark.parametrize(("page", "figure", "origin"), [row for row in LINES if row[2].startswith("= ")])
def test_what_is_computed_gives_the_figure_as_it_is_rounded(page: str, figure: str, origin: str) -> None:
    value = eval(origin.removeprefix("= "), {"__builtins__": BUILTINS, **KNOWN})
    values = value if isinstance(value, tuple) else (value,)
    numbers = said(figure)
    assert len(values) == len(numbers), page
    for computed, (stated, decimals) in zip(values, numbers, strict=True):
        assert abs(computed - stated) <= 0.5000001 * 10**-decimals, (page, computed)


@pytest.mark.parametrize(("page", "figure", "origin"), [row for row in LINES if row[2].startswith("test ")])
def test_a_test_that_is_named_exists(page: str, figure: str, origin: str) -> None:
    path, _, name = origin.removeprefix("test ").partition("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (page, figure)


@pytest.mark.parametrize(("page", "figure", "origin"), [row for row in LINES if row[2].startswith("parts ")])
def test_a_part_that_is_named_has_that_value(page: str, figure: str, origin: str) -> None:
    ref = origin.removeprefix("parts ")
    row = next(row for row in pinout.bom() if ref in row["ref"].split())
    number, unit = said(figure)[0][0], figure.rpartition(" ")[2].replace("ohm", "Ω")
    found = {
        (value, text.rpartition(" ")[2]) for text in figures.found_in(row["part"]) for value, _ in said(text)
    }
    assert (number, unit) in found, (page, row["part"])


@pytest.mark.parametrize(
    ("page", "figure", "origin"), [row for row in LINES if row[2] in ("generated", "example")]
)
def test_what_is_generated_is_on_a_generated_page_and_an_example_is_called_one(
    page: str, figure: str, origin: str
) -> None:
    assert f"docs/{page}" in generate.PAGES
    if origin == "example":
        text = (figures.DOCS / page).read_text(encoding="utf-8")
        number, _, unit = figure.rpartition(" ")
        for match in re.finditer(rf"(?<![\d.]){re.escape(number)} {re.escape(unit)}\b", text):
            before = text[max(0, match.start() - 60) : match.start()]
            quoted = text[match.start() - 1] in "'\"`+" or before.count("`") % 2
            assert quoted or re.search(r"for example|like|as text", before), (page, figure, before)


@pytest.mark.parametrize(("page", "figure", "origin"), [row for row in LINES if not row[2].startswith(KINDS)])
def test_a_source_in_words_says_whose_it_is_or_that_it_is_a_choice(
    page: str, figure: str, origin: str
) -> None:
    """A data sheet, a standard, a page, a file: named; what nobody gave is called a choice, an estimate, assumed."""
    assert re.search(NAMED, origin) or re.search(OWNED, origin), (page, figure)
    assert len(origin) >= 20, (page, figure)


def test_what_only_the_boards_own_files_say() -> None:
    """3 s of a held stop button, by counting the waits; 10 ms of the clock's measurement."""
    shims.install()
    from rig.board import board, sysclock

    waited: list[int] = []
    time = SimpleNamespace(sleep_ms=waited.append)
    before, board.time = board.time, time  # type: ignore[attr-defined]
    try:
        assert board.Board.stop_held(SimpleNamespace(buttons=lambda: 1))
    finally:
        board.time = before  # type: ignore[attr-defined]
    assert sum(waited) == 3_000
    assert sysclock.MEASURE_US == 10_000


def heads_rows() -> dict[str, list[str]]:
    """The table of docs/reference/pump-head.md: title -> a cell for each head."""
    text = (figures.DOCS / "reference" / "pump-head.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return {row[0]: row[1:] for row in rows if not row[0].startswith("---")}


RAW = tomllib.loads((ROOT / "host" / "rigsim" / "data" / "pumphead.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("k", range(3))
def test_the_table_of_heads_computed_another_way(k: int) -> None:
    """From pumphead.toml alone: plain geometry, and each roller's volume by a fine sum over the gap."""
    rows = {title: cells[k] for title, cells in heads_rows().items()}
    name = rows[""].strip("`")
    own = {**RAW["tube"], **RAW["head"], **RAW["variant"][name]}
    bore, wall, centre, occlusion = (
        own[key] for key in ("inner_diameter_mm", "wall_mm", "centreline_radius_mm", "occlusion")
    )
    outside, roller = bore + 2 * wall, own["roller_diameter_mm"] / 2
    track, gap = centre + outside / 2, 2 * wall * (1 - occlusion)
    axle = track - gap - roller

    def reach(angle: float) -> float:
        """How far from the middle a roller's surface lies, along a ray."""
        return axle * math.cos(angle) + math.sqrt(roller**2 - (axle * math.sin(angle)) ** 2)

    step, volume, half = 1e-5, 0.0, 0.0
    while track - reach(half) < outside:
        height = max(0.0, track - reach(half) - 2 * wall)
        volume += 2 * math.pi / 4 * bore**2 * (1 - min(1.0, height / bore)) ** 2 * centre * step * 1000
        half += step
    ceiling = math.pi / 4 * bore**2 * 2 * math.pi * centre * 1000
    displaced = ceiling - own["rollers"] * volume * statistics.mean(own["roller_factor"])
    assert rows["rollers"] == str(own["rollers"])
    assert rows["tube, inside × outside, mm"] == f"{bore:.2f} × {outside:.2f}"
    for title, value, tolerance in (
        ("track radius at the seal, mm", track, 0.001), ("axle circle radius, mm", axle, 0.001),
        ("gap at the seal, mm", gap, 0.001), ("footprint of a roller, °", 2 * math.degrees(half), 0.06),
        ("ceiling (lumen × centreline), nL/rev", ceiling, 1), ("one roller's own volume, nL", volume, 0.02 * volume),
        ("displacement, nL/rev", displaced, 0.005 * displaced), ("roller period, °", 360 / own["rollers"], 0.01),
        ("rev/h at 20 µL/h", 20_000 / displaced, 0.01),
    ):  # fmt: skip
        assert abs(float(rows[title]) - value) <= tolerance, (title, value)
    low, high = (float(word) for word in rows["flow over its mean, least and most"].split(" to "))
    assert high == pytest.approx(
        ceiling / displaced, rel=0.08
    )  # what one roller sweeps, between two that leave
    assert (low < 0) == (name == "r3-plain")
