"""Examples in docstrings run, on a small finished study."""

import doctest
from importlib import import_module

import pytest

import tune

MODULES = ["tune.commands.open_study", "tune.commands.from_python"]
FOUND = [example for name in MODULES for example in doctest.DocTestFinder().find(import_module(name))]
EXAMPLES = [pytest.param(example, id=example.name) for example in FOUND if example.examples]


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_says_what_it_prints(example, demo, without_ray, monkeypatch):
    monkeypatch.chdir(demo)
    example.globs = {"tune": tune, "study": tune.open_study("kth-demo")}
    wrong, printed = [], doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=printed).run(example, out=wrong.append, clear_globs=False)
    assert not wrong, "".join(wrong)


def test_there_is_something_to_run():
    assert len(EXAMPLES) >= 7
