"""A solver of Rayleigh-Benard convection in two dimensions: a layer of fluid, heated from below.

The Boussinesq equations in units of the depth, the temperature difference and the free-fall velocity,

    du/dt + (u . grad) u = -grad p + sqrt(Pr / Ra) lap u + T e_z      div u = 0
    dT/dt + (u . grad) T = 1 / sqrt(Ra Pr) lap T

between walls that hold the fluid (no slip), T = 1/2 at the bottom and -1/2 on top; periodic sideways.

Finite volumes on a staggered grid of equal cells (Harlow and Welch, 1965): normal velocities on the cells' faces,
temperature in their middles, fluxes by central means. What leaves a cell enters the next, and advection neither makes
nor destroys kinetic energy or temperature variance, so that the balances of heat and energy hold on the grid as they
do in the fluid, but for rounding and the error of the time steps: the classical SSP Runge-Kutta method of third order,
with the exact projection onto fields without divergence at each stage, by Fourier and cosine transforms.

No library is used: Dedalus and shenfun, which solve this with spectral accuracy, have no wheels and need MPI and
FFTW's headers; fluidsim's flows are periodic upwards, too; py-pde has no incompressible flow.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Values = NDArray[np.float64]
HOT, COLD = 0.5, -0.5
ADVECTION_LIMIT, DIFFUSION_LIMIT = 1.2, 2.0
"""Of time steps; the method itself is stable up to 1.73 and 2.51 for either alone."""
LONGEST_PART = 0.25
"""Free-fall times after which the time step is chosen anew."""
HIGHEST = 100.0
"""Velocities and temperatures of any flow are far lower, in their units; with such ones steps get endlessly short."""


class State(NamedTuple):
    """Velocities and temperature, the first row at the bottom.

    ``u`` (rows, columns) sideways, on the left faces of the cells; ``w`` (rows + 1, columns) upwards, on their lower
    faces, 0 at both walls; ``temperature`` (rows, columns) in their middles.
    """

    u: Values
    w: Values
    temperature: Values

    def plus(self, step: float, slope: "State") -> "State":
        """The state after a straight step."""
        return State(*(value + step * change for value, change in zip(self, slope, strict=True)))

    def mixed(self, share: float, other: "State") -> "State":
        """So much of this state, the rest of the other."""
        return State(*(share * a + (1 - share) * b for a, b in zip(self, other, strict=True)))

    def velocity(self) -> Values:
        """(u, w) in the middles of the cells: (2, rows, columns)."""
        return np.stack([(self.u + right(self.u)) / 2, (self.w[1:] + self.w[:-1]) / 2])


def right(values: Values) -> Values:
    """Each cell's neighbour on the right."""
    return np.roll(values, -1, axis=1)


def left(values: Values) -> Values:
    """Each cell's neighbour on the left."""
    return np.roll(values, 1, axis=1)


@dataclass(frozen=True)
class Layer:
    """The fluid and its grid; lengths in depths of the layer, times in free-fall times."""

    rayleigh: float
    prandtl: float
    rows: int
    columns: int
    width: float

    @property
    def viscosity(self) -> float:
        return float((self.prandtl / self.rayleigh) ** 0.5)

    @property
    def diffusivity(self) -> float:
        return float((self.rayleigh * self.prandtl) ** -0.5)

    @property
    def spacing(self) -> tuple[float, float]:
        """Height and width of a cell."""
        return 1 / self.rows, self.width / self.columns

    def at_rest(self, noise: Values) -> State:
        """Fluid that conducts heat, its temperature disturbed by ``noise`` (rows, columns)."""
        heights = (np.arange(self.rows) + 0.5) / self.rows
        shape = (self.rows, self.columns)
        return State(np.zeros(shape), np.zeros((self.rows + 1, self.columns)), HOT - heights[:, None] + noise)

    def slope(self, state: State) -> State:
        """d/dt of the state: advection, diffusion and buoyancy, made free of divergence."""
        dz, dx = self.spacing
        u, w, temperature = state
        middle_u, middle_w = state.velocity()
        corner = np.zeros_like(w)  # flux of u upwards, of w sideways; none at the walls
        corner[1:-1] = (u[1:] + u[:-1]) * (w + left(w))[1:-1] / 4
        du = (left(middle_u**2) - middle_u**2) / dx - np.diff(corner, axis=0) / dz
        du += self.viscosity * (sideways(u, dx) + np.diff(wall_gradient(u, 0.0, 0.0, dz), axis=0) / dz)
        dw = np.zeros_like(w)
        dw[1:-1] = (corner - right(corner))[1:-1] / dx - np.diff(middle_w**2, axis=0) / dz
        dw[1:-1] += self.viscosity * (sideways(w, dx)[1:-1] + np.diff(w, 2, axis=0) / dz**2)
        dw[1:-1] += (temperature[1:] + temperature[:-1]) / 2
        along = u * (temperature + left(temperature)) / 2
        dt = (along - right(along)) / dx - np.diff(self.heat_flux(state), axis=0) / dz
        dt += self.diffusivity * sideways(temperature, dx)
        return State(*self.projected(du, dw), dt)

    def heat_flux(self, state: State) -> Values:
        """Heat that goes up through every face (rows + 1, columns), carried and conducted."""
        temperature = state.temperature
        flux = -self.diffusivity * wall_gradient(temperature, HOT, COLD, self.spacing[0])
        flux[1:-1] += state.w[1:-1] * (temperature[1:] + temperature[:-1]) / 2
        return flux

    def divergence(self, u: Values, w: Values) -> Values:
        """Of velocities on faces, in the middles of the cells."""
        dz, dx = self.spacing
        return (right(u) - u) / dx + np.diff(w, axis=0) / dz

    def projected(self, u: Values, w: Values) -> tuple[Values, Values]:
        """The nearest velocities without divergence that do not cross the walls; ``w`` is 0 there."""
        dz, dx = self.spacing
        spectrum = fft.rfft(fft.dct(self.divergence(u, w), axis=0), axis=1) * self._inverse
        pressure = fft.idct(fft.irfft(spectrum, self.columns, axis=1), axis=0)
        w = w.copy()
        w[1:-1] -= np.diff(pressure, axis=0) / dz
        return u - (pressure - left(pressure)) / dx, w

    @cached_property
    def _inverse(self) -> Values:
        """Of the Laplacian in cosine and Fourier space; 0 for the mean pressure, which is free."""
        dz, dx = self.spacing
        upwards = (2 - 2 * np.cos(np.pi * np.arange(self.rows) / self.rows)) / dz**2
        along = (2 - 2 * np.cos(2 * np.pi * np.arange(self.columns // 2 + 1) / self.columns)) / dx**2
        total = upwards[:, None] + along
        total[0, 0] = -np.inf
        return -1 / total

    def stepped(self, state: State, step: float) -> State:
        """The state after one time step."""
        first = state.plus(step, self.slope(state))
        second = first.plus(step, self.slope(first)).mixed(1 / 4, state)
        return second.plus(step, self.slope(second)).mixed(2 / 3, state)

    def longest_step(self, state: State) -> float:
        """A time step that is stable for a state like this one."""
        dz, dx = self.spacing
        speed = float(np.abs(state.w).max()) / dz + float(np.abs(state.u).max()) / dx
        diffusion = 4 * max(self.viscosity, self.diffusivity) * (dz**-2 + dx**-2)
        return 1 / (speed / ADVECTION_LIMIT + diffusion / DIFFUSION_LIMIT)

    def advanced(self, state: State, duration: float) -> State:
        """The state after ``duration``; raises FloatingPointError where it is no number, or no flow any more.

        Steps are equal over parts of the duration, each as long as the flow at the part's beginning allows.
        """
        num_parts = int(np.ceil(duration / LONGEST_PART))
        self._require_flow(state)
        for _ in range(num_parts):
            part = duration / num_parts
            num_steps = int(np.ceil(part / self.longest_step(state)))
            for _ in range(num_steps):
                state = self.stepped(state, part / num_steps)
            self._require_flow(state)
        return state

    def _require_flow(self, state: State) -> None:
        if not all(np.abs(values).max() < HIGHEST for values in state):  # whatever is no number is not less
            raise FloatingPointError(f"the flow at Rayleigh number {self.rayleigh:g} left the grid of {self.rows} rows")


def sideways(values: Values, dx: float) -> Values:
    """The second derivative along the layer."""
    return (right(values) + left(values) - 2 * values) / dx**2


def wall_gradient(values: Values, bottom: float, top: float, dz: float) -> Values:
    """Upward gradients on all faces (rows + 1, columns) of values in middles, with walls half a cell beyond them."""
    gradient = np.empty((len(values) + 1, values.shape[1]))
    gradient[1:-1] = np.diff(values, axis=0) / dz
    gradient[0], gradient[-1] = (values[0] - bottom) * 2 / dz, (top - values[-1]) * 2 / dz
    return gradient
