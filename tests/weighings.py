"""Weighings of the simulated balance as CSV, for the tests of the fit: 4 h at 20 uL/h, one reading in 2 s."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pumprig.calibration.files import parse
from pumprig.calibration.fit import Fit, fit
from pumprig.calibration.weighing import WeighingError
from rigsim.balance import Balance, BalanceSpec

N = 7200
T_S = np.arange(N) * 2.0
RATE_NL_PER_H = 20_000.0
EVAPORATION_G_PER_H = 0.0002
STATED = {
    "rate_nl_per_h": RATE_NL_PER_H,
    "balance_readability_g": 1e-4,
    "evaporation_g_per_h": EVAPORATION_G_PER_H,
    "roller_period_s": 600,
}


def readings_g(seed: int = 1, **spec: float) -> Any:
    """A clean 4 h weighing at 20 uL/h on a 0.1 mg balance, with the blank's evaporation."""
    balance = Balance(BalanceSpec(evaporation_g_per_h=EVAPORATION_G_PER_H, **spec), seed)
    return 0.05 + balance.readings(T_S, RATE_NL_PER_H * T_S / 3600.0)


def csv(
    mass_g: Any,
    t_s: Any = T_S,
    steps: Any = None,
    digits: int = 4,
    meta: dict[str, float] | None = None,
    separator: str = ",",
) -> str:
    lines = [f"# {key}: {value}" for key, value in (STATED if meta is None else meta).items()]
    lines.append(separator.join(["t_s", "mass_g"] + ([] if steps is None else ["steps"])))
    for i in range(len(t_s)):
        cells = [f"{t_s[i]:g}", f"{mass_g[i]:.{digits}f}"] + ([] if steps is None else [f"{int(steps[i])}"])
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


def fitted(text: str) -> Fit:
    return fit(parse(text.encode(), "weighing.csv"))


def refused(text: str) -> str:
    with pytest.raises(WeighingError) as caught:
        fitted(text)
    assert caught.value.not_done
    assert caught.value.next_step
    return str(caught.value)


FIRST_ROW = len(STATED) + 2  # line of the first reading that csv() writes
