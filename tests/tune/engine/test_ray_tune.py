"""The engine: every cell exactly once, on fractions of a GPU, at any concurrency; failures and reused workers."""

import os
import signal
from collections import Counter
from dataclasses import replace

import pytest

from tests.support import tiny
from tests.support.tiny import Listener, results, study_in
from tune.core.study import Study, StudyError
from tune.engine.agenda import Agenda
from tune.engine.ray_tune import given_switches, ray_runtime, run_search
from tune.engine.workload import Workload
from tune.planning.resources import Resources

ONE_CELL = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}


@pytest.fixture(scope="module")
def footage():
    return tiny.footage()


def train(study, footage, listeners=(), resources=Resources(), controls=()):  # noqa: B008
    """The failures of a search for all of the study's cells."""
    agenda = Agenda(Workload(study, footage, resources, listeners, controls))
    run_search(agenda)
    return agenda.failures


@pytest.mark.parametrize("concurrency", [1, pytest.param(None, marks=pytest.mark.soak)])
def test_every_cell_runs_exactly_once_on_a_quarter_of_a_gpu(two_cpus, footage, tmp_path, concurrency):
    study, listener = study_in(tmp_path), Listener()
    resources = Resources(cpus=0.5, gpus=0.25, max_concurrent=concurrency)
    assert train(study, footage, [listener], resources) == {}
    assert study.missing() == []
    assert Counter(word for word, *_ in listener.heard)["running"] == len(study.cells) == 8
    assert Counter(entry[1] for entry in listener.heard if entry[0] == "done") == {c.key: 1 for c in study.cells}
    assert {e[2] for e in listener.heard if e[0] == "reported"} == {1, 2}


@pytest.mark.soak
def test_a_reused_worker_gives_the_same_bits_as_a_fresh_one(two_cpus, footage, tmp_path):
    together = study_in(tmp_path / "together")
    train(together, footage, resources=Resources(max_concurrent=1))
    alone = study_in(tmp_path / "alone")
    for cell in reversed(alone.cells[-2:]):
        train(replace(alone, cells=(cell,)), footage)
    pids = {together.cell_folder(cell).folder.read_json("attempt.json")["pid"] for cell in together.cells}
    assert len(pids) < len(together.cells)
    last_two = Study(alone.name, alone.folder, alone.space, alone.cells[-2:])
    assert results(last_two) == results(together)[-2:]


def test_a_cell_that_fails_is_named_and_the_others_finish(two_cpus, footage, tmp_path):
    space = {"model": ("grnn",), "optim.lr": (1e-3, 1e30), "seed": (0,)}
    study, listener = study_in(tmp_path, space), Listener()
    ((failed, reason),) = train(study, footage, [listener]).items()
    assert failed.experiment.optim.lr == 1e30 and "the training loss is" in reason
    assert [word for word, key, *_ in listener.heard if key == failed.key][-1] == "failed"
    assert study.missing() == [] and study.diverged() == [failed]  # it would diverge again
    assert Counter(word for word, key, *_ in listener.heard if key == failed.key)["running"] == 1  # not retried


@pytest.fixture(scope="module")
def undisturbed(two_cpus, footage, tmp_path_factory):
    """A study of one cell, and the error of a listener that raised it when the cell was done."""

    class Broken(Listener):
        def on_status(self, cell, status):
            if status == "done":
                raise ZeroDivisionError("from a listener")

    study = study_in(tmp_path_factory.mktemp("undisturbed"), ONE_CELL)
    with pytest.raises(ZeroDivisionError) as raised:
        train(study, footage, [Broken()])
    return study, raised.value


def test_what_a_listener_raises_is_not_lost(undisturbed):
    study, error = undisturbed
    assert str(error) == "from a listener" and study.missing() == []


@pytest.mark.soak
def test_a_killed_worker_is_replaced_and_its_cell_goes_on(undisturbed, footage, tmp_path):
    class Killer(Listener):
        def on_epoch(self, cell, row):
            super().on_epoch(cell, row)
            if row["epoch"] == 1 and not any(word == "lost" for word, *_ in self.heard):
                os.kill(study.cell_folder(cell).folder.read_json("attempt.json")["pid"], signal.SIGKILL)

    study, listener = study_in(tmp_path, ONE_CELL), Killer()
    assert train(study, footage, [listener]) == {}
    assert ("lost", study.cells[0].key) in listener.heard
    assert results(study) == results(undisturbed[0])


def test_an_address_without_a_cluster_is_refused(monkeypatch):
    def init(**options):
        raise ConnectionError("ray cluster at 127.0.0.1:9 does not answer")

    monkeypatch.setattr("ray.init", init)
    refused = pytest.raises(StudyError, match="--address must be a running Ray cluster, 127.0.0.1:9 is none: ray clu")
    with refused, ray_runtime("127.0.0.1:9"):
        pass


@pytest.mark.parametrize(
    ("address", "home", "given"), [(None, "nowhere", True), (None, ".", False), ("x:1", "nowhere", False)]
)
def test_ray_gets_a_token_where_no_home_could_keep_one(address, home, given, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")  # so that it is as before after the test
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    with ray_runtime(address):
        assert len(os.environ.get("RAY_AUTH_TOKEN", "")) == (32 if given else 0)


def test_a_clusters_workers_get_the_drivers_switches_and_keep_theirs_where_it_has_none(monkeypatch):
    monkeypatch.delenv("FERNN_TRITON", raising=False)
    monkeypatch.delenv("FERNN_CUDA_GRAPHS", raising=False)
    assert given_switches() is None
    monkeypatch.setenv("FERNN_CUDA_GRAPHS", "0")
    assert given_switches() == {"env_vars": {"FERNN_CUDA_GRAPHS": "0"}}


def test_a_process_that_uses_ray_already_is_refused_and_keeps_it(monkeypatch):
    def twice(**options):
        raise RuntimeError("Maybe you called ray.init twice by accident?")

    monkeypatch.setattr("ray.init", twice)
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("ray.shutdown", lambda: pytest.fail("that Ray is not ours"))
    with pytest.raises(StudyError, match=r"uses Ray already: call ray.shutdown\(\) first"), ray_runtime(None):
        pass
