"""Checkpoints: one safetensors file with tensors, facts as JSON in its header, and a digest of both."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

Tensors = dict[str, Tensor]
HEADER = "fernn"


class CheckpointError(ValueError):
    """A checkpoint that is cut short, altered or not ours."""


def pack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """A checkpoint as bytes; the same input gives the same bytes."""
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(tensors.items())}
    text = json.dumps(facts, sort_keys=True)
    header = json.dumps({"facts": text, "sha256": _digest(owned, text)})
    return save(owned, metadata={HEADER: header})  # one key: safetensors keeps several in no fixed order


def unpack(content: bytes) -> tuple[Tensors, dict[str, Any]]:
    """The tensors and facts of :func:`pack`; raises CheckpointError for anything else."""
    try:
        tensors = load(content)
        whole = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        header = json.loads(whole["__metadata__"][HEADER])
        text, expected = header["facts"], header["sha256"]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"not a checkpoint of this project, or cut short: {error}") from error
    if _digest(tensors, text) != expected:
        raise CheckpointError("the checkpoint's content does not match its own sha256: it was altered")
    return tensors, json.loads(text)


def _digest(tensors: Tensors, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
