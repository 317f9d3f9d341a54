"""Speed of the trumpet curve and of the fit, each against its plain counterpart in the same run.

Owns: the timing of the accuracy maths. Rules: the plain double loop computes the same figures, and that is checked.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pumprig.accuracy.trumpet import WINDOWS_MIN, flows, overall_error_pct, trumpet
from pumprig.calibration.fit import fit_file

SAMPLES = 1_000_000
PLAIN_SAMPLES = 20_000


def plain_trumpet(volume_nl: list[float], rate_nl_per_h: float) -> list[tuple[float, float]]:
    """The standard's formula as it is written: for every window length, every start, the sum over the window."""
    q = [(b - a) * 120.0 for a, b in itertools.pairwise(volume_nl)]
    found: list[tuple[float, float]] = []
    for p_min in WINDOWS_MIN:
        m = round(p_min / 0.5)
        errors: list[float] = []
        for j in range(len(q) - m + 1):
            total = 0.0
            for i in range(j, j + m):
                total += 100.0 * (q[i] - rate_nl_per_h) / rate_nl_per_h
            errors.append(total / m)
        found.append((max(errors), min(errors)))
    return found


def main() -> None:
    """Print the table and one line of JSON."""
    rng = np.random.default_rng(1)
    volume = np.cumsum(20_000.0 / 120.0 * (1.0 + 0.2 * rng.standard_normal(SAMPLES + 1)))
    begin = time.perf_counter()
    fast = trumpet(volume, 20_000.0)
    flows(volume[:241])
    overall_error_pct(volume, 20_000.0)
    fast_s = time.perf_counter() - begin
    part = volume[: PLAIN_SAMPLES + 1]
    begin = time.perf_counter()
    slow = plain_trumpet([float(v) for v in part], 20_000.0)
    plain_s = (time.perf_counter() - begin) * SAMPLES / PLAIN_SAMPLES
    for ours, theirs in zip(trumpet(part, 20_000.0), slow, strict=True):
        assert np.allclose((ours.ep_max_pct, ours.ep_min_pct), theirs, rtol=1e-9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        mass = 0.02 * np.arange(SAMPLES) / 3600.0 + 1e-4 * rng.standard_normal(SAMPLES)
        lines = (f"{i},{m:.4f}" for i, m in enumerate(mass))
        head = "# rate_nl_per_h: 20000\n# evaporation_g_per_h: 0.0001\n# roller_period_s: 600\nt_s,mass_g\n"
        path.write_text(head + "\n".join(lines) + "\n")
        begin = time.perf_counter()
        fit_file(path)
        fit_s = time.perf_counter() - begin
        begin = time.perf_counter()
        command = [sys.executable, "-m", "pumprig", "--json", "calibrate", "fit", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        command_s = time.perf_counter() - begin
        day = Path(folder) / "day.csv"
        t_s = np.arange(86_400)
        grams = 5.0 + 0.02 * t_s / 3600.0 + 1e-4 * rng.standard_normal(len(t_s))
        day.write_text(head + "\n".join(f"{t},{m:.4f}" for t, m in zip(t_s, grams, strict=True)) + "\n")
        begin, began = time.perf_counter(), time.process_time()
        fit_file(day)
        day_s, day_cpu_s = time.perf_counter() - begin, time.process_time() - began
        begin = time.perf_counter()
        subprocess.run([*command[:-1], str(day)], check=True, capture_output=True)
        day_command_s = time.perf_counter() - begin
    print(
        f"fit of 24 h at 1 s  {day_s:8.2f} s ({day_cpu_s:.2f} s of a core), the command cold {day_command_s:.2f} s"
    )
    print(f"trumpet and start-up of {SAMPLES} samples  {fast_s:8.4f} s")
    print(
        f"the plain double loop (from {PLAIN_SAMPLES} samples)  {plain_s:8.1f} s, {plain_s / fast_s:.0f} times slower"
    )
    print(f"fit of {SAMPLES} rows from CSV  {fit_s:8.2f} s, the whole command {command_s:.2f} s")
    print(
        json.dumps(
            {
                "trumpet_s": fast_s,
                "plain_s": plain_s,
                "ratio": plain_s / fast_s,
                "fit_s": fit_s,
                "fit_command_s": command_s,
                "fit_24h_s": day_s,
                "fit_24h_cpu_s": day_cpu_s,
                "fit_24h_command_s": day_command_s,
                "samples": len(fast),
            }
        )
    )


if __name__ == "__main__":
    main()
