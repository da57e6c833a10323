"""The routes of the page, and who may read and give orders."""

import re

import pytest
from starlette.testclient import TestClient

from tune.core.orders import read_orders
from tune.live import server
from tune.live.storage import Storage

TOKEN = "a token of this test"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study that tests only read."""
    from tests.support.stored_study import finished_study
    from tests.tune.live.conftest import SPACE

    home = tmp_path_factory.mktemp("storage")
    return finished_study(home / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)})


def client_of(study, token=""):
    storage = Storage(study.folder.root.rpartition("/")[0])
    return TestClient(server.app(storage, token), base_url="http://localhost:8800")


@pytest.fixture(scope="module")
def client(made):
    return client_of(made)


@pytest.fixture
def guarded(study):
    return client_of(study, TOKEN)


def post(client, order, token=TOKEN, study="s"):
    return client.post(f"/api/studies/{study}/orders", json=order, headers={"Authorization": f"Bearer {token}"})


def test_pages_name_the_study_and_say_whether_orders_can_be_given(client, guarded):
    assert "<h1>Studies</h1>" in client.get("/").text
    assert "read-only" in client.get("/studies/s").text and 'id="order"' not in client.get("/studies/s").text
    assert 'id="order"' in guarded.get("/studies/s").text
    assert "<h1>&lt;script&gt;</h1>" in client.get("/studies/<script>").text


def test_every_answer_says_what_it_may_load_and_that_it_stands_in_no_other_page(client):
    for path in ("/", "/static/live.js", "/api/studies", "/api/studies/none"):
        answer = client.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", [*server.ASSETS, "plotly.js"])
def test_assets_are_there_and_name_no_other_place(client, name):
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert name == "plotly.js" or not re.search("https?://", answer.text)
    assert (answer.headers["cache-control"] == server.KEPT) == (name == "plotly.js")


@pytest.mark.parametrize("name", ["server.py", "page.html.j2", "..%2fwatch.py", "none.js"])
def test_no_other_file_is_handed_out(client, name):
    assert client.get(f"/static/{name}").status_code == 404


def test_the_list_the_study_what_changed_and_a_cell(client, made):
    assert client.get("/api/studies").json()["studies"] == ["s"]
    whole = client.get("/api/studies/s").json()
    assert len(whole["cells"]) == 4 and client.get("/api/studies/s/summary").json()["num_cells"] == 4
    assert client.get("/api/studies/s", params={"since": whole["version"]}).json()["cells"] == []
    cell = whole["cells"][0]["cell"]
    assert client.get(f"/api/studies/s/cells/{cell}").json()["lines"]["validation/accuracy"]["values"] == [0.5]
    answer = client.get("/api/studies/s/cells/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "the study has no cell 'none'"})
    answer = client.get("/api/studies/none")
    assert answer.status_code == 404 and "no study 'none'" in answer.json()["error"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8800", 200), ("127.0.0.1", 200), ("[::1]:8800", 200), ("evil.example:8800", 400), ("", 400)],
)
def test_a_request_under_another_name_is_refused(client, host, status):
    assert client.get("/api/studies", headers={"Host": host}).status_code == status


def test_names_of_the_machine_and_of_a_proxy_are_its_own():
    assert server.own_names("127.0.0.1", ("a.example",)) == [*server.LOOPBACK, "a.example"]
    assert {"0.0.0.0", "localhost"} < set(server.own_names("0.0.0.0")) and "[fe80::1]" in server.own_names("fe80::1")


def test_without_a_token_nobody_gives_orders(client, made):
    for token in ("", TOKEN):
        answer = post(client, {"action": "pause"}, token)
        assert answer.status_code == 403 and "read-only" in answer.json()["error"]
    assert read_orders(made.folder).entries == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}x"},
                                     {"Cookie": f"token={TOKEN}"}, {"Authorization": "Bearer \xff"}])  # fmt: skip
def test_only_the_token_in_its_header_gives_orders(guarded, study, headers):
    lines = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = guarded.post(f"/api/studies/s/orders?token={TOKEN}", json={"action": "pause"}, headers=lines)
    assert answer.status_code == 401 and read_orders(study.folder).entries == []


def test_an_order_with_the_token_is_in_the_folder(guarded, study):
    answer = post(guarded, {"action": "prioritise", "cells": "*_seed1_*"})
    assert answer.status_code == 201 and answer.json()["cells"] == "*_seed1_*"
    assert [order.action for order in read_orders(study.folder).entries] == ["prioritise"]
    assert guarded.get("/api/studies/s").json()["orders"][0]["action"] == "prioritise"


@pytest.mark.parametrize(
    ("order", "status", "said"),
    [
        ({"action": "explode"}, 400, "action must be one of pause, resume, stop, prioritise"),
        ({"action": "pause", "cells": 3}, 400, "cells a pattern"),
        ({"action": "prioritise"}, 400, "cells must name the cells"),
        ({}, 400, "must be JSON as"),
        ([], 400, "must be JSON as"),
        ({"action": "stop"}, 409, "there is no search to stop"),
        ({"action": "pause", "cells": "gru"}, 409, "'gru' names none"),
        ({"action": "pause", "cells": "x" * 20_000}, 413, "at most 10000 bytes"),
    ],
)
def test_a_bad_order_is_refused_in_one_line(guarded, study, order, status, said):
    answer = post(guarded, order)
    assert answer.status_code == status and said in answer.json()["error"] and "\n" not in answer.json()["error"]
    assert read_orders(study.folder).entries == []


def test_an_order_to_a_study_that_is_not_there_is_refused(guarded):
    assert post(guarded, {"action": "pause"}, study="none").status_code == 409
    assert guarded.get("/api/studies/s/orders").status_code == 405
