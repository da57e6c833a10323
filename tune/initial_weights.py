"""Fine-tuning: cells whose training starts from the weights of a checkpoint, named by its SHA-256.

A cell says which weights in a field of its model, so other weights are another cell. The study's folder keeps the
file itself, as ``weights/SHA256.safetensors``, for every machine that trains.
"""

import hashlib
from pathlib import Path

import torch

from data.files import full_path
from fernn.checkpoint import CheckpointError, Tensors, unpack
from fernn.models import ModelConfig
from tune.folder import Folder
from tune.study import Study, StudyError

FIELD = "model.initial_weights"


def fingerprint(path: Path) -> str:
    """The SHA-256 of a checkpoint's file; raises StudyError where there is none."""
    try:
        return hashlib.sha256(full_path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise StudyError(f"--weights {path} cannot be read: {error.strerror or error}") from error


def keep(study: Study, path: Path) -> None:
    """Copy the checkpoint into the study's folder; raises StudyError where a model that starts from it has others."""
    content = full_path(path).read_bytes()
    try:
        tensors, _ = unpack(content)
    except CheckpointError as error:
        raise StudyError(f"--weights {path}: {error}; give a cell's best/model.safetensors") from error
    digest = hashlib.sha256(content).hexdigest()
    for model in dict.fromkeys(cell.experiment.model for cell in study.cells):
        if named_weights(model) == digest:
            _check(model, tensors, path)
    if not study.folder.has(name := file_name(digest)):
        study.folder.write(name, content)


def initial_weights(folder: Folder, model: ModelConfig) -> Tensors | None:
    """The weights that the model's training starts from, from the study's folder; None where they are drawn."""
    digest = named_weights(model)
    if not digest:
        return None
    content = folder.read(file_name(digest))
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        raise StudyError(f"{folder.root} lacks the weights {digest[:12]}, or they were altered: give --weights")
    return unpack(content)[0]


def named_weights(model: ModelConfig) -> str:
    """The SHA-256 of the checkpoint that the model's training starts from; empty for weights that are drawn."""
    return getattr(model, FIELD.rpartition(".")[2], "")


def file_name(digest: str) -> str:
    """Where the study's folder has them."""
    return f"weights/{digest}.safetensors"


def _check(model: ModelConfig, tensors: Tensors, path: Path) -> None:
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in model.build().state_dict().items()}
    if wanted != {name: tensor.shape for name, tensor in tensors.items()}:
        raise StudyError(f"--weights {path} does not fit {model.label}: its weights have other names or shapes")
