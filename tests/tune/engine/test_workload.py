from tests.support.tiny import study_in
from tune.engine.trial import OUT_OF_MEMORY
from tune.engine.workload import Control, SearchCallback, Workload
from tune.planning.resources import Resources


def test_without_rules_of_its_own_a_control_permits_everything_and_a_callback_does_nothing():
    control = Control()
    assert control.may_start(None) and control.may_go_on(None, {}) and control.ended() == ""
    assert not control.waits(None) and not control.has_priorities and control.priority(None) == 0
    assert SearchCallback().on_epoch(None, {}) is SearchCallback().on_status(None, "done") is None


def test_only_a_lack_of_memory_may_be_helped_by_a_larger_share(tmp_path):
    study = study_in(tmp_path)
    small, whole = (Workload(study, None, Resources(1, gpus)) for gpus in (0.5, 1))
    assert small.may_need_more_memory(study.cells[0], f"{OUT_OF_MEMORY}: of 8 GiB")
    assert not small.may_need_more_memory(study.cells[0], "the worker died")
    assert not whole.may_need_more_memory(study.cells[0], f"{OUT_OF_MEMORY}: of 8 GiB")
    assert small.kinds(study.cells) == {""}
