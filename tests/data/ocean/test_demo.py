"""Made currents: of a stream function, the same every time, in files as real ones."""

import numpy as np

from data.ocean import demo
from data.ocean.levels import WARM
from data.ocean.regions import read_regions


def test_made_currents_have_no_divergence_and_are_the_same_every_time():
    fields = demo.currents("atlantic", 32, 48)
    again = demo.currents("atlantic", 32, 48)
    assert np.array_equal(fields, again) and fields.shape == (demo.NUM_DAYS, 2, 32, 48)
    u, v = fields[:, 0], fields[:, 1]
    along = np.roll(u, -1, -1) - np.roll(u, 1, -1)
    down = np.roll(v, -1, -2) - np.roll(v, 1, -2)
    inner = np.s_[:, 4:-4, 4:-4]
    assert np.abs((along - down)[inner]).mean() < 0.15 * np.abs(along[inner]).mean()  # rows go down, v up
    assert np.abs((along + down)[inner]).mean() > 0.5 * np.abs(along[inner]).mean()


def test_a_made_file_is_read_as_the_currents_with_a_coast_in_the_north_west(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "NUM_DAYS", 3)
    (region,) = read_regions([demo.write_region(tmp_path, "atlantic", (12, 16))])
    assert region.name == "atlantic" and region.land[:3, :4].all() and region.land.sum() == 12
    right = demo.currents("atlantic", 12, 16)
    right[:, :, :3, :4] = 0
    np.testing.assert_allclose(region.fields, right, atol=1e-6)
    assert (region.facts["first"], region.facts["last"]) == ("2000-01-01", "2000-01-03")


def test_a_made_temperature_is_carried_by_the_water():
    """Water that moves four pixels a day northwards, up the picture, has what was four rows below it."""
    north = np.zeros((3, 2, 16, 16), np.float32)
    still = demo.temperatures(north)
    assert still.shape == (3, 16, 16) and np.ptp(still[0], axis=0).min() > 7
    np.testing.assert_allclose(still, np.broadcast_to(still[0], still.shape))
    north[:, 1] = 4 / demo.PACE
    carried, kept = demo.temperatures(north), (1 - 1 / (demo.MEMORY * demo.STEPS)) ** demo.STEPS
    assert np.abs(carried[1] - np.roll(still[0], -4, 0)).max() < 4 * (1 - kept) + 0.05
    assert np.abs(carried[1] - np.roll(still[0], 4, 0)).max() > 4


def test_made_temperatures_stand_beside_the_same_currents(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "NUM_DAYS", 3)
    path = demo.write_region(tmp_path, "atlantic", (12, 16), warm=True)
    (region,) = read_regions([path], WARM)
    right = demo.currents("atlantic", 12, 16)
    np.testing.assert_allclose(
        region.fields[:, 2][:, ~region.land], demo.temperatures(right)[:, ~region.land], atol=1e-4
    )
    manifest = demo.prepare(tmp_path, 16, "currents-and-temperature")
    assert manifest.demo and manifest.hash != demo.prepare(tmp_path, 16).hash


def test_made_tiles_are_a_demo_of_two_regions(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "NUM_DAYS", 2)
    manifest = demo.prepare(tmp_path, 16)
    assert manifest.demo and manifest.dataset == demo.DATASET and manifest.num_clips == 2 * 3 + 1 * 2
    assert demo.prepare(tmp_path, 16) == manifest
