"""Sequences of an ideal system as the code of Hamiltonian Neural Networks draws them, with their derivatives.

Source: Greydanus et al., "Hamiltonian Neural Networks", NeurIPS 2019; greydanus/hamiltonian-nn, data.py of
experiment-pend and experiment-spring: starts, noise and their order by numpy's legacy generator at seed 0, states by
SciPy's Runge-Kutta method of order 5(4).
"""

import numpy as np
from scipy.integrate import solve_ivp

from data.systems.dynamics import RADII, States, motion
from fernn.config import SystemConfig
from fernn.experiment import Split

SEED, TOLERANCE = 0, 1e-10
"""Of the published script, whatever an experiment's own seed."""


def published_sequences(data: SystemConfig) -> dict[Split, States]:
    """Each split's sequences (n, t, 7): observed q and p, then :data:`fernn.config.KNOWN` of each state.

    Training's come first, then the test's; validation is on those of training.
    """
    random, (num_train, _, num_test) = np.random.RandomState(SEED), data.num_sequences
    drawn = np.stack([_sequence(data, random) for _ in range(num_train + num_test)])
    return {"train": drawn[:num_train], "validation": drawn[:num_train], "test": drawn[num_train:]}


def _sequence(data: SystemConfig, random: np.random.RandomState) -> States:
    direction, (low, high) = random.rand(2) * 2 - 1, RADII[data.name]
    start = direction / np.sqrt((direction**2).sum()) * (random.rand() * (high - low) + low)
    times = np.linspace(0, data.duration, data.num_frames)
    solved = solve_ivp(
        lambda time, state: motion(data.name, state), (0, data.duration), start, t_eval=times, rtol=TOLERANCE
    )
    exact = solved.y.T
    noise = np.stack([random.randn(data.num_frames) for _ in start], axis=1)  # of q, then of p
    return np.concatenate([exact + data.noise * noise, exact, motion(data.name, exact), times[:, None]], axis=1)
