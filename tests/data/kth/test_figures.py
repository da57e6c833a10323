"""Stick figures: bodies of their own, and movements that one frame does not tell apart where it must not."""

import numpy as np
import pytest

from data.kth.annotations import ACTIONS
from data.kth.figures import CYCLE, LARGEST, POSES, SMALLEST, body_of, phases
from fernn.seeding import generator


def test_a_person_has_one_body_of_its_own():
    bodies = np.array([list(vars(body_of(person)).values()) for person in range(1, 26)])
    assert body_of(7) == body_of(7) and len({tuple(body) for body in bodies.tolist()}) == 25
    assert (bodies > SMALLEST).all() and (bodies < LARGEST).all()


@pytest.mark.parametrize("action", ACTIONS)
def test_limbs_keep_their_length_and_a_cycle_ends_where_it_began(action):
    body = body_of(3)
    chains = dict(POSES[action](body, np.linspace(0, 2 * np.pi, 9), generator("x")).chains)
    upper, forearm = np.linalg.norm(np.diff(chains["arm"], axis=1), axis=-1).T
    np.testing.assert_allclose(upper, body.upper_arm, rtol=1e-12)
    np.testing.assert_allclose(forearm, body.forearm, rtol=1e-12)
    for chain in chains.values():
        np.testing.assert_allclose(chain[0], chain[-1], rtol=0, atol=1e-12)
    assert any(np.ptp(chain, axis=0).max() > 0.1 for chain in chains.values())


def test_jogging_and_running_show_the_same_poses():
    poses = [POSES[action](body_of(1), np.linspace(0, 6, 50), generator("x")) for action in ("jogging", "running")]
    for (_, one), (_, other) in zip(poses[0].chains, poses[1].chains, strict=True):
        np.testing.assert_array_equal(one, other)


def test_jogging_and_running_differ_in_tempo_and_their_tempi_overlap():
    def tempi(action):
        draws = (phases(action, body_of(1 + i % 25), 2, generator("x", i)) for i in range(500))
        return np.array([float(phase[1] - phase[0]) for phase in draws])

    jogging, running = tempi("jogging"), tempi("running")
    assert np.median(running) > 1.3 * np.median(jogging)
    assert running.min() < jogging.max()
    assert CYCLE["running"] < CYCLE["jogging"] < CYCLE["walking"]
