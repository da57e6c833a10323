"""Length generalization: the test error of every predicted frame, far beyond the trained horizon.

A finished cell's folder then holds ``length.json``: mean and standard deviation over the test sequences (n in the
denominator, as published) for every frame, and the SHA-256 of the weights; and ``length.safetensors``: a few of the
sequences with the frames predicted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from matplotlib.figure import Figure

from data.stream import Corpus, Stream
from fernn.batch import Batch
from fernn.config import DigitsConfig
from fernn.files.checkpoint import Tensors
from fernn.train.prediction import FrameErrors
from fernn.train.run import Run
from fernn.train.task import ERROR
from tune.analysis.plotting import ReportFigure, draw_band, finish_axes, one_panel, png, rollout_figure, titled
from tune.core.console import ReportTable, csv_text
from tune.core.study import Cell, Study, StudyError
from tune.measures.measure import Advance, CellMeasurement, Document, Measure, MeasuredRow, Point, Results, RunRecord


@dataclass(frozen=True)
class Settings:
    """The options of length generalization."""

    horizon: int = 70
    """The number of predicted frames."""


@dataclass(frozen=True)
class LengthMeasurement(CellMeasurement):
    """One finished cell of a prediction task, to be measured over the horizon's frames."""

    way: Settings

    @property
    def data(self) -> DigitsConfig:
        """The cell's test set with longer sequences, whose first frames are the same."""
        data = self.cell.experiment.data
        assert isinstance(data, DigitsConfig)
        return replace(data, num_frames=data.input_frames + self.way.horizon)

    def settings(self) -> Document:
        return {"horizon": self.way.horizon}

    def num_units(self, corpus: Corpus) -> int:
        return self.data.num_sequences[2]

    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Errors (n, horizon) become a mean and a deviation (horizon,)."""
        batches = _counted(self.opened(run, corpus), advance)
        first = next(batches)
        predictions = run.predict(chain([first], batches))
        assert isinstance(predictions, FrameErrors)
        errors = predictions.errors.double()
        mean, deviation = errors.mean(dim=0).tolist(), errors.std(dim=0, correction=0).tolist()
        return {"mean": mean, "deviation": deviation, "num_sequences": len(errors)}, run.look_at(first)


def _counted(clips: Stream, advance: Advance) -> Iterator[Batch]:
    for batch in clips.evaluation("test"):
        yield batch
        advance(len(batch.ids))


@dataclass(frozen=True)
class ModelLength(MeasuredRow):
    """One curve for each seed; its tensors are a few test clips with the predictions of the first seed's model."""

    def values(self, content: Document) -> Mapping[int, float]:
        """The seed's error by number of the predicted frame."""
        return dict(enumerate(content["mean"], start=1))

    def document(self) -> Document:
        means, deviations = zip(*self.statistics.values(), strict=True)
        seeds = {
            str(cell.experiment.seed): {name: content[name] for name in ("mean", "deviation")}
            for cell, content in zip(self.cells, self.contents, strict=True)
        }
        return super().document() | {"mean": means, "deviation": deviations, "seeds": seeds}


class LengthResults(Results[ModelLength]):
    """The measurements of a study's models over one horizon."""

    @property
    def trained(self) -> int:
        """The frames that training asked for."""
        data = self.study.cells[0].experiment.data
        return data.num_frames - getattr(data, "input_frames", 0)

    def table(self) -> ReportTable:
        horizon = len(self.models[0].statistics)
        frames = sorted({frame for frame in (1, self.trained, 2 * self.trained, horizon) if frame <= horizon})
        texts = [[ERROR.spread(*model.statistics[frame]) for frame in frames] for model in self.models]
        remark = f"Trained to predict {self.trained} frames. ± is the sample standard deviation over seeds."
        columns = [f"frame {frame}" for frame in frames]
        return self.table_of("test error (MSE) by predicted frame", columns, texts, remark)

    def figures(self) -> Iterator[ReportFigure]:
        curves = [(model.label, list(model.means.values())) for model in self.models]
        ends = "; ".join(f"{label}: {means[0]:.3g} to {means[-1]:.3g}" for label, means in curves)
        words = f"Test error by predicted frame, from the first to the last. {ends}."
        drawn = self.drawn(self.models)
        yield ReportFigure("length", "Length generalization", words, drawn["curves"])
        if "rollouts" in drawn:
            words = "Predicted frames far beyond the trained ones, beside the true ones."
            yield ReportFigure("length-rollouts", "Long predictions beside the truth", words, drawn["rollouts"])

    def run_records(self) -> Iterator[RunRecord]:
        for model in self.models:
            for cell, content in zip(model.cells, model.contents, strict=True):
                yield self._record(f"cell/{cell.key}", content["mean"], [model])
            yield self._record(f"model/{model.label}", model.means.values(), [model])
        yield self._record("study", [], self.models)

    def _record(self, node: str, means: Iterable[float], models: Sequence[ModelLength]) -> RunRecord:
        """Numbers and figures of the models; a metric's step is the predicted frame."""

        def files() -> dict[str, bytes]:
            header = ("model", "learning_rate", "frame", "mean", "deviation", "n")
            rows = [
                (model.label, model.row.choice.rate, frame, *pair, len(model.cells))
                for model in models
                for frame, pair in model.statistics.items()
            ]
            pictures = {f"{name}.png": png(figure) for name, figure in self.drawn(models).items()}
            return {"length.csv": csv_text([header, *rows]).encode(), **pictures}

        points = [Point("length/mse", value, frame) for frame, value in enumerate(means, start=1)]
        return RunRecord(node, [model.document() for model in models], points, files)

    def drawn(self, models: Sequence[ModelLength]) -> dict[str, Figure]:
        """The curves; and a few predicted frames, from the given ones to the last, where the cells kept any."""
        examples = {model.label: model.tensors for model in models if model.tensors}
        curves = {"curves": self.curves(models)}
        return curves | {"rollouts": rollout_figure(self.study, examples)} if examples else curves

    def curves(self, models: Sequence[ModelLength]) -> Figure:
        """Mean test error of every predicted frame; the band is the sample standard deviation over seeds."""
        figure, axes = one_panel(7, 4.6)
        lowest = 0.5 * min(value for model in models for value in model.means.values())
        for model in models:
            means, deviations = zip(*model.statistics.values(), strict=True)
            draw_band(axes, means, deviations, floor=lowest, label=model.legend, marker="")
        axes.axvline(self.trained, color="gray", linestyle="--", label="trained to here")
        finish_axes(axes, xlabel="predicted frame", ylabel="test error (MSE per pixel)", yscale="log")
        axes.set_ylim(bottom=lowest)
        return titled(figure, self.study, "length generalization; band: sample standard deviation over seeds")


class Length(Measure[Settings]):
    """The test error far beyond the frames that training asked for."""

    name = "length"
    title = "length generalization"
    clips = "digits that are generated with any number of frames"
    tasks = ("prediction",)
    command = "length_eval.py"
    unit = "sequences"
    settings = Settings
    needed = ("mean", "deviation")
    measurement_type, row_type, results_type = LengthMeasurement, ModelLength, LengthResults
    description = """Length generalization of a study's frame predictors: test error far beyond the trained frames.

Gives as many frames as in training and predicts --horizon more, on the fixed test sequences: mean and standard
deviation over sequences for every frame.
Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.1 and Figure 4.

    python tune/length_eval.py --study translating-mnist-paper"""

    def check(self, study: Study, settings: Settings) -> None:
        if settings.horizon < 1:
            raise StudyError(f"--horizon must be 1 or more, got {settings.horizon}")

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[Settings]:
        """The longest horizon that any cell was measured over."""
        horizons = [subject["horizon"] for subject in self.subjects(study, cells)]
        return [Settings(max(horizons))] if horizons else []
