"""The solver of convection: its error and its time: ``python tests/benchmarks/convection.py``.

Steady rolls on finer and finer grids beside what others found, time-dependent convection in five measures of the same
heat transport, and the time of a step on the grids that the search uses.
"""

import time
from dataclasses import dataclass

import numpy as np
import tyro

from data.convection.balance import nusselt
from data.convection.solver import Layer, State

WAVENUMBER = 3.117
CLEVER_BUSSE = {2e3: 1.212, 5e3: 2.116, 1e4: 2.661}
"""Nusselt numbers of rolls at Pr 0.71, Journal of Fluid Mechanics 65, 1974."""


@dataclass(frozen=True)
class Benchmark:
    """What is measured."""

    rows: tuple[int, ...] = (8, 16, 32)
    """Grids of the steady rolls."""
    rayleigh: float = 3e6
    """Of the time-dependent convection."""
    fine_rows: int = 64
    """Its grid, over a layer twice as wide as high."""
    duration: float = 100.0
    """Free-fall times that are averaged over, after as many of warm-up."""


def steady(rayleigh: float, rows: int) -> dict[str, float]:
    """Nusselt numbers of one pair of rolls."""
    layer = Layer(rayleigh, 0.71, rows, 2 * rows, 2 * np.pi / WAVENUMBER)
    x, z = (np.arange(layer.columns) + 0.5) / layer.columns, (np.arange(rows) + 0.5) / rows
    state = layer.at_rest(0.1 * np.sin(np.pi * z)[:, None] * np.cos(2 * np.pi * x))
    return nusselt(layer, layer.advanced(state, 60 if rayleigh > 3e3 else 200))


def noisy(layer: Layer) -> State:
    """Fluid at rest with a little noise."""
    return layer.at_rest(0.01 * np.random.default_rng(0).standard_normal((layer.rows, layer.columns)))


def show_steady(rows: tuple[int, ...]) -> None:
    """One line for each Rayleigh number and grid."""
    for rayleigh, known in CLEVER_BUSSE.items():
        for one in rows:
            begin, found = time.perf_counter(), steady(rayleigh, one)
            spread = max(found.values()) - min(found.values())
            seconds = time.perf_counter() - begin
            print(f"Ra {rayleigh:g}, {one} rows: Nu {found['bottom']:.4f} (known: {known}), "
                  f"five ways within {spread:.1e}, {seconds:.1f} s", flush=True)  # fmt: skip


def show_unsteady(config: Benchmark) -> None:
    """Means over time of the five measures, and how much each moves."""
    layer = Layer(config.rayleigh, 0.71, config.fine_rows, 2 * config.fine_rows, 2.0)
    begin, state, found = time.perf_counter(), layer.advanced(noisy(layer), config.duration), []
    for _ in range(round(2 * config.duration)):
        state = layer.advanced(state, 0.5)
        found.append(nusselt(layer, state))
    print(f"Ra {config.rayleigh:g}, {config.fine_rows} rows, {config.duration:g} free-fall times, "
          f"{time.perf_counter() - begin:.0f} s")  # fmt: skip
    for way in found[0]:
        values = [one[way] for one in found]
        print(f"  {way}: {np.mean(values):.3f}, deviation over time {np.std(values):.3f}")


def show_speed() -> None:
    """Milliseconds a step."""
    for rows, columns in ((64, 256), (64, 448), (128, 896)):
        layer = Layer(1e7, 0.71, rows, columns, columns / rows)
        state, times = layer.stepped(noisy(layer), 1e-3), []
        for _ in range(20):
            begin = time.perf_counter()
            state = layer.stepped(state, 1e-3)
            times.append(time.perf_counter() - begin)
        print(f"{rows} x {columns} cells: {1e3 * np.median(times):.1f} ms a step")


def main(config: Benchmark) -> None:
    """All three."""
    show_steady(config.rows)
    show_speed()
    show_unsteady(config)


if __name__ == "__main__":
    main(tyro.cli(Benchmark))
