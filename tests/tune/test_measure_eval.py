"""``python tune/measure_eval.py MEASURE``: a measure by its name."""

import pytest

from tune import measure_eval
from tune.measures.registry import MEASURES


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_names_every_measure(word, capsys):
    assert measure_eval.named(["measure_eval.py", word]) == 0
    assert f"one of {', '.join(MEASURES)}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nois"], ["--study", "s"]])
def test_a_word_that_is_no_measure_is_refused_with_their_names(arguments, capsys):
    assert measure_eval.named(["measure_eval.py", *arguments]) == 2
    assert f"must be a measure, one of {', '.join(MEASURES)}, got" in capsys.readouterr().err


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_gets_the_arguments_after_its_name(name, monkeypatch):
    asked, arguments = [], ["measure_eval.py", name, "--study", "s"]
    monkeypatch.setattr(measure_eval, "main", lambda measure: asked.append(measure) or 0)
    assert measure_eval.named(arguments) == 0
    assert asked == [name] and arguments == [f"measure_eval.py {name}", "--study", "s"]
