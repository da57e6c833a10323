"""Figures of results: the band around a mean, the classes that a figure names, and which frames are shown."""

import numpy as np
import pytest
import torch

from fernn.config import DATA
from fernn.train.task import Logits
from tests.support.stored_study import planned_study
from tune.analysis import plotting
from tune.analysis.plotting import (
    NUM_CLIPS,
    class_names,
    confusion_figure,
    draw_band,
    draw_seeds,
    frames_shown,
    one_panel,
    rollout_figure,
)


def band(axes):
    """Lowest and highest height of the one band by place."""
    points = axes.collections[0].get_paths()[0].vertices
    return {x: (points[points[:, 0] == x, 1].min(), points[points[:, 0] == x, 1].max()) for x in set(points[:, 0])}


def test_the_band_is_one_sample_deviation_on_either_side_of_the_mean():
    _, axes = one_panel()
    draw_seeds(axes, torch.tensor([[1.0, 2.0], [3.0, 2.0]]), label="grnn")
    assert axes.lines[0].get_xydata().tolist() == [[1, 2], [2, 2]]
    found = band(axes)
    assert found[1] == pytest.approx((2 - 2**0.5, 2 + 2**0.5)) and found[2] == pytest.approx((2, 2))


def test_one_seed_has_no_band_and_a_band_ends_at_the_floor():
    _, axes = one_panel()
    draw_seeds(axes, np.array([[1.0, 2.0]]))
    assert not axes.collections
    draw_band(axes, [1.0, 2.0], [5.0, 0.5], places=[10, 20], floor=0.5)
    found = band(axes)
    assert found[10] == pytest.approx((0.5, 6)) and found[20] == pytest.approx((1.5, 2.5))


def test_spreads_that_are_not_known_are_not_drawn():
    _, axes = one_panel()
    draw_band(axes, [1.0, 2.0], [None, None])
    assert all(len(path.vertices) == 0 for part in axes.collections for path in part.get_paths())


def test_a_figure_names_the_classes_of_the_data():
    kth = DATA["kth"]
    assert class_names(kth, 6) == ["walking", "jogging", "running", "boxing", "handwaving", "handclapping"]
    assert class_names(kth, 7)[-1] == "6" and class_names(DATA["ocean"], 2) == ["0", "1"]
    logits = torch.eye(6)
    name, figure = plotting.test_figure(Logits({"logits": logits, "label": torch.arange(6)}, list("abcdef")), kth, "x")
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert name == "confusion" and shown == list(kth.classes)


def test_every_data_set_for_classification_names_its_classes():
    for data in DATA.values():
        assert (data.task == "classification") == bool(data.classes), data.name


def test_counts_are_shown_where_label_and_prediction_meet():
    figure = confusion_figure(torch.tensor([[3, 1], [0, 2]]), ["left", "right"], "x")
    texts = {tuple(map(int, text.get_position())): text.get_text() for text in figure.axes[0].texts}
    assert texts == {(0, 0): "3", (1, 0): "1", (0, 1): "0", (1, 1): "2"}


@pytest.mark.parametrize(
    ("num_given", "num_frames", "shown"),
    [
        (1, 3, [0, 1, 2]),
        (4, 8, [1, 2, 3, 4, 5, 6, 7]),
        (10, 80, [7, 8, 9, 10, 20, 30, 40, 49, 59, 69, 79]),
    ],
)
def test_the_last_given_and_evenly_spread_predicted_frames_are_shown(num_given, num_frames, shown):
    assert frames_shown(num_given, num_frames) == shown


def test_each_model_has_a_row_below_the_truth(tmp_path):
    study = planned_study(tmp_path, {"model": ("grnn",)}, demo=True)
    clips = torch.arange(6, dtype=torch.uint8).view(1, 6, 1, 1, 1).expand(4, 6, 1, 3, 3)
    one, other = ({"clips": clips, "predicted": torch.full((4, 2, 1, 3, 3), grey)} for grey in (100, 200))
    figure = rollout_figure(study, {"one": one, "other": other})
    drawn = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert [axes.get_ylabel() for axes in figure.axes] == ["truth", "one", "other"] * NUM_CLIPS
    assert np.unique(drawn[0]).tolist() == [1, 2, 3, 4, 5, 255]  # 255: between frames
    assert np.unique(drawn[1]).tolist() == [100, 255] and np.unique(drawn[2]).tolist() == [200, 255]
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["given"] * 3 + ["1", "2"]
    assert "rendered stick figures, not KTH" in figure.get_suptitle()
