"""The published draws: numbers printed by greydanus/hamiltonian-nn, get_dataset of data.py at seed 0.

experiment-pend/data.py (21-65) and experiment-spring/data.py likewise, by SciPy 1.17.1 and NumPy 1.26.4.
"""

import numpy as np
import pytest

from data.systems.published import published_sequences
from fernn.config import data_config

STATES = {"ideal-pendulum": 45, "ideal-spring": 30}
PRINTED = {
    ("ideal-pendulum", "train"): (
        (0.19409569887246791, 1.75637757866446), (1.7800217536828287, 1.3272921447817865), 1.7149569299959673,
        (3.711241111660637, -1.225824292752084), 6.242616465524921,
    ),
    ("ideal-pendulum", "test"): (
        (-0.5816303496097512, 1.5038620834628615), (2.3247409717038416, 0.673355876018875), 1.8959001581047867,
        (3.094210562641412, 1.8822331017608644), 6.07508765824454,
    ),
    ("ideal-spring", "train"): (
        (-0.084702105930239, 0.8053171994059353), (-0.8952867056496477, 0.30024587640831235), 0.20556244407455862,
        (1.25313758969927, -0.2842614283755968), 0.8024453921309511,
    ),
    ("ideal-spring", "test"): (
        (-0.848114492504965, -0.1275699531134734), (-0.3550189679661039, -0.23141113410728498), 0.20348265164484391,
        (-0.30338069907073734, 1.4695104198822382), 0.7818208048344572,
    ),
}  # fmt: skip
"""First and last observed state, mean square of the states, first derivative, mean square of the derivatives."""


def drawn(system, **fields):
    given = {"protocol": "published", "num_frames": STATES[system], "noise": 0.1, "num_sequences": (25, 25, 25)}
    return published_sequences(data_config(system).override(given | fields))


@pytest.mark.parametrize("system", STATES)
def test_states_and_derivatives_are_those_that_the_published_code_draws(system):
    sequences = drawn(system)
    assert np.array_equal(sequences["validation"], sequences["train"])
    for split in ("train", "test"):
        states = sequences[split].reshape(-1, 7)
        observed, derivatives = states[:, :2], states[:, 4:6]
        first, last, square, slope, slope_square = PRINTED[system, split]
        np.testing.assert_allclose([observed[0], observed[-1], derivatives[0]], [first, last, slope], atol=1e-10)
        np.testing.assert_allclose([(observed**2).mean(), (derivatives**2).mean()], [square, slope_square], rtol=1e-10)


def test_noise_is_on_observed_states_alone_and_times_are_even():
    noisy, exact = drawn("ideal-spring")["test"], drawn("ideal-spring", noise=0.0)["test"]
    assert np.array_equal(noisy[..., 2:], exact[..., 2:]) and np.array_equal(exact[..., :2], exact[..., 2:4])
    assert (noisy[..., :2] - noisy[..., 2:4]).std() == pytest.approx(0.1, rel=0.05)
    np.testing.assert_allclose(noisy[..., 6], np.linspace(0, 3, 30)[None].repeat(25, axis=0))
