"""Every measure by name. A new one needs a line here and a file beside this one (``docs/extend/measure.md``)."""

from collections.abc import Sequence
from typing import Any

from tune.analysis.results import ModelRow
from tune.core.study import Study
from tune.measures.frame_quality import FrameQuality
from tune.measures.length import Length
from tune.measures.measure import Measure, Results
from tune.measures.velocity import Velocity

MEASURES: dict[str, Measure[Any]] = {
    "velocity": Velocity(),
    "length": Length(),
    "quality": FrameQuality(),
}


def measured_results(study: Study, rows: Sequence[ModelRow]) -> list[Results]:
    """The measurements of the rows' cells, by every measure."""
    cells = [result.cell for row in rows for result in row.chosen]
    measures = [measure for measure in MEASURES.values() if rows and measure.is_defined_on(rows[0].experiment.data)]
    of_ways = [measure.results(study, rows, way) for measure in measures for way in measure.ways(study, cells)]
    return [results for results in of_ways if results is not None]
