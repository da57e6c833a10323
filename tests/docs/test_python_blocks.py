"""Python in documents runs.

A block that begins with a path is a file of this project: tests/data/test_outside.py puts those where they belong.
"""

import re
from unittest.mock import create_autospec

import pytest

import tune
from tests.docs.documents import blocks, instructions, name_of
from tune.commands.keywords import options_from

BLOCKS = [
    pytest.param(text, id=f"{name_of(document)}: block {number}")
    for document in instructions()
    for number, text in enumerate(blocks(document, "python"), 1)
    if not re.match(r"# [\w/]+\.py\n", text)
]


@pytest.mark.parametrize("code", BLOCKS)
def test_it_runs(code, demo, monkeypatch):
    """Nothing is trained, measured or loaded: these functions only take what they are given."""
    monkeypatch.chdir(demo)
    opened = tune.open_study("kth-demo")
    answers = {"load_best": lambda *_, **__: (None, None), "evaluate_velocity": lambda *_, **__: None}
    answers["search"] = lambda what, **keywords: options_from(keywords) and opened
    for name, answer in answers.items():
        monkeypatch.setattr(tune, name, create_autospec(getattr(tune, name), side_effect=answer))
    exec(compile(code, "document", "exec"), {"__name__": "document"})


def test_there_is_something_to_run():
    assert len(BLOCKS) >= 4
