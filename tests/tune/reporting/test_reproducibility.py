"""The answers to a review: how weights are updated, where random numbers come from, and what was spent."""

import pytest
import torch

from fernn.experiment import Experiment
from fernn.train.run import task_of
from tune.core.cells import with_fields
from tune.core.search_spec import searches
from tune.reporting.reproducibility import draws, optimizer

SETUPS = [
    pytest.param({**search.base.flatten(), **preset.defaults}, id=f"{name}-{which}")
    for name, search in searches().items()
    for which, preset in search.presets.items()
]


@pytest.mark.parametrize("fields", SETUPS)
def test_the_optimizer_and_the_metric_are_those_of_the_config(fields):
    experiment = with_fields(Experiment().override({"data.name": fields["data.name"]}), {})
    names = {name: fields[name] for name in ("optim.name", "data.name", "model.name") if name in fields}
    experiment = with_fields(experiment.override(names), {k: v for k, v in fields.items() if k not in names})
    said = optimizer(experiment)
    (group,) = experiment.optim.build([torch.nn.Parameter(torch.zeros(1))]).param_groups
    decay = experiment.optim.lr_at(1) / experiment.optim.lr_at(0)
    assert ("without weight decay" in said) == (group["weight_decay"] == 0)
    assert group["weight_decay"] == 0 or f"weight decay {group['weight_decay']:g} " in said
    assert (f"multiplied by {decay:g} after every epoch" in said) == (decay != 1) == ("schedule" not in said)
    limit = experiment.optim.clip_norm
    assert ("not clipped" in said) == (limit is None) and (limit is None or f"clipped at {limit:g}" in said)
    assert ("embedding's weights alone" in said) == (limit is not None and experiment.data.task == "stochastic")
    definition = task_of(experiment.data).metric.definition
    assert ("summed over a frame's pixels" in definition) == (experiment.data.task == "video")
    assert ("domain test" in definition) == (experiment.data.task == "fields")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "depends on no order of calls."),
        ({"data.protocol": "published"}, "in the order of the published code: the clips' velocities."),
        ({"data.name": "physics101", "model": "noether"}, "latent draws of a training epoch come one after the other"),
    ],
)
def test_where_random_numbers_come_from_is_said_as_it_is(fields, said):
    assert said in draws(Experiment().override(fields).data)
