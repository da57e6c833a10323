"""The notebooks run from their first cell to their last, and are kept without what they print."""

import nbformat
import pytest

from tests.docs.documents import ROOT

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))


LONG = {"search.ipynb"}
"""Notebooks that train for most of a minute: they run after the unit tests, in .ci/run and make soak."""
RUN = [pytest.param(path, id=path.name, marks=[pytest.mark.soak] * (path.name in LONG)) for path in NOTEBOOKS]


@pytest.mark.parametrize("path", RUN)
def test_it_runs(path, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": tmp_path}}).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_kept_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
