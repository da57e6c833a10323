"""How much heat a convecting layer carries, measured in several ways that must agree, and where its energy goes.

The Nusselt number is the heat that goes up, as a multiple of what conduction alone would carry. In the mean over a
statistically steady flow (Shraiman and Siggia, Physical Review A 42, 1990), with <> the mean over the layer,

    Nu = -dT/dz at the bottom = -dT/dz on top
       = 1 + sqrt(Ra Pr) <w T>                      heat carried by the flow
       = <|grad T|^2>                               temperature variance that diffusion destroys
       = 1 + Pr <|grad u|^2>                        kinetic energy that viscosity destroys

On the solver's grid these hold as in the fluid, since its means and gradients are those of its fluxes.
"""

import numpy as np

from data.convection.solver import COLD, HOT, Layer, State, Values, left, wall_gradient

WAYS = ("bottom", "top", "convection", "temperature dissipation", "energy dissipation")


def nusselt(layer: Layer, state: State) -> dict[str, float]:
    """The Nusselt number of one moment, by each of :data:`WAYS`."""
    flux = layer.heat_flux(state).mean(axis=1) / layer.diffusivity
    values = (
        flux[0], flux[-1], 1 + buoyancy_work(layer, state) / layer.diffusivity,
        temperature_dissipation(layer, state) / layer.diffusivity,
        1 + energy_dissipation(layer, state) / layer.diffusivity,
    )  # fmt: skip
    return dict(zip(WAYS, map(float, values), strict=True))


def kinetic_energy(layer: Layer, state: State) -> float:
    """<u^2 + w^2> / 2."""
    return float((state.u**2).mean() + _mean(layer, state.w**2)) / 2


def buoyancy_work(layer: Layer, state: State) -> float:
    """<w T>, what buoyancy adds to the kinetic energy in a unit of time."""
    between = np.zeros_like(state.w)
    between[1:-1] = (state.temperature[1:] + state.temperature[:-1]) / 2
    return _mean(layer, state.w * between)


def energy_dissipation(layer: Layer, state: State) -> float:
    """nu <|grad u|^2>, what viscosity takes from the kinetic energy in a unit of time."""
    dz, dx = layer.spacing
    of_u = ((state.u - left(state.u)) ** 2).mean() / dx**2 + _mean(layer, wall_gradient(state.u, 0, 0, dz) ** 2)
    of_w = _mean(layer, (state.w - left(state.w)) ** 2) / dx**2 + (np.diff(state.w, axis=0) ** 2).mean() / dz**2
    return layer.viscosity * float(of_u + of_w)


def temperature_dissipation(layer: Layer, state: State) -> float:
    """kappa <|grad T|^2>, what diffusion takes from half the temperature variance in a unit of time."""
    dz, dx = layer.spacing
    upwards = _mean(layer, wall_gradient(state.temperature, HOT, COLD, dz) ** 2)
    along = ((state.temperature - left(state.temperature)) ** 2).mean() / dx**2
    return layer.diffusivity * float(upwards + along)


def _mean(layer: Layer, on_faces: Values) -> float:
    """The mean over the layer of values on lower and upper faces: those at the walls stand for half a cell."""
    rows = on_faces.mean(axis=1)
    return float((rows[1:-1].sum() + (rows[0] + rows[-1]) / 2) / layer.rows)
