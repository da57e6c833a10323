"""Fine-tuning: cells whose training starts from the weights of a checkpoint, named by its SHA-256.

A cell says which weights in a field of its model, so other weights are another cell. The study's folder keeps the
file itself, as ``weights/SHA256.safetensors``, for every machine that trains.
"""

import hashlib
import re
from pathlib import Path

import torch

from data.files import full_path
from fernn.files.checkpoint import CheckpointError, Tensors, unpack
from fernn.files.kinds import SAFETENSORS, UnreadableError, kind_of, refusal, require_content
from fernn.models import ModelConfig
from tune.core.folder import Folder
from tune.core.study import Study, StudyError

DIGEST = re.compile("[0-9a-f]{64}")
FIELD = "model.initial_weights"


def fingerprint(path: Path) -> str:
    """The SHA-256 of a checkpoint's file; raises StudyError where there is none, or another file."""
    content, _ = _read(path)
    return hashlib.sha256(content).hexdigest()


def keep(study: Study, path: Path) -> None:
    """Copy the checkpoint into the study's folder; raises StudyError where a model that starts from it has others."""
    content, tensors = _read(path)
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
    content = folder.read(file_name(digest)) if DIGEST.fullmatch(digest) else None
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        raise StudyError(f"{folder.root} lacks the weights {digest[:12]}, or they were altered: give --weights")
    return unpack(content)[0]


def named_weights(model: ModelConfig) -> str:
    """The SHA-256 of the checkpoint that the model's training starts from; empty for weights that are drawn."""
    return getattr(model, FIELD.rpartition(".")[2], "")


def file_name(digest: str) -> str:
    """Where the study's folder has them."""
    return f"weights/{digest}.safetensors"


def _read(path: Path) -> tuple[bytes, Tensors]:
    """The checkpoint's bytes and weights."""
    file = full_path(path)
    try:
        require_content(file)
        if (kind := kind_of(file)) != SAFETENSORS:
            raise refusal(kind)
        content = file.read_bytes()
        return content, unpack(content)[0]
    except OSError as error:
        raise StudyError(f"--weights {path} cannot be read: {error.strerror or error}") from error
    except (UnreadableError, CheckpointError) as error:
        raise StudyError(f"--weights {path}: {error}; give a cell's best/model.safetensors") from error


def _check(model: ModelConfig, tensors: Tensors, path: Path) -> None:
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in model.build().state_dict().items()}
    if wanted != {name: tensor.shape for name, tensor in tensors.items()}:
        raise StudyError(f"--weights {path} does not fit {model.label}: its weights have other names or shapes")
