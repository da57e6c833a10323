"""Configs of dynamics networks: what cannot be built is refused."""

import pytest
import torch

from fernn.models.dynamics import CONVECTION, OCEAN, ResNetConfig, UNetConfig
from tests.fernn.models.dynamics.narrow import narrow


@pytest.mark.parametrize(
    ("config", "changed", "message"),
    [
        (ResNetConfig(), {"base": 0}, "base must be 1 or more, got 0"),
        (ResNetConfig(), {"kernel_size": 4}, "kernel_size must be odd, so that a pixel has a middle, got 4"),
        (ResNetConfig(), {"group_order": 6}, "group_order must be a multiple of 4, which has quarter turns, got 6"),
        (UNetConfig(), {"scalars": 2}, "scalars must be 0, or 1 for a temperature, got 2"),
        (UNetConfig(symmetry="magnitude"), {"base": 4}, "base / narrowing must be a multiple of 8 for unet, got 4 / 1"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(config, changed, message):
    with pytest.raises(ValueError, match=message):
        config.override(changed)


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="model.input_length is 24, but 3 frames are given"):
        ResNetConfig(base=2).build()(torch.zeros(1, 3, 2, 8, 8), 1)


def test_augmented_models_are_the_plain_ones_under_names_of_their_own():
    for models in (OCEAN, CONVECTION):
        by_name = {config.name: config for config in models}
        augmented = {name for name, config in by_name.items() if config.augmentation != "none"}
        assert augmented == {f"{n}-augmented-{s}" for n in ("resnet", "unet") for s in ("um", "mag", "rot", "scale")}
        for name in augmented:
            plain, _, short = name.partition("-augmented-")
            same = by_name[plain].override({"name": name, "augmentation": by_name[name].augmentation})
            assert by_name[name] == same and by_name[f"{plain}-{short}"].symmetry == same.augmentation
    assert (
        CONVECTION[10].override({"base": 8}).build().augmentation == "um" and not narrow("resnet").build().augmentation
    )


def test_records_of_earlier_cells_have_no_field_more():
    plain = ResNetConfig().flatten(for_record=True)
    assert not {"augmentation", "resampling", "scalars"} & set(plain) and "augmentation" in ResNetConfig().flatten()
