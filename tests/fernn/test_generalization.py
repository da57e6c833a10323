"""Velocity generalization: what is measured, resumed and averaged; where invariance is exact, it shows."""

import numpy as np
import pytest
import torch

from fernn.batch import Batch
from fernn.config import KTHConfig, RotatingMNISTConfig, TranslatingMNISTConfig
from fernn.experiment import Experiment
from fernn.flows.translation import source_pixels
from fernn.generalization import VelocityGrid, drift_logits, measure, one_by_one, plan
from fernn.seeding import generator
from fernn.train.run import Run

SMALL = {"model.hidden_channels": 4, "model.embedding_channels": (3,)}
AROUND = VelocityGrid.of(KTHConfig(), 1)
SIZE, NUM_CLIPS, NUM_FRAMES = 3, 24, 6


class Noise:
    """Noise in motion; ``asked`` remembers the velocities of every reading."""

    def __init__(self, size=SIZE):
        pixels = generator("noise").integers(0, 256, (NUM_CLIPS, NUM_FRAMES, size, size), dtype=np.uint8)
        self.still, self.labels, self.asked = torch.tensor(pixels), torch.arange(NUM_CLIPS) % 6, []

    def velocities(self, split, velocity_range):
        return generator(split, velocity_range).integers(-velocity_range, velocity_range + 1, size=(NUM_CLIPS, 2))

    def evaluation(self, split, velocities=None):
        assert split == "test"
        self.asked.append(np.asarray(velocities).tolist())
        moving = torch.tensor(np.broadcast_to(velocities, (NUM_CLIPS, 2)).copy())
        y, x = source_pixels(moving, NUM_FRAMES, *self.still.shape[2:])
        clip, t = torch.arange(NUM_CLIPS)[:, None, None, None], torch.arange(NUM_FRAMES)[None, :, None, None]
        clips = self.still[clip, t, y[..., :, None], x[..., None, :]][:, :, None]
        return [Batch(clips[i : i + 10], self.labels[i : i + 10], [""] * len(clips[i : i + 10])) for i in (0, 10, 20)]


def run_of(model, **fields):
    return Run.start(Experiment().override({"model": model, **(fields if model == "3dcnn" else SMALL | fields)}))


def measured(run, clips, grid, known=None, advance=lambda count: None):
    return list(measure(run, clips, grid, known or {}, advance))


def test_every_velocity_is_read_once_and_the_drawn_ones_first():
    clips, counted = Noise(), []
    *_, lines = measured(run_of("grnn"), clips, AROUND, advance=counted.append)
    assert clips.asked[:3] == [clips.velocities("test", k).tolist() for k in (0, 1, 2)]
    assert clips.asked[3:] == [[vy, vx] for vy in (-1, 0, 1) for vx in (-1, 0, 1)]
    assert sum(counted) == len(AROUND.names()) == 12
    assert [len(line) for line in lines.values()] == [3, 3, 3, 3]


def test_known_lines_are_not_measured_again():
    run, clips = run_of("grnn"), Noise()
    steps = measured(run, clips, AROUND)
    assert [len(lines) for lines in steps] == [1, 2, 3, 4]
    clips.asked.clear()
    assert measured(run, clips, AROUND, known=steps[1])[-1] == steps[-1]
    assert clips.asked == [[vy, vx] for vy in (0, 1) for vx in (-1, 0, 1)]
    assert measured(run, clips, AROUND, known=steps[-1]) == []


def test_names_say_which_velocity_an_accuracy_is_of():
    run, clips = run_of("grnn"), Noise()
    lines = measured(run, clips, AROUND)[-1]
    assert AROUND.names()[:5] == ["V0", "V1", "V2", "vy_-1_vx_-1", "vy_-1_vx_0"]
    assert lines["1"][0] == accuracy_at(run, clips, (1, -1))
    assert lines["drawn"][2] == accuracy_at(run, clips, clips.velocities("test", 2))
    assert lines["drawn"][0] == lines["0"][1]


def test_the_plan_has_a_line_for_each_vy():
    assert list(plan(Noise(), VelocityGrid.of(KTHConfig(), 2))) == ["drawn", "-2", "-1", "0", "1", "2"]


def test_every_data_set_has_the_grid_of_the_papers_figure():
    assert VelocityGrid.of(KTHConfig()).axis == [-4, -3, -2, -1, 0, 1, 2, 3, 4]
    assert len(VelocityGrid.of(TranslatingMNISTConfig()).names()) == 3 + 25
    turns = VelocityGrid.of(RotatingMNISTConfig())
    assert list(turns.rows()) == ["angle"] and turns.ranges == (0, 1, 2, 3, 4, 5)
    assert turns.names()[5:8] == ["V5", "angle_-50", "angle_-40"] and turns.rows()["angle"][-1] == (50,)
    assert VelocityGrid.of(RotatingMNISTConfig(angle_step=20), 9).axis[-1] == 180


def test_what_drifts_to_the_left_and_right_alone_has_one_row():
    level = VelocityGrid.of(KTHConfig(drift="horizontal"), 1)
    assert level.rows() == {"vx": [(0, -1), (0, 0), (0, 1)]}
    assert level.ranges == (0, 1) and level.names() == ["V0", "V1", "vx_-1", "vx_0", "vx_1"]
    clips = Noise()
    *_, lines = measured(run_of("grnn"), clips, level)
    assert clips.asked[2:] == [[0, -1], [0, 0], [0, 1]] and list(lines) == ["drawn", "vx"]


@pytest.mark.parametrize(
    ("data", "radius", "rule"),
    [
        (TranslatingMNISTConfig(), 15, "0 to 14 pixels per frame"),
        (RotatingMNISTConfig(), -1, "0 to 18 steps of 10 degrees"),
    ],
)
def test_a_grid_beyond_which_velocities_repeat_is_refused(data, radius, rule):
    with pytest.raises(ValueError, match=f"range must be from {rule}, beyond which .* got {radius}"):
        VelocityGrid.of(data, radius)


def accuracy_at(run, clips, velocities):
    return run.predict(clips.evaluation("test", velocities)).metrics()["accuracy"]


def logits_at(run, clips, velocity):
    return run.predict(clips.evaluation("test", velocity)).values["logits"]


@pytest.mark.parametrize("velocity", [(1, 0), (-1, 1), (2, -2), (4, 3)])
def test_where_v_is_the_whole_group_every_velocity_gives_the_same_logits(velocity):
    """On 3x3 pixels velocities repeat after 3, so that V_1 holds all: its maximum is exactly invariant."""
    circular, clips = {"model.embedding_padding": "circular"}, Noise()
    fernn, grnn = run_of("fernn-v1", **circular), run_of("grnn", **circular)
    still = logits_at(fernn, clips, (0, 0))
    torch.testing.assert_close(logits_at(fernn, clips, velocity), still, rtol=0, atol=1e-6)  # sums in another order
    assert (logits_at(grnn, clips, velocity) - logits_at(grnn, clips, (0, 0))).abs().max() > 1e-3


def test_velocities_repeat_after_the_size_of_a_frame():
    """Also for a model that is not invariant: the clips are the same, bit for bit."""
    wide = VelocityGrid.of(KTHConfig(), 3)
    lines = measured(run_of("3dcnn", **{"model.base": 2}), Noise(), wide)[-1]
    grid = np.array([lines[name] for name in wide.rows()])
    assert np.array_equal(grid[:4], grid[3:]) and np.array_equal(grid[:, :4], grid[:, 3:])


@pytest.mark.parametrize("fields", [{}, {"model.num_layers": 2}, {"model.velocity_range": (0, 0)}])
def test_one_pass_over_still_clips_gives_every_reading_of_an_equivariant_model(fields):
    clips, counted = Noise(size=5), []
    run = run_of("fernn-v1", **{"model.embedding_padding": "circular"} | fields)
    spread_out(run, clips)
    clips.asked.clear()
    *_, lines = measured(run, clips, AROUND, advance=counted.append)
    assert clips.asked == [[0, 0]] and sum(counted) == len(AROUND.names())
    plainly = dict(one_by_one(run, clips, plan(clips, AROUND), lambda count: None))
    assert lines == plainly and len({value for line in lines.values() for value in line}) > 1
    velocities = [(1, 0), (-1, 1), (0, 0)]
    logits = torch.cat(list(drift_logits(run, clips.evaluation("test", (0, 0)), velocities)), dim=1)
    for velocity, found in zip(velocities, logits, strict=True):
        torch.testing.assert_close(found, logits_at(run, clips, velocity), rtol=0, atol=1e-6)
    assert (logits[0] - logits[2]).abs().max() > 1e-4


def test_nothing_is_read_where_no_line_is_missing():
    run, clips = run_of("fernn-v1", **{"model.embedding_padding": "circular"}), Noise()
    *_, lines = measured(run, clips, AROUND)
    clips.asked.clear()
    assert measured(run, clips, AROUND, known=lines) == [] and clips.asked == []


def test_logits_by_the_law_are_refused_where_the_law_is_broken():
    run = run_of("fernn-v1")
    with pytest.raises(ValueError, match="must be 'circular'"):
        run.model.drift_logits(torch.rand(1, 4, 1, SIZE, SIZE), [(0, 1)])


def spread_out(run, clips):
    """Give BatchNorm running averages that are not its first ones, and the clips different classes."""
    run.model.train()(torch.rand(4, NUM_FRAMES, 1, 5, 5))
    logits = logits_at(run, clips, (0, 0))
    with torch.no_grad():
        run.model.head.bias -= logits.mean(dim=0)
