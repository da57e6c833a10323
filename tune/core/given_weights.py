"""Weights from files: cells imported from the published code, and checkpoints from which training starts."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data.files import full_path
from data.terminal import say
from fernn.experiment import Experiment
from fernn.files.checkpoint import CheckpointError, Tensors, unpack
from fernn.files.kinds import SAFETENSORS, UnreadableError, kind_of, refusal, require_content
from fernn.files.weights import Fits, WeightsError, weights_in
from fernn.models import ModelConfig
from fernn.models.cnn3d import CNN3DConfig
from fernn.models.fernn import FERNNConfig, GRNNPlusConfig
from fernn.models.predictor import RotatingPredictorConfig, TranslatingPredictorConfig
from fernn.reference import Velocities, from_reference, is_derived, is_published, published_name, renamed
from tune.core.cell_folder import CellFolder
from tune.core.folder import Folder
from tune.core.study import Cell, Study, StudyError, cell_of, key_of

FOLDER = "imported"
STATUS = "imported"
"""The ``status`` of an imported cell's result; a trained cell has "finished"."""


@dataclass(frozen=True)
class ImportedCell:
    """A model with weights from a file, evaluated on one version of the data but not trained.

    The experiment's training fields, such as learning rate and epochs, are not used.
    """

    cell: Cell
    file_name: str
    sha256: str
    """Of the whole file."""

    def config(self) -> dict[str, Any]:
        """Everything that decides the cell's result, by name, with the weights' file name and SHA-256."""
        return self.cell.config() | {"imported": {"sha256": self.sha256, "name": self.file_name}}

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits; equal for equal weights and evaluation, whatever the file's name."""
        return key_of(self.cell.config() | {"imported": self.sha256})

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.cell.experiment.model.label}_{self.key}"


def imported_folder(study: Study, imported: ImportedCell) -> CellFolder:
    """The cell's folder, beside the study's cells and with the same files."""
    return CellFolder(study.folder / f"{FOLDER}/{imported.name}")


def imported_cells(study: Study) -> tuple[ImportedCell, ...]:
    """The imported cells that have a result, in the order of their folders' names."""
    folders = [CellFolder(study.folder / f"{FOLDER}/{name}") for name in study.folder.children(FOLDER)]
    configs = [folder.config() or {} for folder in folders if folder.done() is not None]
    origins = [(cell_of(config), config["imported"]) for config in configs]
    return tuple(ImportedCell(cell, origin["name"], origin["sha256"]) for cell, origin in origins)


def experiments(study: Study) -> list[Experiment]:
    """The experiments of the study's cells, or of its imported cells where it has no others."""
    return [cell.experiment for cell in study.cells or [imported.cell for imported in imported_cells(study)]]


TASKS = {
    FERNNConfig: "kth", GRNNPlusConfig: "kth", CNN3DConfig: "kth",
    TranslatingPredictorConfig: "translating_mnist", RotatingPredictorConfig: "rotating_mnist",
}  # fmt: skip
"""The published program that saved a model's weights."""
SHIFTS = "lstm.shift_kernels"
TOLERANCE = 1e-4
"""Largest difference of outputs, as a share of the largest output: the order of V changes the rounding of sums."""


def read_weights(path: Path, fits: Fits = is_published) -> dict[str, Tensor]:
    """The file's state dict in float32; prints what was removed from it or converted.

    Raises OSError for a file that cannot be opened, StudyError for a file without usable weights.
    """
    try:
        content = weights_in(path, fits)
    except WeightsError as error:
        raise StudyError(str(error)) from error
    if content.notes:
        say(f"{path}: {'; '.join(content.notes)}")
    return content.weights


def published_velocities(config: ModelConfig) -> Velocities:
    """The published ``v_list`` of the model's V, vx in the outer loop; None for the 3D-CNN.

    KTH: (vy, vx) and translating MNIST: (vx, vy), in pixels per frame; rotating MNIST: degrees per frame.
    """
    if isinstance(config, RotatingPredictorConfig):
        return config.velocities
    if not isinstance(config, FERNNConfig | GRNNPlusConfig | TranslatingPredictorConfig):
        return None
    range_y, range_x = config.velocity_range
    pairs = product(range(-range_x, range_x + 1), range(-range_y, range_y + 1))
    return tuple((vx, vy) if isinstance(config, TranslatingPredictorConfig) else (vy, vx) for vx, vy in pairs)


def published_network(weights: Tensors, config: ModelConfig, origin: str = "the weights") -> nn.Module:
    """The published network with ``weights``; raises StudyError with the first weight that does not fit ``config``.

    ``origin`` names the weights in the error.
    """
    if type(config) not in TASKS:
        raise StudyError(f"{config.name} is no model of the published code: its weights cannot be read from a file")
    if mismatch := first_mismatch(weights, config):
        raise StudyError(f"{origin} do not fit {config.name}: {mismatch}")
    try:
        return from_reference(weights, task=TASKS[type(config)], velocities=published_velocities(config))
    except ValueError as error:
        raise StudyError(f"{origin} do not fit {config.name}: {error}") from error


def first_mismatch(weights: Tensors, config: ModelConfig) -> str:
    """The first weight that is unknown, has another shape or is missing, in one line; empty where all fit."""
    expected = expected_shapes(config)
    given = {name: weight for name, weight in weights.items() if name == SHIFTS or not is_derived(name)}
    for name, weight in given.items():
        if (shape := expected.get(renamed(name))) is None:
            return f"{name!r} has no place there"
        if tuple(weight.shape) != shape:
            return f"{name!r} has shape {tuple(weight.shape)}, not {shape}"
    if not (missing := expected.keys() - set(map(renamed, given))):
        return ""
    name = min(missing)
    is_own_name = isinstance(config, CNN3DConfig) and name.startswith("head.")
    return f"{name if is_own_name else published_name(name)!r} is missing"


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every weight in a published file for the model, by this project's names.

    The fixed shift kernels of KTH's FERNNs are included: nothing else in a file distinguishes V_1 from V_2, and
    MNIST's files have none. Kernels that layers share are listed once.
    """
    shapes = {name: tuple(weight.shape) for name, weight in config.build().state_dict().items()}
    shapes = {name: shape for name, shape in shapes.items() if "kernels" not in name or name.startswith("cells.0.")}
    if isinstance(config, FERNNConfig):
        height, width = (2 * radius + 1 for radius in config.velocity_range)
        shapes[SHIFTS] = (height * width, 1, height, width)
    return shapes


@torch.no_grad()
def check_outputs(model: nn.Module, published: nn.Module, inputs: Sequence[Any]) -> None:
    """Raises StudyError where the networks' outputs in eval mode differ by more than :data:`TOLERANCE`."""
    expected, actual = published.eval()(*inputs), model.eval()(*inputs)
    difference, largest = (actual - expected).abs().max().item(), expected.abs().max().item()
    if not difference <= TOLERANCE * largest:
        raise StudyError(
            f"the model must give the outputs of the published network, they differ by {difference:.2g}: "
            f"its fields are not the published ones"
        )


FIELD = "model.initial_weights"


def weights_digest(path: Path) -> str:
    """The SHA-256 of a checkpoint's file; raises StudyError for a missing file and for any other kind of file."""
    content, _ = _read(path)
    return hashlib.sha256(content).hexdigest()


def store_weights(study: Study, path: Path) -> None:
    """Copy the checkpoint into the study's folder; raises StudyError where it does not fit a model that names it."""
    content, tensors = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    models = dict.fromkeys(cell.experiment.model for cell in study.cells)
    for model in (model for model in models if named_weights(model) == digest):
        with torch.device("meta"):
            own = {name: tensor.shape for name, tensor in model.build().state_dict().items()}
        if shapes != own:
            raise StudyError(f"--weights {path} does not fit {model.label}: its weights have other names or shapes")
    if not study.folder.has(name := file_name(digest)):
        study.folder.write(name, content)


def initial_weights(folder: Folder, model: ModelConfig) -> Tensors | None:
    """The weights from which the model's training starts, read from the study's folder; None for random weights.

    Raises StudyError where they are missing or altered.
    """
    digest = named_weights(model)
    if not digest:
        return None
    content = folder.read(file_name(digest)) if re.fullmatch("[0-9a-f]{64}", digest) else None
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        raise StudyError(f"{folder.root} lacks the weights {digest[:12]}, or they were altered: give --weights")
    return unpack(content)[0]


def named_weights(model: ModelConfig) -> str:
    """The SHA-256 of the checkpoint from which the model's training starts; empty for random weights."""
    return getattr(model, FIELD.rpartition(".")[2], "")


def file_name(digest: str) -> str:
    """The weights' file in the study's folder."""
    return f"weights/{digest}.safetensors"


def _read(path: Path) -> tuple[bytes, Tensors]:
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
