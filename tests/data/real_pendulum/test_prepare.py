"""The filmed pendulum prepared: derivatives and splits as greydanus/hamiltonian-nn, experiment-real/data.py (40-62)."""

import numpy as np
import pytest

from data.errors import DataError, DownloadError
from data.real_pendulum.demo import DemoConfig, render
from data.real_pendulum.prepare import PrepareConfig, folder_of, main, prepare, sequences
from data.systems.stream import read_trajectories
from fernn.config import RealPendulumConfig


def moments(number):
    random = np.random.default_rng(0)
    times = np.cumsum(random.uniform(0.1, 0.5, (number, 1)), axis=0)
    return np.concatenate([times, random.random((number, 2))], axis=1)


@pytest.mark.parametrize(("number", "train", "test"), [(556, 445, 110), (101, 81, 19), (41, 33, 7)])
def test_the_published_split_and_its_differences(number, train, test):
    """dx = (x[1:] - x[:-1]) / (t[1:] - t[:-1]); test is v[a:b], train the rest, a = int(.8 n), b = a + int((1 - .8) n).

    In floats int(555 * (1 - 0.8)) is 110, int(100 * (1 - 0.8)) 19, int(40 * (1 - 0.8)) 7.
    """
    found, given = sequences(moments(number), "published"), moments(number)
    a = int(0.8 * (number - 1))
    assert found["train"].shape == (1, train, 7) and found["test"].shape == (1, test, 7)
    np.testing.assert_array_equal(found["test"][0, :, :2], given[a : a + test, 1:])
    rest = np.concatenate([given[:a, 1:], given[a + test : -1, 1:]])
    np.testing.assert_array_equal(found["train"][0, :, :2], rest)
    np.testing.assert_array_equal(found["train"][0, :, 2:4], rest)  # nothing truer is known
    slope = (given[a + 1, 1:] - given[a, 1:]) / (given[a + 1, 0] - given[a, 0])
    np.testing.assert_allclose(found["test"][0, 0, 4:], [*slope, given[a, 0]], rtol=1e-15)


def test_by_default_no_state_is_in_two_splits():
    found = sequences(moments(101), "default")
    times = [found[split][0, :, 6] for split in ("train", "validation", "test")]
    assert [len(one) for one in times] == [61, 19, 19] and (np.diff(np.concatenate(times)) > 0).all()


def test_a_folder_is_made_once_of_one_file_and_says_what_it_is_of(tmp_path):
    data = RealPendulumConfig()
    made = render(DemoConfig(tmp_path / "made", moments=60))
    manifest = prepare(tmp_path / "demo", data, made.parent)
    assert manifest.demo and manifest.dataset == "real-pendulum-demo" and manifest.details["moments"] == 60
    mine = tmp_path / "mine/real_pend_h_1.txt"
    mine.parent.mkdir()
    mine.write_bytes(made.read_bytes().replace(b"e-002", b"e-003"))
    manifest = prepare(tmp_path / "out", data, mine)
    assert not manifest.demo and "other content than the published real_pend_h_1.txt" in manifest.details["stand_in"]
    assert prepare(tmp_path / "out", data) == manifest == prepare(tmp_path / "out", data, mine)
    read = read_trajectories(folder_of(tmp_path / "out", data), manifest)
    assert {split: states.shape for split, states in read.items()} == {
        "train": (1, 36, 7), "validation": (1, 11, 7), "test": (1, 11, 7),
    }  # fmt: skip
    other = tmp_path / "other.txt"
    other.write_bytes(made.read_bytes().replace(b"e-002", b"e-004"))
    with pytest.raises(DataError, match="is not made of .*other.txt, which has other content"):
        prepare(tmp_path / "out", data, other)
    with pytest.raises(DownloadError, match="is not downloaded: give --files DIR"):
        prepare(tmp_path / "none", data)


def test_the_command_says_what_there_is(tmp_path):
    files = render(DemoConfig(tmp_path / "files", moments=30))
    said = main(PrepareConfig(tmp_path / "out", files, "published"))
    assert said == f"{tmp_path}/out/published: real-pendulum-demo, 30 moments"
