"""The quality of predicted frames as a measure: its options, table and figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fernn.metrics.frame_quality import Perceptual
from fernn.models.noether import NoetherConfig
from fernn.models.noether.tailoring import InnerSteps
from tune.analysis.plotting import ReportFigure, file_name, png
from tune.analysis.report_table import ReportTable
from tune.core.study import Cell, Study, StudyError
from tune.measures.frame_quality import COMMAND, HOME, USUAL, NoetherMeasurement, QualityMeasurement, ways
from tune.measures.frame_quality_figures import clip_numbers, maps_figure, quality_figure, steps_figure
from tune.measures.lpips import perceptual
from tune.measures.measure import Document, Measure, Results, RunRecord, ShownRow
from tune.measures.model_quality import ModelQuality, view_of
from tune.measures.predictor_quality import PredictorMeasurement, Quantity, tailoring_of


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
        rate = None if self.inner_lr is None else f"{self.inner_lr:g}"
        options = {
            "steps": self.steps, "lr": rate, "optimizer": self.optimizer, "quantity": self.quantity,
            "clips": self.clips, "lpips": None if lpips is None else lpips.name,
        }  # fmt: skip
        return "_".join(f"{name}-{value}" for name, value in options.items() if value is not None) or USUAL


class FrameQuality(Measure[Settings]):
    """MSE, PSNR, SSIM and LPIPS of predicted frames, and the effect of inner steps on them."""

    name = "quality"
    title = "the quality of predicted frames"
    clips = "clips whose frames are predicted"
    tasks = ("stochastic", "prediction", "video")
    command = COMMAND
    unit = "predictions"
    settings = Settings
    description = """The quality of a study's predicted frames, and the effect of inner steps.

Predicts the test clips with up to --steps inner steps, by SGD or Adam: MSE, PSNR and SSIM of every frame, LPIPS with
--lpips, the inner and outer loss after every step, and Grad-CAM heat-maps of the embedding.

A Noether Network takes the steps that it was trained for. FERNN, E3D-LSTM or any other predictor of frames, which was
trained without, learns a quantity from the true training clips (or conserves the frames' brightness), and moves all its
weights for each clip; learning rate and number of steps are chosen on validation clips. See
fernn/models/noether/predictor.py for the method, and why such a network is not trained through its steps.
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

    def measurements(self, study: Study, cells: Sequence[Cell], settings: Settings) -> list[QualityMeasurement]:
        lpips = perceptual(settings.lpips, study.cells[0].experiment.data.size)
        return [measurement(study, cell, settings, lpips) for cell in cells]

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[str]:
        """The names of all sets of options, the usual one first."""
        known = study.folder.each(ways, [study.cell_folder(cell) for cell in cells])
        return sorted({way for each in known for way in each}, key=lambda way: (way != USUAL, way))

    def results(self, study: Study, rows: Sequence[ShownRow], way: str) -> "QualityResults | None":
        models = [model for row in rows for model in ModelQuality.of(study, row, way)]
        return QualityResults(study, models) if models else None


def measurement(study: Study, cell: Cell, settings: Settings, lpips: Perceptual | None) -> QualityMeasurement:
    """The measurement of the cell: as it was trained, except for the options in the settings."""
    model, folder, way = cell.experiment.model, study.cell_folder(cell), settings.way(lpips)
    if isinstance(model, NoetherConfig):
        return NoetherMeasurement(cell, folder, inner_of(model.inner(), settings), lpips=lpips, way=way)
    chosen = {"optimizer": settings.optimizer, "quantity": settings.quantity, "num_clips": settings.clips}
    tailoring = tailoring_of(settings.steps, settings.inner_lr, **chosen)
    return PredictorMeasurement(cell, folder, tailoring, lpips=lpips, way=way)


def inner_of(own: InnerSteps, settings: Settings) -> InnerSteps:
    """The inner steps of a Noether Network; one that was trained without any step takes none."""
    if own.steps == 0:
        return own
    steps = own.steps if settings.steps is None else settings.steps
    lr = own.lr if settings.inner_lr is None else settings.inner_lr
    return replace(own, steps=steps, lr=lr, optimizer=settings.optimizer or own.optimizer)


@dataclass(frozen=True)
class QualityResults(Results):
    """The measurements of a study's models with one set of options."""

    study: Study
    models: Sequence[ModelQuality]

    name = HOME

    @property
    def view(self) -> str:
        return view_of(self.models[0].way)

    def documents(self) -> list[Document]:
        return [model.document() for model in self.models]

    def table(self) -> ReportTable:
        titles = {name: title for model in self.models for name, title in model.titles().items()}
        columns = ("model", "learning rate", "n", "clips", *titles.values(), "losses by inner steps")
        rows = []
        for one in self.models:
            means = [f"{one.by_frame(name)[0].mean():.4g}" if name in one.titles() else "–" for name in titles]
            counts = str(len(one.contents)), str(one.num_clips)
            rows.append([one.label, f"{one.shown.lr:g}", *counts, *means, one.steps_words()])
        remark = "The published numbers use SSIM with data range 2 and a uniform window."
        title = f"{self.study.name}: test clips, means over predicted frames"
        return ReportTable(file_name(self.view), title, columns, rows, [remark])

    def figures(self) -> Iterator[ReportFigure]:
        suffix = file_name(self.view).removeprefix("quality")
        each = [f"{one.label}: {', '.join(one.words())}" for one in self.models]
        clips = clip_numbers(self.models)
        words = f"Quality of predicted frames, means over {clips} test clips and frames. {'; '.join(each)}."
        figure = quality_figure(self.study, self.models)
        yield ReportFigure(f"quality{suffix}", "Quality by predicted frame", words, figure)
        if any(one.num_steps for one in self.models):
            drops = [f"{one.label}: {one.steps_words()}" for one in self.models if one.num_steps]
            words = f"Inner and outer loss by number of inner steps. {'; '.join(drops)}."
            figure = steps_figure(self.study, self.models)
            yield ReportFigure(f"inner-steps{suffix}", "Losses by inner steps", words, figure)
        for one in self.models:
            if one.maps and one.num_steps:
                words = f"Grad-CAM of {one.maps['heat'].shape[1]} principal components of the embedding of {one.label}."
                name, title = f"grad-cam{suffix}-{file_name(one.label)}", f"{one.label}: where the embedding looks"
                yield ReportFigure(name, title, words, maps_figure(self.study, one))

    def run_records(self) -> Iterator[RunRecord]:
        for label in dict.fromkeys(model.shown.label for model in self.models):
            models = [model for model in self.models if model.shown.label == label]
            for content in models[0].contents:
                yield self._record(f"cell/{content['subject']['key']}", [one.of_seed(content) for one in models])
            yield self._record(f"model/{label}", models)
        yield self._record("study", self.models)

    def _record(self, node: str, models: Sequence[ModelQuality]) -> RunRecord:
        """Numbers and figures of the models."""
        steps, alone = [model for model in models if model.num_steps], node != "study"

        def files() -> dict[str, bytes]:
            figures = {"quality.png": quality_figure(self.study, models)}
            figures |= {"inner-steps.png": steps_figure(self.study, models)} if steps else {}
            figures |= {"grad-cam.png": maps_figure(self.study, steps[0])} if alone and steps and steps[0].maps else {}
            return {name: png(figure) for name, figure in figures.items()}

        points = [point for model in models for point in model.points()] if alone else []
        return RunRecord(node, [model.document() for model in models], points, files)
