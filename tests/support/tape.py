"""Recording of a step on the CPU: tensor calls on a tape, carried out again on the same tensors, as a CUDA graph does.

What Python decided while the step was recorded (a number, a branch, which tensor is read) stays as it was then.
"""

from contextlib import nullcontext

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fernn.train.graph import Recording, tensors_in

HOST_READS = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero"}


class Tape(TorchDispatchMode):
    """Records every call; raises RuntimeError for one whose result the host reads, as CUDA does."""

    def __init__(self, device="cpu"):
        super().__init__()
        self.device = torch.device(device)
        self.calls, self.num_replays = [], 0

    def stream(self):
        return nullcontext()

    def record(self, step):
        self.calls = []
        with self:
            result = step()
        return Recording(self.replay, result, [])

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in HOST_READS:
            raise RuntimeError("operation not permitted when stream is capturing")
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            results = [] if func._schema.is_mutable else [one.detach() for one in tensors_in(made)]
            self.calls.append((func, args, kwargs or {}, results))
        return made

    @torch.no_grad()
    def replay(self):
        self.num_replays += 1
        for func, args, kwargs, results in self.calls:
            again = func(*args, **kwargs)
            for result, new in zip(results, tensors_in(again), strict=False):
                result.copy_(new)
