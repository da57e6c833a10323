"""The made pendulum: in the published file's form, damped, and the same each time."""

import re

import numpy as np
import pytest

from data.errors import DataError
from data.real_pendulum.demo import DemoConfig, motion, render
from data.real_pendulum.source import read_motion

ROW = re.compile(r"(  -?\d\.\d{16}e[+-]\d{3}){4} ")
"""As of the published file."""


def test_the_file_has_the_published_form_and_its_numbers(tmp_path):
    config = DemoConfig(tmp_path / "a", moments=40)
    heading, *rows = render(config).read_bytes().decode().split("\r\n")
    assert heading == "%o v" and rows.pop() == "" and len(rows) == 40 and all(map(ROW.fullmatch, rows))
    np.testing.assert_array_equal(read_motion(tmp_path / "a").moments, motion(config))
    again = render(DemoConfig(tmp_path / "b", moments=40)).read_bytes()
    assert again == (tmp_path / "a/real_pend_h_1.txt").read_bytes() == render(config).read_bytes()


def test_energy_is_conserved_without_friction_and_noise_and_lost_with_friction():
    def energy(**fields):
        moments = motion(DemoConfig("x", moments=200, noise=0.0, **fields))
        return moments[:, 2] ** 2 - 2.4 * np.cos(moments[:, 1])

    assert np.ptp(energy(friction=0.0)) < 1e-6
    assert (np.diff(energy()) < 0).all()
    spans = np.diff(motion(DemoConfig("x"))[:, 0])
    assert spans.min() == pytest.approx(1 / 6) and spans.max() > 0.3  # some lack


def test_a_file_that_is_not_made_here_is_left_alone(tmp_path):
    (tmp_path / "real_pend_h_1.txt").write_text("mine")
    with pytest.raises(DataError, match="holds real_pend_h_1.txt that is not made here"):
        render(DemoConfig(tmp_path))
    for fields, message in (({"moments": 9}, "moments must be 20 or more"), ({"noise": -1.0}, "noise must be 0 or")):
        with pytest.raises(DataError, match=message):
            DemoConfig(tmp_path, **fields)
