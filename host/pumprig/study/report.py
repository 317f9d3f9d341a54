"""What a study says: JSON and one HTML page.

Owns: the document, the page, its pictures (SVG without a library: histograms and bars).
Rules: the same results give the same document, whichever engine made them and in whichever order; runs that failed and
runs that are still to be made are told first; each of the worst runs stands with the command that repeats it.
Units: as the figures.
Leaves: sums to statistics.py.
"""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from pumprig import __version__, rehearsal
from pumprig.pages import environment, picture
from pumprig.quantities import duration_text
from pumprig.study import statistics
from pumprig.study.plan import Study, code_digest, copy_of
from pumprig.study.results import Result, read

BARS = 24
WIDTH, HEIGHT = 640, 150
STYLE = (
    "<style>text { font: 12px system-ui, sans-serif; fill: #5b6977 } .bar { fill: #1f6f9f }"
    " .mark { stroke: #1c2733; stroke-dasharray: 3 3 }</style>"
)


def document(study: Study, folder: Path) -> dict[str, Any]:
    """`study report --json`. Raises PumpError."""
    lines, waiting = statistics.counted(study, read(folder))
    failed = [line for line in lines if not line.get("digest")]
    parts = _by_program(study, lines)
    figures = [(figure.name, name, part) for figure in study.figures for name, part in parts]
    return {
        "name": study.name,
        "aim": study.aim,
        "for_s": study.for_ms / 1000,
        "programs": [program.name for program in study.programs],
        "base_seed": study.base_seed,
        "planned": study.total,
        "drawn": [row.told() for row in study.vary],
        "stops": None if study.stop is None else asdict(study.stop),
        "code": code_digest(),
        "runs": len(lines),
        "waiting": waiting,
        "failed": len(failed),
        "failures": [
            {key: line.get(key) for key in ("run", "program", "seed", "failed", "why")} for line in failed
        ],
        "figures": [
            asdict(
                statistics.summary(
                    labelled(figure, name),
                    [line["figures"].get(figure) for line in part if line.get("digest")],
                )
            )
            for figure, name, part in figures
        ],
        "alarms": [
            {**row, "program": name}
            for name, part in parts
            for row in statistics.alarms(part, rehearsal.alarm_names())
        ],
        "matters": {
            labelled(figure, name): [
                {"input": given, "rank_correlation": value}
                for given, value in statistics.matters(part, figure)
            ]
            for figure, name, part in figures
        },
        "worst": {
            labelled(figure, name): [
                {
                    "run": line["run"],
                    "program": line["program"],
                    "seed": line["seed"],
                    "value": line["figures"][figure],
                }
                for line in statistics.worst(part, figure)
            ]
            for figure, name, part in figures
        },
        "simulated": True,
        "version": __version__,
    }


def _by_program(study: Study, lines: list[Result]) -> list[tuple[str, list[Result]]]:
    """The lines of each program apart, for what two programs deliver is no one figure; one program has no name here."""
    if len(study.programs) == 1:
        return [("", lines)]
    return [
        (program.name, [line for line in lines if line["program"] == program.name])
        for program in study.programs
    ]


def labelled(name: str, program: str) -> str:
    """A figure or an alarm, with the program where there are several."""
    return f"{name}, {program}" if program else name


def page(study: Study, folder: Path, told: dict[str, Any]) -> str:
    """The document as one self-contained HTML page. Raises PumpError."""
    lines, _waiting = statistics.counted(study, read(folder))
    template = environment().from_string(
        files("pumprig.study").joinpath("template.html").read_text(encoding="utf-8")
    )
    pictures = {
        labelled(figure.name, name): picture(
            histogram([v for line in part if (v := line["figures"].get(figure.name)) is not None])
        )
        for figure in study.figures
        for name, part in _by_program(study, lines)
    }
    bars = {name: picture(tornado(rows)) for name, rows in told["matters"].items() if rows}
    return template.render(
        told=told,
        span=duration_text(study.for_ms),
        pictures=pictures,
        bars=bars,
        folder=folder,
        show=shown,
        seen=[row for row in told["alarms"] if row["runs"]],
        unseen=[
            [row for row in told["alarms"] if not row["runs"] and row["program"] == name]
            for name, _part in _by_program(study, lines)
        ],
    )


def shown(value: float | None, se: float | None = None) -> str:
    """A number with as many digits as it deserves: to the second digit of its standard error, else six."""
    if value is None:
        return "not known"
    if se:
        import math

        digits = 1 - math.floor(math.log10(se))
        text = f"{round(value, digits):,.{max(0, digits)}f}"
    else:
        text = f"{value:,.6g}"
    return text.replace(",", "\u202f")


def histogram(values: list[float]) -> str:
    """The distribution as bars, with its quantiles."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if low == high:
        return ""
    counts = [0] * BARS
    for value in values:
        counts[min(BARS - 1, int((value - low) / (high - low) * BARS))] += 1
    step, top = WIDTH / BARS, max(counts)
    parts = _opening(HEIGHT + 34)
    for place, count in enumerate(counts):
        tall = count / top * (HEIGHT - 22)
        parts.append(
            f'<rect class="bar" x="{place * step + 1:.1f}" y="{HEIGHT - tall:.1f}"'
            f' width="{step - 2:.1f}" height="{tall:.1f}">'
            f"<title>{count} runs</title></rect>"
        )
    ordered = sorted(values)
    for p, text in ((0.05, "5 %"), (0.5, "median"), (0.95, "95 %")):
        x = (statistics.quantile(ordered, p) - low) / (high - low) * WIDTH
        anchor = "start" if x < 60 else "end" if x > WIDTH - 60 else "middle"
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="15" y2="{HEIGHT}"/>')
        parts.append(f'<text x="{x:.1f}" y="11" text-anchor="{anchor}">{text}</text>')
    parts.append(f'<text x="0" y="{HEIGHT + 20}">{escape(shown(low, (high - low) / 10))}</text>')
    parts.append(
        f'<text x="{WIDTH}" y="{HEIGHT + 20}" text-anchor="end">{escape(shown(high, (high - low) / 10))}</text>'
    )
    return "".join([*parts, "</svg>"])


def _opening(height: int) -> list[str]:
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">', STYLE]


def tornado(rows: list[dict[str, Any]]) -> str:
    """Which drawn input moves the figure: a bar for each rank correlation, left of the middle where it is negative."""
    middle, scale, line = WIDTH / 2, WIDTH / 2 - 130, 24
    parts = _opening(line * len(rows) + 8)
    for place, row in enumerate(rows):
        value, y = row["rank_correlation"], place * line + 6
        x, long = (middle, value * scale) if value >= 0 else (middle + value * scale, -value * scale)
        parts.append(f'<rect class="bar" x="{x:.1f}" y="{y}" width="{max(1, long):.1f}" height="14"/>')
        side, anchor = (middle - 8, "end") if value >= 0 else (middle + 8, "start")
        parts.append(
            f'<text x="{side:.1f}" y="{y + 12}" text-anchor="{anchor}">{escape(row["input"])}</text>'
        )
        edge = x + long + 6 if value >= 0 else x - 6
        anchor = "start" if value >= 0 else "end"
        parts.append(f'<text x="{edge:.1f}" y="{y + 12}" text-anchor="{anchor}">{value:+.2f}</text>')
    parts.append(f'<line class="mark" x1="{middle}" x2="{middle}" y1="0" y2="{line * len(rows) + 8}"/>')
    return "".join([*parts, "</svg>"])


def repeat(study: Study, folder: Path, line: Result) -> tuple[str, str]:
    """The one command that repeats a run, and the text of the events' file that it needs (empty: none)."""
    import shlex

    from pumprig.study import draw

    run = study.run(line["run"])
    which = line["run"] // study.runs
    words = ["pumprig", "rehearse", str(copy_of(folder / "programs", which))]
    words += ["--for", f"{study.for_ms} ms", "--seed", str(run.seed)]
    rows = [
        {**event, "program": str((study.path.parent / event["program"]).resolve())}
        if "program" in event
        else event
        for event in run.drawn.events
    ]
    text = draw.events_text(draw.Drawn(rows))
    if text:
        words += ["--events", str(events_file(folder, line["run"]))]
    for kind, changes in (("head", run.drawn.head), ("rig", run.drawn.truth)):
        for name, value in changes.items():
            words += [
                "--set",
                f"{kind}.{name}={value!r}" if not isinstance(value, str) else f"{kind}.{name}={value}",
            ]
    return shlex.join([*words, "--json"]), text


def events_file(folder: Path, number: int) -> Path:
    """Where `study show` puts the events of a run."""
    return folder / "events" / f"run-{number}.toml"
