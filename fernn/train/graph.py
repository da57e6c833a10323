"""Training steps that are launched at once: recorded as a CUDA graph, then replayed.

With every whole batch a step makes the same calls. A GPU that is launched for each of them waits for the host, while
a graph is one launch. It holds the whole step, the optimizer included, and carries out the same calls on the same
numbers in the same order.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fernn.batch import Batch

SWITCH = "FERNN_CUDA_GRAPHS"
"""The environment variable that turns graphs off where it is 0."""
WARM_UP = 3
"""Whole batches that are computed call by call before one is recorded: algorithms are chosen and tables made."""


@dataclass(frozen=True)
class Recording:
    """A step that was recorded: what carries it out again, where its result is, and what it reads."""

    replay: Callable[[], None]
    result: Tensor
    held: list[Tensor]
    """Tensors made before that the step reads or writes, as tables: they must not be freed."""


class Recorder(Protocol):
    """Records the calls of a step."""

    device: torch.device
    """Where the step's tensors are."""

    def stream(self) -> AbstractContextManager[None]:
        """Where all steps of a run are launched, recorded or not."""

    def record(self, step: Callable[[], Tensor]) -> Recording:
        """Record the step, and carry it out once."""


class Steps:
    """The training steps of a run; without a recorder each is computed call by call.

    With one, whole batches after the first three are replays of one recording, and a shorter batch is computed call by
    call. Where a step cannot be recorded, all are computed call by call, and ``launch`` says why.
    """

    def __init__(self, step: Callable[[Batch], Tensor], batch_size: int, recorder: Recorder | None) -> None:
        self.step, self.batch_size, self.recorder = step, batch_size, recorder
        self.warm_up, self.launch = 0 if recorder is None else WARM_UP, "call by call"
        self.recording: Recording | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """What ``step`` gives for the batch; with a recorder it holds until the next step."""
        if self.recorder is None:
            return self.step(batch)
        with self.recorder.stream():
            return self._launched(self.recorder, batch)

    def _launched(self, recorder: Recorder, batch: Batch) -> Tensor:
        if len(batch.ids) < self.batch_size:
            return self.step(batch)
        if self.warm_up:
            self.warm_up -= 1
            return self.step(batch)
        if self.recording is None:
            return self._recorded(recorder, batch)
        for fixed, given in zip(self.fixed, tensors(batch), strict=True):
            fixed.copy_(given, non_blocking=True)
        self.recording.replay()
        return self.recording.result

    def _recorded(self, recorder: Recorder, batch: Batch) -> Tensor:
        """The first recorded step."""
        self.fixed = [tensor.to(recorder.device, copy=True) for tensor in tensors(batch)]
        clips, labels, *actions = self.fixed
        fixed = Batch(clips, labels, batch.ids, *actions)
        try:
            self.recording = recorder.record(lambda: self.step(fixed))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.recorder, self.launch = None, f"call by call: {first_line(error)}"
            return self.step(batch)
        self.launch = "as a CUDA graph"
        return self.recording.result


def are_asked() -> bool:
    """Whether graphs are wanted, the default; raises ValueError for a switch that says neither."""
    if (asked := os.environ.get(SWITCH, "1")) not in ("", "0", "1"):
        raise ValueError(f"{SWITCH} must be 0 or 1, got {asked!r}: unset it, or set 0 for steps without CUDA graphs")
    return asked != "0"


def tensors(batch: Batch) -> list[Tensor]:
    """What a batch has but for names."""
    return [tensor for tensor in (batch.clips, batch.labels, batch.actions) if tensor is not None]


def first_line(error: BaseException) -> str:
    """The first line of what was raised first."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error).splitlines() or [type(error).__name__])[0]


class CUDARecorder:
    """Records CUDA graphs, on a stream of its own: CUDA records none on the default one."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.side = device, torch.cuda.Stream(device)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """The stream, after what was launched before and before what is launched next on the current one."""
        around = torch.cuda.current_stream(self.device)
        self.side.wait_stream(around)
        try:
            with torch.cuda.stream(self.side):
                yield
        finally:
            around.wait_stream(self.side)

    def record(self, step: Callable[[], Tensor]) -> Recording:
        """Raises RuntimeError for a step that reads a result or makes a table on the host."""
        graph, made_before, pool = torch.cuda.CUDAGraph(), MadeBefore(), torch.cuda.graph_pool_handle()
        try:
            with torch.cuda.graph(graph, pool, self.side, capture_error_mode="thread_local"), made_before:
                result = step()
        except RuntimeError:
            with suppress(RuntimeError):  # PyTorch ends this itself only where the recording ended well
                torch._C._cuda_endAllocateToPool(self.side.device_index, pool)
            raise
        graph.replay()
        return Recording(graph.replay, result, made_before.tensors)


class MadeBefore(TorchDispatchMode):
    """Collects the tensors that calls read or write and none of them made, each memory once."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[Tensor] = []
        self.known = set[int]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in tensors_in((args, kwargs)):
            if (place := tensor.untyped_storage().data_ptr()) not in self.known:
                self.known.add(place)
                self.tensors.append(tensor)
        made = func(*args, **(kwargs or {}))
        self.known |= {tensor.untyped_storage().data_ptr() for tensor in tensors_in(made)}
        return made


def tensors_in(tree: Any) -> list[Tensor]:
    """The tensors among arguments or results."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
