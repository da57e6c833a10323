"""The quality of predicted frames by frame and by number of inner steps, kept in the cell's folder.

For each set of options a finished cell's folder holds ``quality/WAY.json``: by number of inner steps, mean and standard
error over the test clips of each predicted frame's metrics, and the inner and outer loss; and
``quality/WAY.safetensors``: heat-maps of the embedding. A report needs only these files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from data.files import full_path, sha256_of
from fernn.frame_quality import FIRST, Perceptual
from fernn.models.noether import NoetherConfig
from fernn.models.noether.tailoring import InnerSteps
from tune.analysis.plotting import ReportFigure, file_name, png
from tune.analysis.results import ModelRow
from tune.core.cell_folder import CellFolder
from tune.core.console import ReportTable
from tune.core.given_weights import read_weights
from tune.core.study import Cell, Study, StudyError
from tune.measures.cell_quality import NoetherMeasurement, PredictorMeasurement, QualityMeasurement, Quantity, Tailoring
from tune.measures.measure import Document, Measure, ResultFile, Results, RunRecord
from tune.measures.model_quality import (
    HOME,
    USUAL,
    ModelQuality,
    clip_numbers,
    maps_figure,
    quality_figure,
    steps_figure,
    view_of,
)

LPIPS_SOURCE = "torchvision's alexnet-owt-7be5be79.pth (https://download.pytorch.org/models/alexnet-owt-7be5be79.pth)"


@dataclass(frozen=True)
class Settings:
    """The options of the quality of predicted frames."""

    steps: int | None = None
    """The largest number of inner steps; by default as trained, and 10 for models that were trained without. A Noether
    Network that was trained with 0 steps takes none."""
    inner_lr: float | None = None
    """Learning rate of inner steps; by default as trained, or chosen on validation clips."""
    optimizer: Literal["sgd", "adam"] | None = None
    """Of inner steps; by default sgd for Noether Networks, which are trained with it, and adam for others."""
    quantity: Quantity | None = None
    """The quantity that predictors other than Noether Networks conserve; by default it is learned."""
    clips: int | None = None
    """The number of validation and of test clips for predictors other than Noether Networks, spread evenly; by default
    64, and all clips with --steps 0."""
    lpips: Path | None = None
    """Weights of torchvision's alexnet or vgg16, .safetensors or .pth, for LPIPS, which is not measured without them.
    They are never downloaded."""

    def way(self, lpips: Perceptual | None) -> str:
        """The name of the options in files and in MLflow: those that differ from the usual ones."""
        options = given(
            steps=self.steps, lr=None if self.inner_lr is None else f"{self.inner_lr:g}", optimizer=self.optimizer,
            quantity=self.quantity, clips=self.clips, lpips=None if lpips is None else lpips.name,
        )  # fmt: skip
        return "_".join(f"{name}-{value}" for name, value in options.items()) or USUAL

    def inner(self, own: InnerSteps) -> InnerSteps:
        """The inner steps of a Noether Network; one that was trained without any step takes none."""
        return replace(own, **given(steps=self.steps, lr=self.inner_lr, optimizer=self.optimizer)) if own.steps else own

    def tailoring(self) -> Tailoring:
        """The inner steps of other predictors; without steps it takes all clips."""
        default = Tailoring(num_clips=None) if self.steps == 0 else Tailoring()
        rates = None if self.inner_lr is None else (self.inner_lr,)
        options = {"optimizer": self.optimizer, "quantity": self.quantity, "num_clips": self.clips}
        return replace(default, **given(steps=self.steps, rates=rates, **options))


def given(**options: Any) -> dict[str, Any]:
    """The options that are given, and not left to their defaults."""
    return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class QualityResults(Results[ModelQuality]):
    """The measurements of a study's models with one set of options."""

    @property
    def view(self) -> str:
        return view_of(self.models[0].way)

    def table(self) -> ReportTable:
        titles = {name: title for model in self.models for name, title in model.titles().items()}
        texts = []
        for model in self.models:
            means = [f"{model.by_frame(name)[0].mean():.4g}" if name in model.titles() else "–" for name in titles]
            texts.append([str(model.num_clips), *means, model.steps_words()])
        columns = ("clips", *titles.values(), "losses by inner steps")
        remark = (
            "The published numbers use SSIM with data range 2 and a uniform window, and PSNR as a mean over channels."
        )
        return self.table_of("test clips, means over predicted frames", columns, texts, remark)

    def figures(self) -> Iterator[ReportFigure]:
        suffix = file_name(self.view).removeprefix(HOME)
        means = [
            f"{model.label}: "
            + ", ".join(f"{title} {model.by_frame(name)[0].mean():.4g}" for name, title in model.titles().items())
            for model in self.models
        ]
        clips = clip_numbers(self.models)
        words = f"Quality of predicted frames, means over {clips} test clips and frames. {'; '.join(means)}."
        yield ReportFigure(f"quality{suffix}", "Quality by predicted frame", words, quality_figure(self.models))
        if stepping := [model for model in self.models if model.num_steps]:
            drops = "; ".join(f"{model.label}: {model.steps_words()}" for model in stepping)
            words = f"Inner and outer loss by number of inner steps. {drops}."
            yield ReportFigure(f"inner-steps{suffix}", "Losses by inner steps", words, steps_figure(self.models))
        for model in stepping:
            if model.tensors:
                number = model.tensors["heat"].shape[1]
                words = f"Grad-CAM of {number} principal components of the embedding of {model.label}."
                name, title = f"grad-cam{suffix}-{file_name(model.label)}", f"{model.label}: where the embedding looks"
                yield ReportFigure(name, title, words, maps_figure(model))

    def run_records(self) -> Iterator[RunRecord]:
        for label, group in groupby(self.models, key=lambda model: model.row.label):
            models = list(group)
            for place, cell in enumerate(models[0].cells):
                yield _record(f"cell/{cell.key}", [model.of_seed(place) for model in models])
            yield _record(f"model/{label}", models)
        yield _record("study", self.models)


def _record(node: str, models: Sequence[ModelQuality]) -> RunRecord:
    """Numbers and figures of the models, which are those of one row except in the study's record."""
    stepping, is_row = [model for model in models if model.num_steps], node != "study"

    def files() -> dict[str, bytes]:
        figures = {"quality.png": quality_figure(models)}
        figures |= {"inner-steps.png": steps_figure(models)} if stepping else {}
        figures |= {"grad-cam.png": maps_figure(stepping[0])} if is_row and stepping and stepping[0].tensors else {}
        return {name: png(figure) for name, figure in figures.items()}

    points = [point for model in models for point in model.points()] if is_row else []
    return RunRecord(node, [model.document() for model in models], points, files)


class FrameQuality(Measure[Settings]):
    """MSE, PSNR, SSIM and LPIPS of predicted frames, and the effect of inner steps on them."""

    name = HOME
    title = "the quality of predicted frames"
    clips = "clips whose frames are predicted"
    tasks = ("stochastic", "prediction", "video")
    command = "noether_eval.py"
    unit = "predictions"
    settings = Settings
    needed = ("frames",)
    row_type, results_type = ModelQuality, QualityResults
    description = """The quality of a study's predicted frames, and the effect of inner steps.

Predicts the test clips with up to --steps inner steps, by SGD or Adam: MSE, PSNR and SSIM of every frame, LPIPS with
--lpips, the inner and outer loss after every step, and Grad-CAM heat-maps of the embedding.

A Noether Network takes the steps that it was trained for. FERNN, E3D-LSTM or any other predictor of frames, which was
trained without, learns a quantity from the true training clips (or conserves the frames' brightness), and moves all its
weights for each clip; learning rate and number of steps are chosen on validation clips. See
fernn/models/noether/tailoring.py for the method, and why such a network is not trained through its steps.
Source: Alet et al., "Noether Networks", NeurIPS 2021.

    python tune/noether_eval.py --study physics101-paper
    python tune/noether_eval.py --study physics101-paper --steps 500 --optimizer adam
    python tune/noether_eval.py --study moving-mnist-paper                 FERNN and E3D-LSTM, tailored by 10 steps
    python tune/noether_eval.py --study moving-mnist-paper --steps 0 --lpips alexnet-owt-7be5be79.pth"""

    def check(self, study: Study, settings: Settings) -> None:
        is_noether = study.cells[0].experiment.data.task == "stochastic"
        steps, rate, clips = settings.steps, settings.inner_lr, settings.clips
        if steps is not None and steps < (1 if is_noether else 0):
            raise StudyError(f"--steps must be 1 or more (0 where nothing was trained with them), got {steps}")
        if rate is not None and not rate > 0:
            raise StudyError(f"--inner-lr must be above 0, got {rate:g}")
        if clips is not None and clips < 1:
            raise StudyError(f"--clips must be 1 or more, got {clips}")
        if is_noether and (clips, settings.quantity) != (None, None):
            raise StudyError("--clips and --quantity are not options of Noether Networks: leave them out")

    def file_of(self, folder: CellFolder, way: Any = USUAL) -> ResultFile:
        """The file of a cell's measurement with those options; its tensors are the heat-maps."""
        return ResultFile(folder, f"{HOME}/{way}.json", self.command, self.needed)

    def measurements(self, study: Study, cells: Sequence[Cell], settings: Settings) -> list[QualityMeasurement]:
        lpips = perceptual(settings.lpips, study.cells[0].experiment.data.size)
        way, measurements = settings.way(lpips), list[QualityMeasurement]()
        for cell in cells:
            model, place = cell.experiment.model, (self, cell, study.cell_folder(cell), way)
            if isinstance(model, NoetherConfig):
                measurements.append(NoetherMeasurement(*place, settings.inner(model.inner()), lpips))
            else:
                measurements.append(PredictorMeasurement(*place, settings.tailoring(), lpips))
        return measurements

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[str]:
        """The names of all sets of options, the usual one first."""
        by_cell = study.folder.each(lambda cell: study.cell_folder(cell).folder.children(HOME), cells)
        ways = {name.removesuffix(".json") for names in by_cell for name in names if name.endswith(".json")}
        return sorted(ways, key=lambda way: (way != USUAL, way))

    def contents(self, study: Study, cells: Sequence[Cell], way: str) -> dict[Cell, Document]:
        """The contents of the files of cells that are measured with the same settings as the first."""
        contents = {cell: self.file_of(study.cell_folder(cell), way).read() for cell in cells}
        measured = {cell: content for cell, content in contents.items() if content is not None}
        settings = [content["subject"] | {"key": "", "weights_sha256": ""} for content in measured.values()]
        return {cell: measured[cell] for cell, own in zip(measured, settings, strict=True) if own == settings[0]}

    def models(self, study: Study, row: ModelRow, way: str) -> list[ModelQuality]:
        """The row with its measurements; empty where there are none.

        A predictor that was trained without inner steps has two: as trained, and tailored where steps are taken.
        """
        models: list[ModelQuality] = []
        for model in super().models(study, row, way):
            assert isinstance(model, ModelQuality)
            kinds = (False, True)[: 1 + bool(model.num_steps)] if model.chooses else (True,)
            models += [replace(model, tailored=tailored) for tailored in kinds]
        return models


def perceptual(path: Path | None, size: int) -> Perceptual | None:
    """LPIPS on the weights in a file, read as untrusted files are, for frames of ``size`` pixels; None without a file.

    Raises StudyError for a file that does not hold them, and for frames that are too small for it.
    """
    if path is None:
        return None
    try:
        file = full_path(path)
        weights = read_weights(file, lambda names: FIRST in names)
        network = Perceptual(weights, sha256_of(file))
        network.require_size(size)
        return network
    except OSError as error:
        raise StudyError(f"--lpips {path} cannot be read ({error.strerror or error}): give {LPIPS_SOURCE}") from error
    except StudyError as error:
        raise StudyError(f"--lpips {error}; or give {LPIPS_SOURCE}") from error
    except (ValueError, RuntimeError) as error:
        raise StudyError(f"--lpips {path}: {' '.join(str(error).split())}; give {LPIPS_SOURCE}") from error
