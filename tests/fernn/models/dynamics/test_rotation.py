"""Networks on regular fields: sizes that cannot be halved."""

import pytest
import torch

from tests.fernn.models.dynamics.narrow import trained_by_chance


def test_odd_sizes_cannot_be_halved_without_a_shift():
    with pytest.raises(ValueError, match="height and width must be even wherever they are halved, got"):
        trained_by_chance("unet-rot-equivariant")(torch.zeros(1, 2, 2, 18, 18), 1)
