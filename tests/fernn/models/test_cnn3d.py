"""The 3D-CNN: published parameter counts, and what it maps clips to.

Counted in akandykeller/FERNN @7def7bc, kth/train_kth_classification.py: Video3DCNNClassifier (330-372), whose base is
16 times the multiplier in main (923-929) and 32 by default. Its outputs are compared in
``tests/fernn/test_reference.py``.
"""

import pytest
import torch

from fernn.models.cnn3d import CNN3DConfig


@pytest.mark.parametrize(("base", "number"), [(16, 208_598), (32, 831_910)])
def test_parameter_counts_are_the_published_ones(base, number):
    assert sum(parameter.numel() for parameter in CNN3DConfig(base=base).build().parameters()) == number


def test_every_model_maps_clips_to_logits():
    assert CNN3DConfig(base=2).build()(torch.rand(2, 4, 1, 8, 8)).shape == (2, 6)


def test_a_network_without_channels_is_refused():
    with pytest.raises(ValueError, match="base must be 1 or more, got 0"):
        CNN3DConfig(base=0)
