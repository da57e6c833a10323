"""One training step of the MNIST predictors beside the published algorithm and beside the floor: ``step_mnist.py``.

    published   the released algorithm, written plainly: every slice is moved at every step, then convolved;
                for turns the steerable kernel is made anew at every step
    ours        the model that the search trains
    floor       the convolutions that algebra cannot remove, forward and backward, zero-padded, same shapes and dtype
    MB          what the forward pass keeps for the backward pass

Names are those of the searches behind "drift-" and "turn-". Drift: 28x28 pixels, ten frames to ten, as published but
for the batch. Turn: 40x40 pixels, 4 of the 32 fields (a full step takes minutes on a CPU), five frames to five.
"""

import torch
import torch.nn.functional as F
from steps import Floor, TrainingStep, alternate, main

from fernn.experiment import Experiment
from fernn.flows.rotation import rotate
from fernn.models import MODELS

TASKS = {"drift": ("translating-mnist", 28, 10, {}), "turn": ("rotating-mnist", 40, 5, {"hidden_fields": 4})}


def published_predictions(model, frames, horizon):
    """The released forward pass with our model's weights."""
    flow, state, predictions, frame = model.cell.flow, None, [], None
    for time in range(frames.shape[1] + horizon):
        frame = frames[:, min(time, frames.shape[1] - 1)] if not predictions else predictions[-1].detach()
        drive = model.lift(frame)
        if state is None:
            state = drive.new_zeros(len(frame), len(flow.velocities), *drive.shape[1:])
        moved = torch.stack([carried(flow, state[:, i], v) for i, v in enumerate(flow.velocities)], dim=1)
        convolved = model.cell.convolution(moved.flatten(0, 1)).unflatten(0, moved.shape[:2])
        state = F.relu(drive[:, None] + convolved)
        if time >= frames.shape[1]:
            predictions.append(model.decoder(state.max(dim=1).values))
    return torch.stack(predictions, dim=1)


def carried(flow, state, velocity):
    if isinstance(velocity, tuple):
        return torch.roll(state, velocity, dims=(-2, -1))
    fields = state.unflatten(1, (-1, flow.group_order))
    steps = round(velocity * flow.group_order / 360)
    return rotate(torch.roll(fields, steps, dims=2).flatten(1, 2), velocity)


def convolutions(model, batch, size, num_frames):
    """The floor's: all given frames lifted, one slice, all slices; the feedback and the decoder at each prediction."""
    lift, hidden = (layer.kernel().detach() for layer in (model.lift, model.cell.convolution))
    decoder = [layer.weight for layer in model.decoder if hasattr(layer, "weight")]
    yield batch * num_frames, size, lift, False
    yield batch, size, hidden, True
    for _ in range(2 * num_frames - 2):
        yield len(model.cell.flow.velocities) * batch, size, hidden, True
    for _ in range(num_frames):
        yield batch, size, lift, False
        for weight in decoder:
            yield batch, size, weight, True


def measure(name, batch, dtype, device, repeats):
    kind, _, model_name = name.partition("-")
    data, size, num_frames, fields = TASKS[kind]
    torch.manual_seed(0)
    model = MODELS[data][model_name].override(fields).build().to(device).train()
    frames, target = torch.rand(2, batch, num_frames, 1, size, size, device=device)

    def loss_of(predicted):
        return F.mse_loss(predicted.float(), target)

    steps = {
        "published": TrainingStep(lambda: loss_of(published_predictions(model, frames, num_frames)), device, dtype),
        "ours": TrainingStep(lambda: loss_of(model(frames, num_frames)), device, dtype),
        "floor": Floor(convolutions(model, batch, size, num_frames), device, dtype),
    }
    return alternate(steps, device, repeats)


def experiment_of(name):
    kind, _, model = name.partition("-")
    data, size, num_frames, fields = TASKS[kind]
    chosen = {f"model.{field}": value for field, value in fields.items()}
    lengths = {"data.size": size, "data.num_frames": 2 * num_frames, "data.input_frames": num_frames}
    return Experiment().override({"data.name": data, "model": model, **lengths, **chosen})


if __name__ == "__main__":
    batches = {"drift-grnn": 8, "drift-fernn-v1": 4, "drift-fernn-v2": 2, "turn-fernn-v2": 2}
    main("One training step of the MNIST predictors", __doc__, measure, batches, experiment_of)
