"""Controls as Ray Tune asks them."""

import pickle

from tests.support.stored_study import planned_study
from tune.engine.control import Control
from tune.engine.stopper import ControlStopper


class Refusing(Control):
    """Refuses to go on after the given epochs, and counts what it is asked."""

    def __init__(self, *epochs, end=""):
        self.epochs, self.end, self.asked = epochs, end, []

    def may_go_on(self, cell, row):
        self.asked.append((cell, row["epoch"]))
        return row["epoch"] not in self.epochs

    def ended(self):
        return self.end


def test_a_trial_ends_where_one_of_the_controls_refuses_and_all_are_asked(tmp_path):
    study = planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)})
    cell, controls = study.cells[1], [Refusing(3), Refusing(2)]
    epochs = cell.experiment.epochs

    def row(epoch, **others):
        return {"epoch": epoch, "config": cell.point(study.space), **others}

    stopper = ControlStopper(study, controls)
    assert [stopper("x", row(epoch)) for epoch in (1, 2, 3)] == [False, True, True]
    assert [control.asked for control in controls] == [[(cell, 1), (cell, 2), (cell, 3)]] * 2
    assert not ControlStopper(study, [Refusing(epochs)])("x", row(epochs))  # its evaluation follows
    assert not ControlStopper(study, [Refusing(2)], until=2)("x", row(2))
    assert not stopper("x", row(2, done=True)) and not ControlStopper(study, [])("x", row(2))


def test_the_search_ends_where_one_of_the_controls_says_why():
    assert ControlStopper(None, [Control(), Refusing(end="enough")]).stop_all()
    assert not ControlStopper(None, [Control()]).stop_all() and not ControlStopper(None, []).stop_all()


def test_ray_saves_nothing_of_it():
    stopper = ControlStopper(None, [Refusing()])
    assert vars(pickle.loads(pickle.dumps(stopper))) == {} and stopper.controls
