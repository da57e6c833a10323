"""Searches and measures from notebooks and scripts: ``tune.search`` and ``tune.evaluate_velocity``."""

import sys
from os import PathLike
from typing import Any

import pandas as pd

from data.terminal import say
from tune.commands.evaluate import EvaluationOptions, Options, run
from tune.commands.keywords import grouped, options_from, speaking_python
from tune.commands.open_study import OpenStudy
from tune.commands.search import carry_out, refusing
from tune.commands.search_output import SearchOutput
from tune.core.search_spec import Search, search_named
from tune.core.study import USER_ERRORS
from tune.engine.process import unchanged_process
from tune.measures.registry import MEASURES
from tune.measures.velocity_results import COLUMNS, VelocityResults
from tune.reporting.table import notes


def search(what: str | Search, /, **keywords: Any) -> OpenStudy:
    """Run a search as its command does, with the same progress, and return the study.

    ``what`` is the NAME of a file tune/NAME_search.py, as "kth" or "translating-mnist", or a Search of your own. The
    keywords are the command line's options: ``lrs=[1e-3]`` for ``--lrs 1e-3``, ``gpus_per_trial="auto"``,
    ``download=False`` for ``--no-download``. ``models`` takes names or classes; ``set`` and ``search`` take a mapping,
    as ``set={"data.size": 16}``. Nothing is asked, as with ``--yes``. With ``plan=True`` nothing runs: it prints
    what would run, and the study has the cells that were planned.

    The same call again trains only what is missing. Ctrl-C, or a notebook's stop button, ends the search as it ends the
    command: trained epochs are kept, and the study comes back with its ``missing`` cells. Before training has begun it
    raises KeyboardInterrupt. A cell that fails does not raise: see ``failures``.

    Raises StudyError in one line, which names the keyword, for what the command would refuse.

    >>> study = tune.search("kth", preset="demo", models=["grnn"], lrs=[1e-3], seeds=range(3), study="mine", plan=True)
    >>> study.cells["status"].value_counts().to_dict()
    {'waiting': 3}
    >>> tune.search("kth", epoch=3)
    Traceback (most recent call last):
    tune.core.study.StudyError: unknown keyword 'epoch': did you mean 'epochs'? ...
    """
    with speaking_python():
        chosen = search_named(what) if isinstance(what, str) else what
        options = options_from({"yes": True, **keywords})
        output = SearchOutput(sys.stdout if options.json else None)
        outcome = carry_out(chosen, options, output)
        if not options.plan:
            output.left(outcome)
    reasons = {cell.name: reason for cell, reason in outcome.failures.items()}
    uri, is_plan = options.records.tracking_uri, options.plan
    return OpenStudy(outcome.study, uri, reasons, output.rest, outcome.behind, is_plan)


def evaluate_velocity(study: OpenStudy | str | PathLike[str], /, **keywords: Any) -> pd.DataFrame:
    """Measure the test metric at velocities that training did not show, as tune/velocity_eval.py does.

    ``study`` is what :func:`search` returned, or a name or folder; the keywords are that command's options, as
    ``range=2`` or ``models=["grnn"]``. Only cells that are not measured yet are measured. Returns a row for each model
    and each V_0, V_1, ... (angle, where clips turn), with mean and sample standard deviation over n seeds;
    ``.attrs["remarks"]`` has the remarks below the table. Raises StudyError for what the command would refuse;
    KeyboardInterrupt when it is stopped: what is measured is kept.

    >>> tune.evaluate_velocity("kth-demo", models=["grn"])
    Traceback (most recent call last):
    tune.core.study.StudyError: unknown model with a finished cell 'grn': did you mean 'grnn'? ...
    """
    measure = MEASURES["velocity"]
    place = {"study": study}
    if isinstance(study, OpenStudy):
        place = {"study": study.folder, "storage": study.folder.rpartition("/")[0]}
        place |= {"tracking_uri": study.tracking_uri} if study.tracking_uri else {}
    with speaking_python(), refusing(*USER_ERRORS), unchanged_process():
        kinds = {"shared": EvaluationOptions, "own": measure.settings}
        measured, results, behind = run(measure, Options(**grouped(kinds, {**place, **keywords})))
    for line in behind:
        say(line)
    points = results.points() if isinstance(results, VelocityResults) else []
    frame = pd.DataFrame(points, columns=pd.Index(COLUMNS))
    frame.attrs["remarks"] = notes(measured)
    return frame
