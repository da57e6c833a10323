"""Pictures of predictions: which frames stand in them, and which pixels."""

import numpy as np
import pytest
import torch

from tests.support.stored_study import planned_study
from tune.analysis.rollout_plots import NUM_CLIPS, frames_shown, rollout_figure


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
    assert np.unique(drawn[0]).tolist() == [
        1,
        2,
        3,
        4,
        5,
        255,
    ]  # 255: between frames
    assert np.unique(drawn[1]).tolist() == [100, 255] and np.unique(drawn[2]).tolist() == [200, 255]
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["given"] * 3 + ["1", "2"]
    assert "rendered stick figures, not KTH" in figure.get_suptitle()
