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
    return [results for measure in MEASURES.values() for results in measure.known(study, rows)]
