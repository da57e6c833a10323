"""Any measure of a study by its name: ``python tune/measure_eval.py MEASURE --study NAME``."""

import sys

from data.terminal import begin
from tune.commands.evaluate import main
from tune.commands.search import refuse
from tune.core.study import StudyError
from tune.measures.registry import MEASURES


def named(arguments: list[str]) -> int:
    """Run the measure that the first word names; 2 where it names none."""
    begin()
    name = arguments[1] if len(arguments) > 1 else ""
    if name in ("-h", "--help"):
        print(f"usage: measure_eval.py MEASURE --study NAME; MEASURE is one of {', '.join(MEASURES)}, each with --help")
        return 0
    if name not in MEASURES:
        error = StudyError(f"the first word must be a measure, one of {', '.join(MEASURES)}, got {name!r}")
        return refuse(error)
    arguments[:2] = [f"{arguments[0]} {name}"]
    return main(name)


if __name__ == "__main__":
    sys.exit(named(sys.argv))
