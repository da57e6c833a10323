"""Python in documents runs.

A block that begins with a path is a file of this project: tests/data/test_outside.py puts those where they belong.
"""

import re
from unittest.mock import create_autospec

import pytest

import tune
from tests.docs.documents import blocks, instructions, name_of

BLOCKS = [
    pytest.param(text, id=f"{name_of(document)}: block {number}")
    for document in instructions()
    for number, text in enumerate(blocks(document, "python"), 1)
    if not re.match(r"# [\w/]+\.py\n", text)
]


@pytest.mark.parametrize("code", BLOCKS)
def test_it_runs(code, monkeypatch):
    """There is no study here, so that ``tune.load_best`` only takes what it is given."""
    monkeypatch.setattr(tune, "load_best", create_autospec(tune.load_best, return_value=(None, None)))
    exec(compile(code, "document", "exec"), {"__name__": "document"})


def test_there_is_something_to_run():
    assert len(BLOCKS) >= 4
