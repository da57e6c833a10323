from tests.support import simulated
from tests.support.tiny import study_in
from tune.reporting.stopping import saved, saved_facts, scheduler_sentences

SPACE = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2), "seed": (0, 1, 2)}


def test_the_sentence_counts_what_was_not_trained_and_names_the_risk(tmp_path):
    study = study_in(tmp_path, SPACE, epochs=9, scheduler="race")
    simulated.reach(study, study.cells[1], 3, 0.1)
    study.cell_folder(study.cells[1]).stop("worse")
    study.cell_folder(study.cells[2]).stop("worse")
    study.cell_folder(study.cells[4]).stop("by me@here", by_hand=True)
    found = saved(study)
    assert (found.num_choices, found.num_cells, found.num_epochs, found.of_epochs) == (1, 2, 6 + 9, 54)
    (sentence,) = scheduler_sentences(study)
    assert sentence.startswith(
        "Racing (--scheduler race) was on: it stopped 1 learning rates early (2 cells) and saved"
    )
    assert "15 of 54 epochs (28%), at a risk of at most 5% for each model" in sentence and "level 0.05" in sentence
    assert saved_facts(study)["num_epochs"] == 15


def test_successive_halving_has_no_known_risk_and_a_grid_no_sentence(tmp_path):
    assert "at a risk that is not known" in scheduler_sentences(study_in(tmp_path, SPACE, scheduler="halving"))[0]
    assert scheduler_sentences(study_in(tmp_path, SPACE)) == [] and saved_facts(study_in(tmp_path, SPACE)) is None
