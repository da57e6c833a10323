"""A cell with more epochs goes on where the shorter training of the same cell ended."""

import pytest

from tests.support import tiny
from tests.support.simulated import reach
from tests.support.tiny import Listener, results, study_in
from tune.core.protocol import load_study, save_study
from tune.engine.agenda import Agenda
from tune.engine.growth import copy_shorter_training, epochs_done, shorter_training
from tune.engine.ray_tune import run_search
from tune.engine.workload import Workload
from tune.planning.resources import Resources

ONE_CELL = {"model": ("grnn",), "optim.lr": (1e-2,), "seed": (0,)}


def test_the_longest_shorter_training_with_a_checkpoint_is_taken(tmp_path):
    for epochs in (2, 3, 5):
        begun = study_in(tmp_path, ONE_CELL, epochs=epochs)
        save_study(begun)
        if epochs < 5:
            reach(begun, begun.cells[0], epochs, 0.5)
            begun.cell_folder(begun.cells[0]).folder.write("last/state.safetensors", b"of %d epochs" % epochs)
    ((cell, shorter),) = shorter_training(begun, begun.cells)
    assert shorter is not None and shorter.config()["experiment"]["epochs"] == 3
    copy_shorter_training(begun, begun.cells)
    folder = begun.cell_folder(cell)
    assert folder.folder.read("last/state.safetensors") == b"of 3 epochs" and len(folder.history()) == 3
    assert epochs_done(begun, begun.cells) == {cell.key: 0}  # these bytes are no checkpoint


@pytest.mark.soak
def test_more_epochs_end_as_a_training_of_that_length(two_cpus, tmp_path):
    def run(folder, epochs):
        study, listener = study_in(folder, ONE_CELL, epochs=epochs), Listener()
        save_study(study)
        run_search(Agenda(Workload(study, tiny.footage(), Resources(), [listener])))
        return study, [word for word, *_ in listener.heard].count("reported")

    run(tmp_path / "grown", 2)
    (longer, num_epochs), (unbroken, _) = run(tmp_path / "grown", 4), run(tmp_path / "unbroken", 4)
    assert num_epochs == 2 and results(longer) == results(unbroken)
    assert {cell.experiment.epochs for cell in load_study(longer.folder).cells} == {4}
