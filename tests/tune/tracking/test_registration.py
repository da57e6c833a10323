"""The best checkpoint of each model is in MLflow's registry, once, under the alias "best"."""

import pytest

from tests.support.stored_study import finished_study, shipped
from tune.analysis.results import model_rows
from tune.tracking.registration import register, registered_key

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    hits = {(model, 1e-3, seed): (7 + seed, 5 - seed) for model in SPACE["model"] for seed in SPACE["seed"]}
    return finished_study(tmp_path / "s", SPACE, hits)


def test_the_best_checkpoint_of_each_model_has_the_alias_and_a_note(study, tmp_path):
    tracker = shipped(study, f"sqlite:///{tmp_path}/mlflow.db")
    client = tracker.client
    for row in model_rows(study):
        name = f"s.{row.model}"
        for _ in range(2):
            register(study, tracker.tree, row, "changed")
        assert registered_key(client, name) == row.best.key and row.best.experiment.seed == 1
        assert client.get_registered_model(name).description == "changed"
        version = client.get_model_version_by_alias(name, "best")
        files = {item.path for item in client.list_artifacts(version.run_id, "best")}
        assert int(version.version) == 1 and "best/model.safetensors" in files
    assert registered_key(client, "none") is None
