from tests.support import simulated
from tests.support.tiny import study_in
from tune.planning.schedule import next_segment


def test_a_grids_cells_train_to_their_last_epoch_without_the_settled_and_the_failed_ones(tmp_path):
    study = study_in(tmp_path)
    ours = [cell for cell in study.cells if cell.experiment.model.name == "grnn"]
    simulated.finish(study, ours[0], 0.5)
    assert list(next_segment(study, "grnn", {ours[1]}).steps) == [(cell, None) for cell in ours[2:]]


def test_under_a_scheduler_a_failure_that_is_no_divergence_gives_no_step(tmp_path):
    for scheduler in ("halving", "race"):
        study = study_in(tmp_path / scheduler, epochs=27, scheduler=scheduler)
        assert next_segment(study, "grnn", {study.cells[0]}).steps == ()
        assert len(next_segment(study, "3dcnn", {study.cells[0]}).steps) == 4
