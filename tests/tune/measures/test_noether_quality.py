"""Predictions are measured after each number of inner steps, and clips are summed up when all are read."""

import math

import pytest
import torch

from fernn.models.noether.tailoring import Step
from tune.measures.noether_quality import Gauge, finite, heatmaps

CLIPS = torch.zeros(2, 3, 1, 16, 16)
"""Two clips of one given frame and two to predict."""


def steps(clips):
    """Predictions that are off by 1, then by 0.5, and so on."""
    for count in range(9):
        yield Step(torch.full((len(clips),), float(count)), clips + 0.5**count, {})


def test_losses_are_read_at_every_step_and_frames_where_they_are_shown():
    counted = []
    read = Gauge(2, (0, 2)).read(steps(CLIPS), CLIPS, 1, counted.append)
    assert read["inner"].tolist() == [[0.0, 1.0, 2.0]] * 2 and counted == [2, 2, 2]
    assert read["outer"].tolist() == [[2.0, 0.5, 0.125]] * 2  # summed over two frames
    assert read["2/mse"].tolist() == [[0.0625, 0.0625]] * 2 and "1/mse" not in read


def test_a_document_has_means_over_all_clips():
    gauge = Gauge(1, (0,))
    parts = [gauge.read(steps(CLIPS[:1]), CLIPS[:1], 1, lambda count: None) for _ in range(3)]
    document = gauge.document(parts)
    assert document["num_clips"] == 3 and document["outer"] == {"mean": [2.0, 0.5], "error": [0.0, 0.0]}
    assert set(document["frames"]) == {"0"} and document["frames"]["0"]["mse"]["mean"] == [1.0, 1.0]


def test_numbers_that_are_none_are_none_in_json():
    assert finite(torch.tensor([1.0, math.nan, math.inf])) == [1.0, None, None]


@pytest.mark.parametrize("embedding", [torch.nn.Identity(), torch.nn.Linear(2, 2)])
def test_an_embedding_of_no_windows_has_no_heat_map(embedding):
    assert heatmaps(embedding, CLIPS) == {}
