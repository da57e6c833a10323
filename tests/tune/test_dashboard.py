"""``python tune/dashboard.py``: its options, its one document, and its server."""

import json
import socket

import pytest

from tests.support.stored_study import finished_study
from tune import dashboard
from tune.dashboard import Options, main

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}


@pytest.fixture
def storage(tmp_path):
    finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)})
    return str(tmp_path)


def test_json_prints_the_list_or_one_study_and_ends(storage, capsys):
    assert main(Options(storage, json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {"storage": storage, "studies": ["s"], "others": []}
    assert main(Options(storage, study="s", json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"done": 1} and found["findings"]["rows"][0][0] == "grnn"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"storage": "/none"}, "--storage must be a folder or bucket with studies, /none is not there"),
        ({"study": "none", "json": True}, "no study 'none' is in"),
        ({"port": 70_000}, "--port must be from 0 to 65535, got 70000"),
        ({"token": "short"}, "--token, or FERNN_DASHBOARD_TOKEN, must have 12 printable ASCII characters or more"),
        ({"token": "long enough ±"}, "printable ASCII"),
        ({"names": ("*",)}, "--names must be host names without a port, as studies.example.org, got '*'"),
        ({"host": "192.0.2.1", "port": 0}, "--host 192.0.2.1 --port 0 cannot be used"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(storage, capsys, options, said):
    assert main(Options(**{"storage": storage, "token": "", **options})) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and said in err and err.count("\n") == 1


def test_a_port_that_is_taken_is_told(storage, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(Options(storage, port=taken.getsockname()[1], token="")) == 2
    assert "Address already in use; name another, or --port 0" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "a token of this test"])
def test_it_says_where_it_is_and_who_gives_orders_until_it_is_interrupted(storage, capsys, monkeypatch, token):
    def run(self, sockets):
        raise KeyboardInterrupt

    monkeypatch.setattr(dashboard.uvicorn.Server, "run", run)
    assert main(Options(storage, port=0, token=token)) == 0
    err = capsys.readouterr().err
    assert err.startswith("http://127.0.0.1:") and ("read-only" in err) == (not token) and err.endswith("ended\n")
    assert not token or token not in err


def test_the_token_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("FERNN_DASHBOARD_TOKEN", "from the environment")
    assert Options().token == "from the environment"
