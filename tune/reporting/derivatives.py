"""The table of networks that predict derivatives: rollouts beside derivatives and energies."""

from collections.abc import Sequence
from dataclasses import dataclass

from fernn.models.noether import DerivativeConfig, DerivativeNetwork
from fernn.models.noether.states import NO_FORMULA
from fernn.train.noether import DerivativeErrors
from fernn.train.run import Run
from tune.analysis.results import ModelRow, seed_predictions
from tune.analysis.statistics import mean_and_deviation
from tune.core.console import ReportTable, Row
from tune.core.study import Study
from tune.reporting.formulas import mean_formula

MEASURES = {
    "rmse": "RMSE of rollouts", "last_rmse": "of the last state", "derivative_mse": "squared error of derivatives",
    "energy_mse": "squared error of energy",
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A model at the inner rate whose rollouts are best on validation."""

    row: ModelRow
    num_rates: int
    seeds: Sequence[DerivativeErrors]

    @property
    def model(self) -> DerivativeConfig:
        """The config, with the rate."""
        model = self.row.experiment.model
        assert isinstance(model, DerivativeConfig)
        return model


def derivatives_table(study: Study, rows: Sequence[ModelRow]) -> ReportTable:
    """Each model's errors on the test; without rows where the study's models predict no derivatives."""
    header = ("model", "conserved", "inner rate", "of rates", *MEASURES.values())
    remark = (
        "Mean ± sample standard deviation over seeds. The inner rate is the one with the least RMSE of validation "
        "rollouts. Rollouts begin at the first true test state; derivatives are of the observed test states; energy "
        "is the system's own along the rollouts. The formula is as learned, means over seeds."
    )
    cells = [_cells(study, one) for one in chosen(study, rows)]
    return ReportTable("derivatives", "Rollouts, derivatives and energies", header, cells, [remark])


def chosen(study: Study, rows: Sequence[ModelRow]) -> list[Chosen]:
    """Each model that predicts derivatives, in the order of the rows."""
    predictions = seed_predictions(study, rows, DerivativeErrors)
    by_model: dict[str, list[ModelRow]] = {}
    for row in rows:
        if row.label in predictions:
            by_model.setdefault(row.model, []).append(row)
    return [_best(rates, predictions) for rates in by_model.values()]


def _best(rates: Sequence[ModelRow], predictions: dict[str, list[DerivativeErrors]]) -> Chosen:
    best = max(rates, key=lambda row: row.metric.rank(row.validation))
    return Chosen(best, len(rates), predictions[best.label])


def _cells(study: Study, one: Chosen) -> Row:
    metrics = [seed.metrics() for seed in one.seeds]
    spreads = [mean_and_deviation([seed[name] for seed in metrics]) for name in MEASURES]
    texts = [f"{mean:.3g}" + ("" if spread is None else f" ± {spread:.2g}") for mean, spread in spreads]
    rate = one.model.inner_lr if one.model.inner_lr > 0 else None
    return [one.row.model, _conserved(study, one), rate, one.num_rates if rate else None, *texts]


def _conserved(study: Study, one: Chosen) -> str:
    """What rollouts are to conserve: H, nothing, or the formula with the means of what its constants became."""
    if one.model.hamiltonian:
        return "learned H"
    if one.model.inner_lr == 0:
        return NO_FORMULA
    networks = []
    for result in one.row.chosen:
        run = Run.start(result.cell.experiment)
        study.cell_folder(result.cell).load_best(run)
        networks.append(run.model)
    return mean_formula([net.learned() for net in networks if isinstance(net, DerivativeNetwork)])
