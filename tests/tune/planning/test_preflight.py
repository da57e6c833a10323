"""Addresses of views before a search starts: what is refused, and what the message says."""

import pytest
from mlflow.tracking._tracking_service.utils import _tracking_store_registry

from tune.core.study import StudyError
from tune.planning.options import Records
from tune.planning.preflight import check_tracking, check_views, optuna_storage, tracking_uri
from tune.services.databases import MLFLOW, check_usable


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile"])
def test_what_mlflow_reaches_in_its_own_way_is_no_database(uri):
    check_tracking(uri, "studies")
    check_usable(MLFLOW, uri)


def test_a_plugin_of_mlflows_that_is_installed_is_used(monkeypatch):
    uri = "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/x"
    with pytest.raises(StudyError, match="--tracking-uri must be as http://HOST:PORT"):
        check_tracking(uri, "studies")
    monkeypatch.setitem(_tracking_store_registry._registry, "arn", None)
    check_tracking(uri, "studies")


def test_schemes_are_compared_in_lower_case():
    records = Records("s", "studies", "HTTP://Host:1/Path", "SQLite:///A.db")
    assert (tracking_uri(records), optuna_storage(records)) == ("http://Host:1/Path", "sqlite:///A.db")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://mlflow:5000/#/experiments/3", "give http://mlflow:5000$"),
        ("http://mlflow:5000#/experiments/3/runs?x=1", "give http://mlflow:5000$"),
        ("https://mlflow/prefix/#/models", "give https://mlflow/prefix$"),
        ("http://mlflow/ajax-api/2.0/mlflow/runs/search", "give http://mlflow$"),
        ("http://mlflow:5000/?token=1", "give http://mlflow:5000$"),
        ("http://mlflow:99999", "must be as http://HOST:PORT"),
        ("http:/mlflow:5000", "must be as http://HOST:PORT"),
        ("htp://mlflow:5000", "unknown scheme 'htp': did you mean 'http'"),
        ("databricks-uc://profile", "unknown scheme 'databricks-uc'"),
        ("mlflow:5000", "give http://mlflow:5000$"),
        ("127.0.0.1:5000", "give http://127.0.0.1:5000$"),
        ("file:///data/mlruns", "no longer in folders; for a file, give sqlite:////data/mlruns/NAME.db"),
        ("/data/mlflow.db", "'/data/mlflow.db': for a file, give sqlite:////data/mlflow.db"),
        ("mlruns", "no longer in folders"),
        ("", "must be as http://HOST:PORT"),
        ("sqlite:mlflow.db", "must be as sqlite:///FILE"),
        ("sqlite://mlflow.db", "must name a file, as sqlite:///FILE"),
        ("sqlite:///:memory:", "must name a file, as sqlite:///FILE"),
        ("postgres://u:p@h/x", "did you mean 'postgresql'"),
        ("postgresql://u:p@127.0.0.1:1/x", "must be a database that answers and lets this user in"),
    ],
)
def test_an_address_that_can_be_none_is_refused_with_what_to_give(uri, reason):
    with pytest.raises(StudyError, match=f"--tracking-uri .*{reason}"):
        check_tracking(uri, "studies")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://mlflow:5000", "a server of MLflow's is given with --tracking-uri"),
        ("redis://host", "unknown scheme 'redis'"),
        ("optuna.db", "give sqlite:///optuna.db"),
        ("sqlite:////nowhere/optuna.db", "/nowhere is no folder"),
        ("postgresql://u:p@127.0.0.1:1/x", "must be a database that answers"),
        ("sqlite:///a.db", "must be another database than MLflow's"),
    ],
)
def test_an_address_for_optuna_is_looked_at_as_well(url, reason):
    with pytest.raises(StudyError, match=f"--optuna-storage .*{reason}"):
        check_views(Records("s", "studies", "sqlite:///a.db", url))


def test_what_was_not_given_is_not_refused(tmp_path):
    check_tracking("http://127.0.0.1:9", "studies", given=False)
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    check_views(Records("s", str(tmp_path)))
    check_views(Records("s", str(tmp_path), f"sqlite:///{tmp_path}/mlflow.db"))
