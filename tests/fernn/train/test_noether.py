"""Training Noether Networks: their own loss, the limit of the embedding's gradient, seeded draws.

dylandoblar/noether-networks @c7a65a2, video_prediction/train_noether_net.py (498) limits the gradient of the
embedding alone.
"""

import math

import pytest
import torch

from fernn.batch import Batch
from fernn.config import data_config
from fernn.experiment import Experiment
from fernn.files.checkpoint import pack, unpack
from fernn.models import MODELS
from fernn.seeding import generator
from fernn.train.loop import fit, limit_gradient
from fernn.train.noether import StochasticPrediction, seeded_noise
from fernn.train.run import Run, task_of

FIELDS = {
    "data.name": "physics101", "model": "noether", "model.widths": (2, 3), "model.depths": (1, 1), "model.code": 3,
    "model.latent": 2, "model.recurrent": 3, "model.embedding_width": 2, "model.embedding_dimensions": 2,
    "data.num_frames": 4, "data.size": 16, "epochs": 2, "optim.lr": 1e-2, "optim.clip_norm": 1e-9,
}  # fmt: skip


class Noise:
    """Four clips of noise for training, three for evaluation."""

    def training(self, seed, epoch):
        return [self.batch(4, "train", seed, epoch)]

    def evaluation(self, split):
        return iter([self.batch(3, split)])

    def batch(self, number, *names):
        clips = generator(*names).integers(0, 256, (number, 4, 3, 16, 16), dtype="uint8")
        return Batch(torch.from_numpy(clips), torch.arange(number), [f"{names}-{i}" for i in range(number)])


def rows_of(run):
    return [{name: value for name, value in row.items() if "time/" not in name} for row in fit(run, Noise())]


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit():
    experiment = Experiment().override(FIELDS)
    unbroken, first, resumed = (Run.start(experiment) for _ in range(3))
    rows = rows_of(unbroken)
    assert all(math.isfinite(row["train/mse"]) and row["train/gradient_norm"] > 1e-9 for row in rows)
    next(fit(first, Noise()))
    resumed.load(*unpack(pack(*first.state())))
    assert rows_of(resumed) == rows[1:] and pack(*resumed.state()) == pack(*unbroken.state())


def test_only_the_embeddings_gradient_is_limited():
    run = Run.start(Experiment().override(FIELDS))
    clips = Noise().batch(4, "x").clips.float() / 255
    loss, _ = run.task.loss(run.model, clips, torch.arange(4))
    loss.backward()
    before = [None if p.grad is None else p.grad.clone() for p in run.model.backbone.parameters()]
    norm = limit_gradient(run.model, 1e-12)
    assert norm > 1e-6
    limited = torch.stack([p.grad.norm() for p in run.model.embedding.parameters()]).norm()
    assert 0 < limited < 1.1e-12
    for parameter, gradient in zip(run.model.backbone.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, gradient)
    limit_gradient(run.model.backbone, 1e-3)  # a model that names no weights has all its gradient limited
    whole = torch.stack([p.grad.norm() for p in run.model.backbone.parameters()]).norm()
    assert whole <= 1e-3


def test_draws_of_evaluation_are_the_clips_own_whatever_the_batch():
    run = Run.start(Experiment().override(FIELDS))
    task, model = run.task, run.model
    assert task == StochasticPrediction(2) == task_of(data_config("physics101"))
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.normal_(0, 0.7)
        clips, seeds = Noise().batch(3, "x").clips.float() / 255, torch.tensor([7, 2**62, 7])
        together = task.evaluate(model, clips, seeds)["errors"]
        for i in range(3):
            torch.testing.assert_close(
                task.evaluate(model, clips[i : i + 1], seeds[i : i + 1])["errors"][0], together[i]
            )
        same = task.predicted(model, clips[:1].expand(3, -1, -1, -1, -1), seeds)
        torch.testing.assert_close(same[0], same[2])
        assert not torch.allclose(same[0], same[1])
        found = task.examples(model, clips)
        assert found["clips"].shape == (3, 4, 3, 16, 16) and found["predicted"].shape == (3, 2, 3, 16, 16)
        errors = task.predicted(model, clips, seeds) - clips[:, 2:]
    torch.testing.assert_close(together, errors.square().mean(dim=(2, 3, 4)))


def test_the_metric_of_training_is_the_predicted_frames_error():
    run = Run.start(Experiment().override(FIELDS))
    clips = Noise().batch(4, "x").clips.float() / 255
    torch.manual_seed(3)
    loss, total = run.task.loss(run.model, clips, torch.arange(4))
    torch.manual_seed(3)
    expected, rollout = run.model.outer_loss(clips, run.model.noise(clips, 4), 2)
    assert loss.item() == pytest.approx(expected.item())
    assert total.item() / 4 == pytest.approx((rollout.frames - clips)[:, 2:].square().mean().item())


ACTING = FIELDS | {"data.name": "controlled-pendulum", "model.action_width": 2, "model.inner_steps": 0}


class PushedNoise(Noise):
    """The same with actions."""

    def batch(self, number, *names):
        actions = torch.from_numpy(generator(*names, "actions").standard_normal((number, 4, 1)).astype("float32"))
        return super().batch(number, *names)._replace(actions=actions)


def test_actions_of_a_batch_reach_the_network_in_training_evaluation_and_examples():
    run = Run.start(Experiment().override(ACTING | {"model.use_actions": True}))
    with torch.no_grad():
        for parameter in run.model.backbone.parameters():
            parameter.normal_(0, 0.7)
    batch = PushedNoise().batch(4, "x")
    still = batch._replace(actions=torch.zeros_like(batch.actions))

    def found(one):
        torch.manual_seed(3)
        loss, _ = run.task_of(one).loss(run.model, one.clips.float() / 255, one.labels)
        return loss, run.predict([one]).errors, run.look_at(one)["predicted"]

    for pushed, other in zip(found(batch), found(still), strict=True):
        assert not torch.equal(pushed, other)
    clips, seeds = batch.clips.float() / 255, batch.labels
    noise = seeded_noise(run.model, clips, seeds)
    with torch.no_grad():
        expected = run.model(clips[:, :2], 2, noise, batch.actions) - clips[:, 2:]
    torch.testing.assert_close(run.predict([batch]).errors, expected.square().mean(dim=(2, 3, 4)))
    assert all(math.isfinite(row["train/loss"]) for row in fit(run, PushedNoise()))


def test_without_use_actions_the_actions_of_a_batch_change_nothing():
    run, batch = Run.start(Experiment().override(ACTING)), PushedNoise().batch(4, "x")
    assert torch.equal(run.predict([batch]).errors, run.predict([batch._replace(actions=None)]).errors)


def derivative_run(**fields):
    """A run of small networks of a pendulum's derivatives, and its one batch: two sequences of six states."""
    data = {"data.name": "real-pendulum", "data.num_frames": 6, "optim.lr": 1e-2, "epochs": 3}
    run = Run.start(Experiment().override({**data, "model": "vanilla-mlp", "model.width": 8, **fields}))
    numbers = generator("derivatives").standard_normal((2, 6, 4), dtype="float32")
    times = torch.arange(6.0).mul(0.1).expand(2, 6)[..., None]
    known = torch.cat([torch.from_numpy(numbers), times], dim=2)
    return run, Batch(known[..., :2, None, None] + 0.1, known, ["a", "b"])


class Repeated:
    """One batch, three times an epoch."""

    def __init__(self, batch):
        self.batch = batch

    def training(self, seed, epoch):
        return [self.batch] * 3

    def evaluation(self, split):
        return [self.batch]


def test_derivatives_learn_from_observed_states_and_rollouts_begin_at_the_true_one():
    run, (clips, known, *_) = derivative_run()
    loss, value = run.task.loss(run.model, clips, known)
    predicted = run.model.mlp(clips.flatten(0, 1).flatten(1)).view(2, 6, 2)
    torch.testing.assert_close(loss, (predicted - known[..., 2:4]).square().mean())
    torch.testing.assert_close(value, 2 * loss)
    with torch.no_grad():
        scores = run.task.evaluate(run.model, clips, known)
        rolled = run.model.rollout(known[:, 0, :2], known[..., 4])[:, 1:]
    truth = known[:, 1:, :2]
    torch.testing.assert_close(scores["errors"], (rolled - truth).square().mean(dim=2))
    torch.testing.assert_close(scores["derivative_errors"], (predicted - known[..., 2:4]).square().mean(dim=2).detach())
    energies = [states[..., 1].square() - 2.4 * states[..., 0].cos() for states in (rolled, truth)]
    torch.testing.assert_close(scores["energy_errors"], (energies[0] - energies[1]).square())
    metrics = run.predict([Batch(clips, known, ["a", "b"])]).metrics()
    assert metrics["rmse"] == pytest.approx(scores["errors"].mean().sqrt().item())
    assert metrics["derivative_mse"] == pytest.approx(scores["derivative_errors"].mean().item())
    assert metrics["energy_mse"] == pytest.approx(scores["energy_errors"].mean().item())


def test_a_run_resumed_between_its_two_phases_equals_an_unbroken_one_bit_for_bit():
    fields = {"model": "meta-tailored", "model.derivative_steps": 4, "model.inner_lr": 0.5}
    (unbroken, batch), (first, _), (resumed, _) = (derivative_run(**fields) for _ in range(3))
    rows = [{n: v for n, v in row.items() if "time/" not in n} for row in fit(unbroken, Repeated(batch))]
    next(fit(first, Repeated(batch)))
    resumed.load(*unpack(pack(*first.state())))
    assert int(resumed.model.steps) == 3  # the fifth step is the first that is tailored
    again = [{n: v for n, v in row.items() if "time/" not in n} for row in fit(resumed, Repeated(batch))]
    assert again == rows[1:] and pack(*resumed.state()) == pack(*unbroken.state())


def test_before_its_meta_tailoring_a_network_is_the_plain_one_of_its_seed():
    (plain, batch), (tailored, _) = (
        derivative_run(),
        derivative_run(**{"model": "meta-tailored", "model.inner_lr": 0.5}),
    )
    for run in (plain, tailored):
        next(fit(run, Repeated(batch)))
    assert all(map(torch.equal, plain.model.mlp.parameters(), tailored.model.mlp.parameters()))


def test_a_model_of_states_and_one_of_derivatives_are_refused_on_each_others_data():
    run, (clips, known, *_) = derivative_run()
    stepper = MODELS["ideal-pendulum"]["mlp"].build()
    with pytest.raises(ValueError, match="it predicts no derivatives, as the data's models vanilla-mlp"):
        run.task.loss(stepper, clips, known)
    with pytest.raises(ValueError, match="it predicts derivatives, which data.protocol default does not have"):
        task_of(data_config("ideal-pendulum")).loss(run.model, clips, torch.arange(2))
