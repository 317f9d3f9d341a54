"""From a balance reading to a volume: densities, buoyancy and the Z factor.

Owns: the density of water and of air, Z, the immersed tube's correction, and the sensitivity of each to its inputs.
Rules: pure functions of numbers; a value outside a formula's range is refused, never extrapolated.
Units: temperature in deg C, pressure in hPa, humidity in % (0 to 100), density in kg/m3, Z in uL/mg (= mL/g).
Leaves: what is not known about an ambient value to budget.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from pumprig.errors import PumpError

WEIGHTS_DENSITY_KG_PER_M3 = 8000.0
DEFAULT_TEMP_C = 20.0
DEFAULT_RH_PCT = 50.0
DEFAULT_PRESSURE_HPA = 1013.0


class AmbientError(PumpError):
    """An ambient value is outside the range of the formula that needs it."""


@dataclass(frozen=True)
class Ambient:
    """Temperature (deg C), relative humidity (%) and pressure (hPa) with their standard uncertainties."""

    temp_c: float = DEFAULT_TEMP_C
    rh_pct: float = DEFAULT_RH_PCT
    pressure_hpa: float = DEFAULT_PRESSURE_HPA
    u_temp_c: float = 0.3
    u_rh_pct: float = 3.0
    u_pressure_hpa: float = 1.0
    measured: bool = True


def _within(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise AmbientError(
            f"The {name} is {value:g} {unit}; the formula holds from {low:g} to {high:g} {unit}.",
            "No volume was computed.",
            "Check the column or the line that gives it.",
        )


def water_density_kg_per_m3(temp_c: float) -> float:
    """Density of air-free water, 0 to 40 deg C, standard uncertainty 0.0004 kg/m3.

    Source: M. Tanaka et al., Metrologia 38 (2001) 301, eq. 1.
    """
    _within("water temperature", temp_c, 0.0, 40.0, "deg C")
    lag = (temp_c - 3.983035) ** 2 * (temp_c + 301.797)
    return 999.974950 * (1.0 - lag / (522528.9 * (temp_c + 69.34881)))


def air_density_kg_per_m3(temp_c: float, rh_pct: float, pressure_hpa: float) -> float:
    """Density of moist air, relative standard uncertainty 2e-4 for 600 to 1100 hPa.

    Source: the simplified CIPM formula in its exponential form, OIML R 111-1 (2004), E.3-1.
    """
    _within("air temperature", temp_c, 0.0, 40.0, "deg C")
    _within("relative humidity", rh_pct, 0.0, 100.0, "%")
    _within("air pressure", pressure_hpa, 600.0, 1100.0, "hPa")
    return (0.34848 * pressure_hpa - 0.009 * rh_pct * exp(0.061 * temp_c)) / (273.15 + temp_c)


def z_ul_per_mg(ambient: Ambient, fluid_density_kg_per_m3: float | None = None) -> float:
    """Volume of fluid per indicated mass, Z = (1/rho_f)(1 - rho_a/rho_b)/(1 - rho_a/rho_f), in uL/mg.

    The fluid is water at the ambient temperature where no density is given. Source: ISO 8655-6, EURAMET cg-19.
    """
    air = air_density_kg_per_m3(ambient.temp_c, ambient.rh_pct, ambient.pressure_hpa)
    fluid = fluid_density_kg_per_m3 or water_density_kg_per_m3(ambient.temp_c)
    return 1000.0 / fluid * (1.0 - air / WEIGHTS_DENSITY_KG_PER_M3) / (1.0 - air / fluid)


def immersion_factor(tube_od_mm: float, vessel_id_mm: float) -> float:
    """Factor on the weighed volume for a tube that dips into the vessel: 1 - (tube area / vessel area).

    The rising level pushes against more of the tube, and the balance carries that too (EURAMET cg-27, buoyancy
    on the immersed tube). Raises AmbientError where the tube does not fit into the vessel.
    """
    if not 0.0 <= tube_od_mm < vessel_id_mm:
        raise AmbientError(
            f"A tube of {tube_od_mm:g} mm does not fit into a vessel of {vessel_id_mm:g} mm.",
            "No volume was computed.",
            "Check the lines `# tube_od_mm` and `# vessel_id_mm`.",
        )
    return 1.0 - (tube_od_mm / vessel_id_mm) ** 2
