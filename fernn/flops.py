"""FLOPs and bytes of one clip, in training and in prediction, by one function for all models without values."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import conv_flop_count, flop_registry

from fernn.experiment import Experiment
from fernn.train.loop import limit_gradient
from fernn.train.run import task_of
from fernn.train.task import Task

Pass = Literal["training", "prediction"]
UNTOUCHED = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view")
"""Operations that neither read nor write an element, beside views."""
OVERWRITTEN = ("copy_", "fill_", "zero_")
"""Operations in place that do not read what they overwrite."""


class UncountableError(ValueError):
    """The model cannot be counted, since it does not run on tensors without values."""


@dataclass(frozen=True)
class Work:
    """What one clip takes, in batches of the experiment's size."""

    flops: float
    """Floating-point operations of matrix products and convolutions, two for each product and sum; products with a
    border of zeros count. Element by element, sampling and normalisation count as bytes alone."""
    num_bytes: float
    """Bytes that operations read and write if each is a kernel of its own. Fused ones move less."""


def work_of(experiment: Experiment, what: Pass = "training") -> Work:
    """The work of a clip: its share of a training step, update included, or of the prediction in an evaluation.

    The step runs on tensors without values (meta), so that it takes a second or two for any size and batch. It is the
    network's own code with its functions of forward and backward, as it computes on a CPU. With precision bf16 the
    whole network is in bf16, as autocast has nearly all of its maps; weights, which it keeps in float32, are few.
    Of a network that is tailored after so many steps (``derivative_steps``) a step before that is counted.
    Counted once for experiments that differ in seed, epochs, learning rate or motion alone. Raises UncountableError
    for a model that needs values, or whose class is not here.
    """
    still = replace(experiment.data, velocity_range=0)
    optim = replace(experiment.optim, lr=1e-3)
    try:
        return _counted(replace(experiment, data=still, optim=optim, seed=0, epochs=1, early_stopping=0), what)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UncountableError(f"model {experiment.model.name!r} does not run without values: {reason}") from error


@cache
def _counted(experiment: Experiment, what: Pass) -> Work:
    data, batch = experiment.data, experiment.batch_size
    dtype = torch.bfloat16 if experiment.precision == "bf16" else torch.float32
    with torch.random.fork_rng(devices=[]):
        model = experiment.model.build().to("meta", dtype)
        shape = batch, data.num_frames, data.channels, data.size, data.size
        clips = torch.empty(shape, device="meta", dtype=dtype)
        labels = torch.empty(batch, *data.label_shape, device="meta", dtype=torch.int64)
        task = task_of(data)
        if data.num_actions:
            task = task.under(torch.empty(batch, data.num_frames, data.num_actions, device="meta", dtype=dtype))
        run = train if what == "training" else predict
        with Counter() as counter:
            run(experiment, task, model, clips, labels)
    return Work(counter.flops / batch, counter.num_bytes / batch)


def train(experiment: Experiment, task: Task, model: nn.Module, clips: Tensor, labels: Tensor) -> None:
    """One training step, as :func:`fernn.train.loop.train_step` does it."""
    optimizer = experiment.optim.build(model.parameters())
    loss, _ = task.loss(model.train(), clips, labels)
    loss.backward()
    limit_gradient(model, experiment.optim.clip_norm)
    optimizer.step()


@torch.no_grad()
def predict(experiment: Experiment, task: Task, model: nn.Module, clips: Tensor, labels: Tensor) -> None:
    """The model's answer in eval mode, without the metrics."""
    model.eval()(*task.inputs(clips))


class Counter(TorchDispatchMode):
    """Adds up the FLOPs and bytes of every operation that PyTorch carries out, those of custom functions as well.

    The formulas are PyTorch's, but for those that are replaced: its count of the weights' gradient of a grouped
    convolution is too high by the number of groups, of a transposed one it counts what is cut off, and of sums in
    place nothing. What the host makes for the device, as tables that are kept, does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops, self.num_bytes = 0, 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        if is_of_host(args, result):
            return result
        if (formula := FORMULAS.get(operation.overloadpacket)) is not None:
            self.flops += formula(*args, **kwargs, out_val=result)
        name = operation.overloadpacket.__name__
        if not operation.is_view and name not in UNTOUCHED:
            read = args[1:] if name in OVERWRITTEN else args
            rest = [value for key, value in kwargs.items() if key != "out"]
            self.num_bytes += sum(map(bytes_of, tree_leaves((read, rest, result))))
        return result


def is_of_host(args: tuple[Any, ...], result: Any) -> bool:
    """Whether an operation's tensors, or its result where it has none, are all on the CPU."""
    tensors = [one for one in tree_leaves(args) if isinstance(one, Tensor)] or [result]
    return all(isinstance(one, Tensor) and one.device.type == "cpu" for one in tensors)


def bytes_of(value: Any) -> int:
    """Bytes of a tensor's elements, each once however often it is repeated by ``expand``; 0 for anything else."""
    if not isinstance(value, Tensor):
        return 0
    sizes = (size for size, stride in zip(value.shape, value.stride(), strict=True) if stride)
    num_elements = 1
    for size in sizes:
        num_elements *= size
    return num_elements * value.element_size() if value.numel() else 0


def convolution_backward(gradient: Tensor, maps: Tensor, weight: Tensor, *options: Any, out_val: Any) -> int:
    """FLOPs of the gradients that are asked for: each takes the products of the forward pass, whatever the groups."""
    *_, transposed, _, _, asked = options
    forward = conv_flop_count([*maps.shape], [*weight.shape], [*gradient.shape], transposed)
    return forward * (asked[0] + asked[1])


def convolution(maps: Tensor, weight: Tensor, *options: Any, out_val: Tensor) -> int:
    """FLOPs of a convolution; of a transposed one, products for outputs that are cut off do not count."""
    transposed = options[4] and maps.shape[2:].numel() < out_val.shape[2:].numel()
    return conv_flop_count([*maps.shape], [*weight.shape], [*out_val.shape], transposed)


def product_with_vector(total: Tensor, matrix: Tensor, vector: Tensor, **options: Any) -> int:
    """FLOPs of a matrix times a vector, which PyTorch does not count."""
    return 2 * matrix.numel()


ATEN = torch.ops.aten
FORMULAS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    ATEN.convolution: convolution,
    ATEN.convolution_backward: convolution_backward,
    ATEN.addmm_: flop_registry[ATEN.addmm],
    ATEN.addmv_: product_with_vector,
}
