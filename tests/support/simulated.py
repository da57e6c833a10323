"""Searches without Ray: cells reach epochs at once, in an order that a seed draws."""

import random

from tune.core.folder import sealed_line
from tune.core.result import Result


def reach(study, cell, epoch, value):
    """Write the rows of a cell up to the epoch, with that best accuracy from the first."""
    metric = study.metric.name
    rows = [{"epoch": n, f"validation/{metric}": value, f"best/{metric}": value, "best/epoch": 1,
             "time/recorded_at": 0.0} for n in range(1, epoch + 1)]  # fmt: skip
    study.cell_folder(cell).folder.write("metrics.jsonl", "".join(map(sealed_line, rows)).encode())


def finish(study, cell, value):
    """Write the rows and the result of a cell."""
    reach(study, cell, cell.experiment.epochs, value)
    result = Result(key=cell.key, epochs=cell.experiment.epochs, best_epoch=1, metrics={"validation/accuracy": value})
    study.cell_folder(cell).folder.write_sealed("done.json", result.facts())


def run(agenda, accuracy, places=2, seed=0, most=10_000):
    """Let the agenda's trials run at ``places`` at the same time; the cells in the order in which their trials ended.

    ``accuracy`` gives a cell's value, None for a diverged loss. Ends after ``most`` trials, as a kill would.
    """
    rng, ended, number = random.Random(seed), [], 0
    while len(ended) < most:
        while len(agenda.running) < places and agenda.take(f"trial {number}") is not None:
            number += 1
        if not agenda.running:
            assert agenda.is_over()
            return ended
        trial = rng.choice(sorted(agenda.running))
        task = agenda.running[trial]
        agenda.end(trial, train(agenda.study, task, accuracy(task.cell)))
        ended.append(task.cell)
    return ended


def train(study, task, value):
    """What a trial of the task leaves in the cell's folder; why it failed, None where it did not."""
    if value is None:
        reason = "the training loss is nan"
        facts = {"reason": reason, "diverged": True}
        study.cell_folder(task.cell).folder.write_sealed("failure.json", facts)
        return reason
    if task.until is None:
        finish(study, task.cell, value)
    else:
        reach(study, task.cell, task.until, value)
    return None
