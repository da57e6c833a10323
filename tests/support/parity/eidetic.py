"""Golden files of E3D-LSTM and of Tan's variants, as networks of ours with the published weights.

Made by kevinstan/video_prediction @e334293 itself on TensorFlow 1.15.5 (float32, one thread): the ``rnn`` of the file
in ``src/models/`` that the metadata name, with its loss and ``tf.gradients`` of it.

    e3d_lstm      concept_lstm_net.py (25-108), kernel [2, 5, 5], line for line the network of google/e3d_lstm
    e3d_2d        original_e3d_lstm_net.py (29-112), kernel [1, 5, 5]
    e3d_residual  original_e3d_lstm_residuals.py (29-118)
    e3d_encoder   concept_3d_lstm_net.py (30-124)
    e3d_add       e3d_lstm_net_add.py (30-126)
    e3d_concat    e3d_lstm_net_concat.py (30-130)

The cell is ``src/layers/rnn_cell.py`` (169-217). The last three do not build with it: its attention refuses states of
four axes (131-132). They have the cell of 27 May 2019 that the repository keeps compiled beside it: in the place of
attention (189-190) it has the line that is a comment now (191). Their width, 64 in the source, is the metadata's.
``in.shown``: which of the frames between the given ones and the last are shown. Loss and gradients are of the sum over
the batch, ours of its mean.
"""

from dataclasses import replace

import torch

from fernn.config import MovingConfig
from fernn.models import MODELS
from fernn.train.run import task_of
from tests.support.golden import part
from tests.support.parity.measure import GRADIENTS, OUTPUTS, worst

NETWORKS = {
    "e3d_lstm": ("e3d-lstm", {}),
    "e3d_2d": ("e2d-lstm", {}),
    "e3d_residual": ("e3d-lstm-residual", {}),
    "e3d_encoder": ("e3d-lstm-encoder", {}),
    "e3d_add": ("e3d-lstm-add", {"l2_weight": 2.0}),
    "e3d_concat": ("e3d-lstm-concat", {"l2_root": True}),
}
"""By golden file: the model, and the fields of its loss."""
KERNELS = ("from_hidden", "from_inputs", "from_memory", "from_cell", "from_new_memory", "joined")
"""In the order in which the published cell makes its convolutions."""
NORMS = {
    "hidden": "norm_hidden", "inputs": "norm_inputs", "global_memory": "norm_memory", "self_attn": "norm_cell",
    "new_cell": "norm_cell",
}  # fmt: skip
KINDS = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def renamed(name):
    """Our name of a published variable."""
    *place, kind = name.removeprefix("generator/e3d-lstm/").split("/")
    if place[0] in ("conv3d", "3Denc"):
        return f"{'decoder' if place[0] == 'conv3d' else 'encoder'}.{KINDS[kind]}"
    number = place[1].partition("_")[2] or "0"
    part = NORMS.get(place[1]) or KERNELS[int(number)]
    return f"cells.{place[0].removeprefix('e3d')}.{part}.{KINDS[kind]}"


def as_ours(value):
    """A kernel (d, h, w, in, out), or (l, places, in, out), as (out, in, d, h, w)."""
    if value.dim() == 4:
        value = value.unsqueeze(1)
    return value.permute(4, 3, 0, 1, 2) if value.dim() == 5 else value


def network_of(name, values, metadata):
    """The network with the published weights, its gradients by our names, and the task."""
    model, loss = NETWORKS[name]
    sizes = {field: int(metadata[field]) for field in ("num_layers", "hidden_channels", "patch_size")}
    network = replace(MODELS["moving-mnist"][model], **sizes).build()
    network.load_state_dict({renamed(key): as_ours(weight) for key, weight in part(values, "weights.").items()})
    gradients = {renamed(key): as_ours(gradient) for key, gradient in part(values, "grad.").items()}
    data = replace(MovingConfig(), num_frames=values["in.clip"].shape[1], input_frames=3, **loss)
    return network, gradients, task_of(data)


def compared(name, values, metadata):
    """Predictions, loss and gradients; the memory's kernels have gradients of 0 in both."""
    found = [row for row in pairs(name, values, metadata) if row[2].any()]
    return worst({what: (a, b, GRADIENTS if "gradient" in what else OUTPUTS) for what, a, b in found})


def pairs(name, values, metadata):
    """By quantity, ours and the published value: predictions in and out of training, the loss, the gradients."""
    network, gradients, task = network_of(name, values, metadata)
    clips, shown = values["in.clip"], values["in.shown"]
    given = torch.cat([torch.ones(len(clips), task.input_frames, dtype=torch.bool), shown], dim=1)
    horizon = values["out.eval_prediction"].shape[1]
    with torch.no_grad():
        yield "prediction", network(*task.inputs(clips)), values["out.eval_prediction"]
        yield "prediction, frames shown", network.forced(clips, given)[:, -horizon:], values["out.train_prediction"]
    loss = task.loss(network, clips, shown)[0] * len(clips)
    loss.backward()
    yield "loss", loss.detach(), values["out.train_loss"]
    for key, parameter in network.named_parameters():
        ours = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        yield f"gradient of {key}", ours, gradients[key]
