"""The ranking of the formulas that a study trained with: what each became, and what it gained over none."""

from collections.abc import Sequence
from statistics import fmean

from fernn.models.formulas import Formula, rounded
from fernn.models.noether import FormulaQuantity, SymbolicConfig
from fernn.models.noether.states import NO_FORMULA
from fernn.train.run import Run
from tune.analysis.results import ModelRow
from tune.analysis.significance import paired_differences
from tune.core.console import ReportTable, Row
from tune.core.study import Cell, Study


def formulas_table(study: Study, rows: Sequence[ModelRow]) -> ReportTable:
    """The formulas by validation metric, the best first; without rows where the study has none."""
    found = [row for row in rows if began_as(row) is not None]
    ranked = sorted(found, key=lambda row: -row.metric.rank(row.validation))
    plain = next((row for row in ranked if began_as(row) == NO_FORMULA), None)
    cells = [(number, *formula_cells(study, row, plain)) for number, row in enumerate(ranked, start=1)]
    header = ("rank", "learned", "began as", "validation", "test", "test beside none", "seeds better than none")
    remark = (
        "Ranked by the validation error, whose mean over seeds chooses a formula. learned: with its constants in the "
        "best checkpoints, means over seeds; began as: as fitted to the training trajectories before. A factor and an "
        "offset of a formula change nothing. Equal seeds have equal predicting weights, whatever the formula."
    )
    return ReportTable("formulas", "Formulas, ranked", header, cells, [remark])


def formula_cells(study: Study, row: ModelRow, plain: ModelRow | None) -> Row:
    """A formula's cells of the table; beside the row without a formula where there is one."""
    cells = [learned(study, [result.cell for result in row.chosen]), began_as(row), row.validation, row.test]
    gaps = paired_differences(row, plain) if plain is not None and plain is not row else []
    if plain is None or not gaps:
        return [*cells, None, None]
    better = sum(row.metric.rank(gap) > 0 for gap in gaps)
    return [*cells, f"{fmean(gaps) / plain.test:+.1%}", f"{better} of {len(gaps)}"]


def began_as(row: ModelRow) -> str | None:
    """The formula with which the row's cells began, None where they have none."""
    model = row.experiment.model
    return model.formula if isinstance(model, SymbolicConfig) else None


def learned(study: Study, cells: Sequence[Cell]) -> str:
    """The formula of cells that differ by their seeds, with the means of what its constants became."""
    return mean_formula([formula_of(study, cell) for cell in cells])


def mean_formula(learned: Sequence[Formula | None]) -> str:
    """The formula with the means of its constants; none where nothing is conserved."""
    formulas = [formula for formula in learned if formula is not None]
    if not formulas:
        return NO_FORMULA
    constants = zip(*(formula.constants() for formula in formulas), strict=True)
    return str(rounded(formulas[0].with_constants([*map(fmean, constants)])))


def formula_of(study: Study, cell: Cell) -> Formula | None:
    """The formula in a cell's best checkpoint, None where nothing is conserved."""
    run = Run.start(cell.experiment)
    study.cell_folder(cell).load_best(run)
    quantity = run.model.embedding
    return quantity.learned() if isinstance(quantity, FormulaQuantity) else None
