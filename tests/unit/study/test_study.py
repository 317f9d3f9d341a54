"""`pumprig study`: the same results on every engine, in any order, after any kill; figures as other formulas give.

Owns: the study's promises.
Rules: real simulators in processes of their own, a real scheduler with two workers; nothing waits on the wall clock but
for a process's end.
Units: as the study's.
Leaves: what a rehearsal says to tests/sim.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shlex
import signal
import statistics as reference
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pumprig import rehearsal
from pumprig.errors import InputFileError
from pumprig.rig import simulator
from pumprig.study import draw, engine, plan, results, statistics
from scipy.special import betaincinv

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
STUDY = """
name = "small"
programs = ["{folder}/constant.toml", "{folder}/night-step.toml"]
for = "20 min"
runs = 3
base_seed = 40
[[vary]]
do = "bolus"
volume = {{ uniform = ["1 ul", "5 ul"] }}
over = "2 min"
at = {{ uniform = ["1 min", "10 min"] }}
[[vary]]
do = "press_stop"
at = "15 min"
probability = 0.5
[[vary]]
do = "rig"
load_mnm = {{ uniform = [6.0, 10.0] }}
[[figure]]
name = "delivered_nl"
[[figure]]
name = "by_kind.single"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(STUDY.format(folder=EXAMPLES), "utf-8")
    return path


def pumprig(*words: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pumprig", *map(str, words)],
        capture_output=True,
        text=True,
        env=simulator.environment(),
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def lines(folder: Path) -> list[dict[str, Any]]:
    """Without what the wall clock says, in the runs' order."""
    rows = [json.loads(line) for line in (folder / "runs.jsonl").read_text("utf-8").splitlines()]
    return sorted(
        ({k: v for k, v in row.items() if k != "wall_s"} for row in rows), key=lambda row: row["run"]
    )


def make(file: Path, folder: Path, name: str, workers: int = 1) -> int:
    with results.Results(folder) as kept:
        return engine.execute(plan.load(file), kept, name, workers)


def test_every_engine_gives_the_same_lines_and_the_shown_command_repeats_a_run(
    file: Path, tmp_path: Path
) -> None:
    assert make(file, tmp_path / "serial", "serial") == 6
    told = json.loads(pumprig("study", file, "-o", tmp_path / "local", "--workers", 2, "--json"))
    assert lines(tmp_path / "serial") == lines(tmp_path / "local")
    assert told["runs"] == told["planned"] == 6
    assert told["failed"] == 0
    command = shlex.split(pumprig("study", "show", tmp_path / "local", 4).strip())
    report = json.loads(pumprig(*command[1:]))
    del report["wall_s"]
    digest = hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest()
    assert digest == lines(tmp_path / "local")[4]["digest"]
    page = (tmp_path / "local" / "report.html").read_text("utf-8")
    assert "imulated" in page
    assert "http://" not in page


def test_a_dask_cluster_of_two_workers_gives_the_same_lines(file: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    make(file, tmp_path / "serial", "serial")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        assert make(file, tmp_path / "dask", "dask:" + cluster.scheduler_address) == 6
    assert lines(tmp_path / "dask") == lines(tmp_path / "serial")


def test_the_settings_for_a_cluster_are_ones_that_dask_has_and_change_each() -> None:
    import distributed
    import yaml

    def leaves(tree: dict[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
        found: dict[tuple[str, ...], object] = {}
        for name, value in tree.items():
            here = (*above, name)
            found |= leaves(value, here) if isinstance(value, dict) else {here: value}
        return found

    own = leaves(yaml.safe_load((EXAMPLES / "studies" / "dask.yaml").read_text("utf-8")))
    usual = leaves(
        yaml.safe_load((Path(distributed.__file__).parent / "distributed.yaml").read_text("utf-8"))
    )
    assert own
    assert all(name in usual and usual[name] != value for name, value in own.items())


def test_a_study_goes_on_where_a_kill_left_it_and_does_nothing_the_second_time(
    file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    words = [sys.executable, "-m", "pumprig", "study", str(file), "-o", str(folder), "--engine", "serial"]
    child = subprocess.Popen(words, env=simulator.environment(), start_new_session=True)
    while not (folder / "runs.jsonl").exists() or b"\n" not in (folder / "runs.jsonl").read_bytes():
        assert child.poll() is None
        os.sched_yield()
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    with open(folder / "runs.jsonl", "a", encoding="utf-8") as torn:
        torn.write('{"run": 5, "key": "half a li')
    made = make(file, folder, "serial")
    assert 0 < made < 6
    assert make(file, folder, "serial") == 0
    make(file, tmp_path / "whole", "serial")
    assert lines(folder) == lines(tmp_path / "whole")


def test_only_what_depends_on_a_changed_program_is_run_anew(tmp_path: Path) -> None:
    for name in ("constant.toml", "night-step.toml"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    file = tmp_path / "small.toml"
    file.write_text(STUDY.format(folder="."), "utf-8")
    make(file, tmp_path / "out", "serial")
    text = (tmp_path / "constant.toml").read_text("utf-8")
    (tmp_path / "constant.toml").write_text(text.replace('name = "', 'name = "new '), "utf-8")
    assert make(file, tmp_path / "out", "serial") == 3


def test_a_simulator_that_dies_is_replaced_and_its_run_done_again() -> None:
    study = EXAMPLES / "studies" / "loose-plug.toml"
    request = {**plan.load(study).run(0).request, "for_ms": 60_000, "events": []}
    worker = engine.Simulator(60_000)
    first = worker.run(request)
    assert worker._worker is not None
    worker._worker._child.kill()
    again = worker.run(request)
    worker.close()
    assert first[0] is not None
    assert again[0] is not None
    assert {**first[0], "wall_s": 0} == {**again[0], "wall_s": 0}


def test_a_run_that_the_rig_refuses_is_a_result_with_its_reason(tmp_path: Path) -> None:
    request = {"program": "kind=program name=x basal=0:9000000000", "for_ms": 1000, "events": []}
    worker = engine.Simulator(1000)
    report, kind, why = worker.run(request)
    worker.close()
    assert report is None
    assert kind == "refused"
    assert why


def test_every_example_study_can_be_read_and_its_draws_are_possible_events() -> None:
    for path in sorted((EXAMPLES / "studies").glob("*.toml")):
        study = plan.load(path)
        for number in range(0, study.total, max(1, study.total // 5)):
            assert study.run(number).key


def test_faults_of_a_study_are_told_together_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(
        'name = "x"\nprograms = ["nowhere.toml"]\nfor = "7 d"\nruns = 0\n[[vary]]\ndo = "explode"\nat = "1 d"\n'
        '[[vary]]\ndo = "occlude"\nat = { uniform = ["6 d", "1 d"] }\n[[figure]]\nname = "latency_s"\nalarm = "noise"\n'
        'after = "occlude"\n',
        "utf-8",
    )
    with pytest.raises(InputFileError) as caught:
        plan.load(file)
    told = "\n".join(caught.value.faults)
    for line, word in ((2, "nowhere"), (4, "runs"), (6, "explode"), (10, "lower first"), (13, "noise")):
        assert f"bad.toml:{line}:" in told
        assert word in told


def test_a_draw_depends_on_seed_and_place_alone_and_stays_in_its_range() -> None:
    row = draw.Row("occlude", (("at", draw.Draw("uniform", (1000, 9000), "ms", True)),))
    other = draw.Row("press_stop", (("at", "1 h"),))
    ats = [draw.draw([row], seed).inputs["occlude.at"] for seed in range(300)]
    assert ats == [draw.draw([row, other], seed).inputs["occlude.at"] for seed in range(300)]
    assert all(1000 <= at <= 9000 for at in ats)
    assert len(set(ats)) > 250
    assert abs(reference.fmean(ats) - 5000) < 4 * 8000 / math.sqrt(12 * 300)


def test_figures_agree_with_other_formulas() -> None:
    from scipy.stats import spearmanr  # a second, which every process that collects the tests would take

    source = random.Random(1)
    values = [source.gauss(5, 2) for _ in range(201)]
    told = statistics.summary("x", [*values, None])
    assert (told.n, told.missing) == (201, 1)
    assert told.mean == pytest.approx(reference.fmean(values))
    assert told.sd == pytest.approx(reference.stdev(values))
    cuts = reference.quantiles(values, n=20, method="inclusive")
    assert [told.q05, told.q50, told.q95] == pytest.approx([cuts[0], reference.median(values), cuts[-1]])
    spread = reference.stdev(
        statistics.quantile(sorted(source.gauss(5, 2) for _ in range(201)), 0.5) for _ in range(400)
    )
    assert told.se50 == pytest.approx(spread, rel=0.6)
    pairs = [(a, a + source.gauss(0, 3)) for a in values]
    assert statistics.rank_correlation(pairs) == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic)


@pytest.mark.parametrize(("seen", "n"), [(0, 200), (1, 200), (7, 30), (30, 30)])
def test_the_bounds_of_an_alarm_are_clopper_and_pearson_s(seen: int, n: int) -> None:
    if seen == 0:
        assert statistics.upper95(0, n) == pytest.approx(3 / n, rel=0.02)
    elif seen < n:
        assert statistics.upper95(seen, n) == pytest.approx(betaincinv(seen + 1, n - seen, 0.975))
    assert statistics.lower95(seen, n) == pytest.approx(
        0.0 if not seen else betaincinv(seen, n - seen + 1, 0.05 if seen == n else 0.025)
    )


def stopping_study(folder: Path, runs: int, at_least: int) -> plan.Study:
    """Two programs, each run until its mean is known to within 1 nL."""
    file = folder / "stop.toml"
    text = STUDY.format(folder=EXAMPLES).replace("runs = 3", f"runs = {runs}")
    stop = f'[stop]\nfigure = "delivered_nl"\nhalf_width = 1.0\nat_least = {at_least}\n'
    file.write_text(text + stop, "utf-8")
    return plan.load(file)


def test_a_study_stops_when_it_knows_enough_and_counts_the_same_runs_in_any_order(tmp_path: Path) -> None:
    study = stopping_study(tmp_path, runs=500, at_least=20)
    source = random.Random(3)
    sds = (3, 0.5)  # of the two programs, whose means lie far apart
    rows = {
        which * 500 + n: {"figures": {"delivered_nl": 100 * which + source.gauss(0, sd)}}
        for which, sd in enumerate(sds)
        for n in range(200)
    }
    ends = []
    for order in (sorted(rows), sorted(rows, reverse=True), source.sample(sorted(rows), len(rows))):
        stopping = statistics.Stopping(study)
        for number in order:
            stopping.take(number, rows[number])
        assert not stopping.needs(200)
        assert not stopping.needs(700)
        ends.append(tuple(stopping.ends))
    assert len(set(ends)) == 1
    first, second = ends[0]
    assert first is not None
    assert second == 20 < first  # as few as may be, and not as many as the other one needs
    for begin, end in ((0, first), (500, second)):
        used = [rows[begin + n]["figures"]["delivered_nl"] for n in range(end)]
        assert 1.96 * reference.stdev(used) / math.sqrt(len(used)) <= 1.0
        assert stopping.needs(begin + end - 1)
        assert not stopping.needs(begin + end)
    assert stopping.most == first + second


def test_each_program_of_a_study_is_run_until_it_is_known_and_no_longer(tmp_path: Path) -> None:
    """One delivers the same in every run, so ten suffice; the other varies, and all of its runs are made."""
    study = stopping_study(tmp_path, runs=30, at_least=5)
    source = random.Random(4)
    there = {}
    wanted = engine._wanted(study, {}, stopping := statistics.Stopping(study))
    for run in wanted:
        value = 100.0 if run.number < 30 else source.gauss(0, 50)
        there[run.key] = {"figures": {"delivered_nl": value}, "digest": "x"}
        stopping.take(run.number, there[run.key])
    assert len(there) == 10 + 30
    lines, waiting = statistics.counted(study, there)
    assert waiting == 0
    assert [line["run"] for line in lines] == [*range(10), *range(30, 60)]


def test_pypy_gives_the_same_report_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = simulator.pypy()
    if fast is None:
        pytest.skip("pypy3 is not installed; on Debian: apt-get install pypy3")
    monkeypatch.setattr(simulator, "PYPY_FROM_MS", 0)
    assert simulator.rehearsing(1)[0][0] == fast
    run = plan.load(EXAMPLES / "studies" / "loose-plug.toml").run(0)
    request = {
        **run.request,
        "for_ms": 6 * 3_600_000,
        "events": [{"at_ms": 3_600_000, "do": "power_cut", "for_ms": 5000}],
    }
    reports = [rehearsal.run(request)]
    monkeypatch.setattr(simulator, "PYPY_FROM_MS", 1 << 62)
    reports.append(rehearsal.run(request))
    for report in reports:
        report["wall_s"] = 0
    assert json.dumps(reports[0]) == json.dumps(reports[1])


def test_the_page_says_how_the_study_was_made(tmp_path: Path) -> None:
    from pumprig.study import report

    study = plan.load(EXAMPLES / "studies" / "loose-plug.toml")
    told = report.document(study, tmp_path)
    assert told["drawn"] == [
        {
            "what": "power_cut",
            "how": "at evenly between 1 h and 6 d 23 h; for evenly between 1 s and 10 min",
            "often": "evenly between 0 and 40 times",
        }
    ]
    names = [row["name"] for row in told["figures"]]
    assert names[:2] == ["delivered_nl, night step", "delivered_nl, simple continuous"], "a program apart"
    page = report.page(study, tmp_path, told)
    for word in (study.aim, "seeds 3000 to 3049", "estimands", "Monte Carlo standard error", told["code"]):
        assert word in page
