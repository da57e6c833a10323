"""The quality of predicted frames over seeds: which steps count, and in which words and numbers they are shown."""

import pytest
import torch

from tune.measures.model_quality import USUAL, ModelQuality, maps_figure, quality_figure, steps_figure, view_of
from tune.translating_mnist_search import SEARCH


def values(*means):
    return {"mean": list(means), "error": [0.0] * len(means)}


def content(mse, own_steps, clips=4):
    """A seed's file: one number of steps, after which the error is ``mse`` frame by frame, and before it is 1."""
    frames = {str(count): dict.fromkeys(("mse", "psnr", "ssim"), values(*numbers))
              for count, numbers in ((0, (1.0, 1.0)), (own_steps, mse))}  # fmt: skip
    losses = {"inner": values(0.5, 0.25), "outer": values(2.0, 1.0)}
    choice = {"own_steps": own_steps, "inner_lr": 1e-3}
    return {"subject": {"inner": {"steps": 1}}, "num_clips": clips, "frames": frames, **losses, **choice}


@pytest.fixture
def model(row):
    maps = {"frames": torch.zeros(2, 1, 4, 4), "heat": torch.zeros(2, 3, 4, 4)}
    return row(ModelQuality, SEARCH.base, USUAL, [content((0.2, 0.4), 1), content((0.4, 0.8), 1)], maps)


def test_the_chosen_steps_of_each_seed_count(model, row):
    assert model.by_frame("mse")[0] == pytest.approx([0.3, 0.6]) and model.label == "m, tailored"
    plain = row(ModelQuality, SEARCH.base, USUAL, model.contents, tailored=False)
    assert plain.by_frame("mse")[0].tolist() == [1.0, 1.0] and plain.label == "m" and plain.steps_words() == ""


def test_words_name_the_drop_and_the_choice(model):
    chosen = "validation chose 1 at 0.001, 1 at 0.001"
    assert model.steps_words() == f"1: inner 0.5 to 0.25, outer 2 to 1; {chosen}"
    assert model.legend == "m, tailored (n = 2)"


def test_a_seed_alone_has_its_own_numbers_and_only_the_first_has_heat_maps(model):
    first, second = (model.of_seed(place) for place in (0, 1))
    assert second.by_frame("mse")[0].tolist() == [0.4, 0.8] and second.cells == [model.cells[1]]
    assert set(first.tensors) == {"frames", "heat"} and second.tensors == {}


def test_metrics_count_frames_from_one_and_losses_steps_from_zero(model):
    points = {(point.name, point.step): point.value for point in model.points()}
    assert points["quality/tailored/mse", 2] == pytest.approx(0.6)
    assert points["quality/tailored/outer_loss", 0] == 2.0 and ("quality/tailored/mse", 0) not in points
    assert view_of("steps-3") == "quality-steps-3"


def test_figures_have_a_panel_for_each_metric_loss_and_component(model):
    assert len(quality_figure([model]).axes) == 3 and len(steps_figure([model]).axes) == 2
    assert "standard error over 4 test clips" in quality_figure([model]).get_suptitle()
    assert len(maps_figure(model).axes) == 2 * 4
