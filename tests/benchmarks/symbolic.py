"""Formulas that noisy states conserve, found by this project's table and filter and by gplearn, side by side.

    .venv/bin/python -m pip install gplearn      once, by hand: the project does not depend on it
    .venv/bin/python tests/benchmarks/symbolic.py
    .venv/bin/python tests/benchmarks/symbolic.py --seeds 0 1 2 --generations 30 --population 2000

Both see the same 25 training trajectories with noise 0.1, minimise the same share of the variance that is within
trajectories, and have the same operators; gplearn as a genetic program, with constants that it draws and mutates. Each
row: who, the units asked for, seconds, the share on the training trajectories, the correlation with the energy on exact
test trajectories, and the formula. Without gplearn its rows are left out, with a word on why.
"""

import argparse
import time
import warnings
from importlib.util import find_spec

import numpy as np
import torch

from data.systems.dynamics import energy
from data.systems.prepare import observed
from fernn.config import SystemConfig
from fernn.models.formulas import best_formulas
from fernn.models.formulas.screening import share_within
from tune.pendulum_search import UNITS


def correlation(values, system, states):
    """Of a formula's numbers with the energy, on states (n, t, 2)."""
    return abs(np.corrcoef(np.ravel(values), energy(system, states).ravel())[0, 1])


def ours(system, units, states, test):
    began = time.perf_counter()
    best = best_formulas(torch.from_numpy(states), units, count=1)[0]
    seconds = time.perf_counter() - began
    return seconds, best.share, correlation(best.formula.of(torch.from_numpy(test)).numpy(), system, test), best.formula


def measured(shape):
    """gplearn's measure, of numbers for the states of trajectories, all of which it is given at once."""

    def share(target, values, weights):
        if len(values) != shape[0] * shape[1] or np.std(values) < 1e-6:  # two numbers, to try it; a constant
            return 1.0
        found = share_within(torch.from_numpy(np.asarray(values, float).reshape(shape))).item()
        return found if np.isfinite(found) else 1.0

    return share


def theirs(system, seed, states, test, options):
    from gplearn.fitness import make_fitness
    from gplearn.functions import make_function
    from gplearn.genetic import SymbolicRegressor

    square = make_function(function=np.square, name="square", arity=1)
    share = measured(states.shape[:2])
    program = SymbolicRegressor(
        population_size=options.population, generations=options.generations, random_state=seed,
        metric=make_fitness(function=share, greater_is_better=False), stopping_criteria=0.0,
        function_set=("add", "sub", "mul", "sin", "cos", square), const_range=(-5, 5), init_depth=(2, 4),
        parsimony_coefficient=options.parsimony, feature_names=["q", "p"],
    )  # fmt: skip
    began, flat = time.perf_counter(), states.reshape(-1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program.fit(flat, np.zeros(len(flat)))
        predicted = program.predict(test.reshape(-1, 2))
        fitness = share(None, program.predict(flat), None)
    return time.perf_counter() - began, fitness, correlation(predicted, system, test), program._program


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--generations", type=int, default=20)
    parser.add_argument("--population", type=int, default=1000)
    parser.add_argument("--parsimony", type=float, default=0.001)
    options = parser.parse_args()
    print("system, method, seconds, share, correlation with the energy, formula")
    for system in UNITS:
        config = SystemConfig(system, noise=0.1)
        states, test = observed(config, "train"), observed(config, "test")
        for units in (UNITS[system], "none"):
            report(system, f"table, units {units}", ours(system, units, states, test))
        if find_spec("gplearn") is None:
            print("gplearn is not installed, so its rows are left out: .venv/bin/python -m pip install gplearn")
            continue
        for seed in options.seeds:
            report(system, f"gplearn, seed {seed}", theirs(system, seed, states, test, options))


def report(system, method, found):
    seconds, fitness, agreement, formula = found
    print(f"{system}, {method}, {seconds:.1f}, {fitness:.4f}, {agreement:.4f}, {formula}", flush=True)


if __name__ == "__main__":
    main()
