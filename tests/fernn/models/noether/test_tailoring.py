"""The inner loop: what is compared, how a step goes, and that a sample is moved by its own loss alone."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.models.noether.quantities import conservation_loss
from fernn.models.noether.tailoring import Descent, InnerSteps, descend, tailored

SERIES = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [3.0, 1.0]]])


@pytest.mark.parametrize(("compared", "expected"), [("previous", 1 + 2), ("first", 1 + 5), ("both", 1 + 2 + 1 + 5)])
def test_losses_are_means_over_dimensions_summed_over_time(compared, expected):
    assert conservation_loss(SERIES, compared).tolist() == [expected]


@given(shift=st.floats(-5, 5), seed=st.integers(0, 2**16))
def test_a_constant_has_no_loss_and_an_offset_changes_none(shift, seed):
    series = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(conservation_loss(series + shift), conservation_loss(series))
    assert conservation_loss(series[:, :1].expand(-1, 4, -1), "both").tolist() == [0, 0]


def bowl(moved):
    """A loss for each sample, with its minimum at (1, 2, 3)."""
    losses = (moved["x"] - torch.tensor([1.0, 2.0, 3.0])).pow(4).sum(dim=1)
    return losses, moved["x"].sum()


@pytest.mark.parametrize(("name", "library"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_steps_are_those_of_pytorchs_optimizers(name, library):
    start = torch.randn(2, 3)
    values = start.clone().requires_grad_()
    optimizer = library([values], lr=0.01)
    for step in islice(descend(bowl, {"x": start}, Descent(0.01, name)), 20):
        optimizer.zero_grad()
        losses, _ = bowl({"x": values})
        assert torch.allclose(step.losses, losses, rtol=1e-5, atol=1e-6)
        losses.sum().backward()
        optimizer.step()
    torch.testing.assert_close(step.moved["x"], values.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(tailored(bowl, {"x": start}, InnerSteps(20, 0.01, optimizer=name))["x"], step.moved["x"])
    assert tailored(bowl, {"x": start}, InnerSteps(0, 0.01))["x"] is start
