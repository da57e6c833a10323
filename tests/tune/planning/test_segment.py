from tests.support import simulated
from tests.support.tiny import study_in
from tune.planning.segment import Contest, standing

SPACE = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2), "seed": (0, 1)}


def test_a_value_counts_where_its_epoch_is_reached_and_at_the_end_only_of_a_finished_cell(tmp_path):
    study = study_in(tmp_path, SPACE, epochs=9)
    simulated.reach(study, study.cells[0], 4, 0.5)
    simulated.finish(study, study.cells[1], 0.7)
    begun, finished, untouched = (standing(study, cell) for cell in study.cells[:3])
    assert (begun.value(4), begun.value(5), begun.value()) == (0.5, None, None)
    assert (finished.value(4), finished.value()) == (0.7, 0.7) and untouched.value() is None
    assert begun.lacks(5) and not begun.lacks(4) and begun.lacks(None) and not finished.lacks(None)
    assert finished.settled and not begun.settled


def test_a_diverged_cell_has_the_worst_value_after_its_last_epoch(tmp_path):
    study = study_in(tmp_path, SPACE, epochs=9)
    simulated.reach(study, study.cells[0], 4, 0.5)
    study.cell_folder(study.cells[0]).folder.write_json("failure.json", {"reason": "the loss is nan", "diverged": True})
    diverged = standing(study, study.cells[0])
    assert (diverged.value(4), diverged.value(5), diverged.value(), diverged.settled) == (0.5, 0.0, 0.0, True)


def test_a_choice_is_stopped_with_all_seeds_but_one_that_a_person_stopped_takes_no_part(tmp_path):
    study = study_in(tmp_path, SPACE, scheduler="halving")
    study.cell_folder(study.cells[0]).stop("too slow")
    study.cell_folder(study.cells[2]).stop("by me@here", by_hand=True)
    contest = Contest.of(study, "grnn")
    assert contest.stopped == [study.cells[1]] and study.cell_folder(study.cells[1]).stopped() == "too slow"
    assert [[one.cell for one in seeds] for seeds in contest.live.values()] == [[study.cells[3]]]
    assert [one.cell for one in contest.left] == [study.cells[3]]
