"""Flows: the laws that every family keeps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.flows import RotationFlow, TranslationFlow
from fernn.flows.translation import parse_velocities

velocities = st.tuples(st.integers(-5, 5), st.integers(-5, 5))
times = st.integers(-20, 20)
KINDS = {
    "translation": (TranslationFlow.box(1, 2), velocities, (0, 0), (2, 6, 7)),
    "rotation": (RotationFlow((0, 90), 4), st.integers(-5, 5).map(lambda turns: 90 * turns), 0, (8, 7, 7)),
}


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data(), s=times, t=times)
def test_flows_keep_the_laws(name, data, s, t):
    flow, kinds, zero, shape = KINDS[name]
    v, image = data.draw(kinds), torch.rand(*shape)
    for act in (flow.act, flow.act_hidden):
        assert torch.equal(act(image, v, 0), image)
        assert torch.equal(act(act(image, v, t), v, s), act(image, v, s + t))
        assert torch.equal(act(act(image, v, t), flow.difference(zero, v), t), image)


def test_velocities_are_whole_and_different():
    with pytest.raises(ValueError, match="different"):
        TranslationFlow(((0, 1), (0, 1)))
    with pytest.raises(ValueError, match="whole pixels"):
        parse_velocities([(0.5, 1)])
