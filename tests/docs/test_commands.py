"""Every command that a document or a manifest names exists, and takes the options that stand there."""

import argparse
import re
import runpy
import shlex
import sys
import warnings

import click
import pytest
import tyro
from ray.scripts.scripts import cli as ray_cli

from tests.deploy.manifests import everything, find
from tests.docs.documents import ROOT, command_lines, instructions, name_of, saved_files, without_variables


def manifest_lines():
    """The command lines that manifests start."""
    texts = [text for document in everything() for text in find(document, "entrypoint")]
    for document in everything():
        for group in find(document, "containers"):
            texts += ["\n".join(part["command"][2:]) for part in group if "-ec" in part.get("command", [])]
            texts += [shlex.join(part["command"]) for part in group if part.get("command", [""])[0] == "python"]
    return [without_variables(shlex.split(line)) for text in texts for line in text.splitlines() if line]


def found():
    """Every command with where it stands, once; a line of several, or of a job for Ray, by its parts."""
    named = [(name_of(document), words) for document in instructions() for words in command_lines(document)]
    named += [("manifests", words) for words in manifest_lines()]
    return list(dict.fromkeys((where, part) for where, words in named for part in parted(words)))


def parted(words):
    """The commands of one line."""
    ends = [place for place, word in enumerate(words) if word in ("--", "&&", "|")]
    for start, end in zip([0, *(place + 1 for place in ends)], [*ends, len(words)], strict=True):
        if part := without_variables(words[start:end]):
            yield tuple(part)


ELSEWHERE = (("tune/measure_eval.py", "noise"),)
"""Commands of things that pages add; tests/tune/measures/test_measure.py adds the measure, and runs it."""


def commands(name):
    """What follows the command's name, with where it stands."""
    starts = (name, f".venv/bin/{name}")
    mine = [(where, words) for where, words in found() if words[0] in starts and words[1:3] not in ELSEWHERE]
    return [pytest.param(words[1:], id=f"{where}: {' '.join(words)}") for where, words in mine]


SAVED = {name: code for document in instructions() for name, code in saved_files(document).items()}
"""The scripts that documents tell people to write."""


class Parsed(BaseException):
    """The command has read its options, and goes no further."""


@pytest.fixture
def parse(monkeypatch):
    """Runs a script until it has read what was typed."""

    def ending(read):
        def run(*given, **how):
            read(*given, **how)
            raise Parsed

        return run

    monkeypatch.setattr(tyro, "cli", ending(tyro.cli))
    monkeypatch.setattr(tyro.extras, "subcommand_cli_from_dict", ending(tyro.extras.subcommand_cli_from_dict))

    def start(script, *options, folder=ROOT):
        if script.startswith("tests/benchmarks/"):
            monkeypatch.setattr(argparse.ArgumentParser, "parse_args", ending(argparse.ArgumentParser.parse_args))
            monkeypatch.syspath_prepend(ROOT / "tests/benchmarks")
        monkeypatch.setattr(sys, "argv", [script, *options])
        runpy.run_path(str(folder / script), run_name="__main__")

    return start


@pytest.mark.parametrize("words", commands("python"))
def test_a_script_exists_and_takes_its_options(words, parse, tmp_path):
    script, *options = words
    if script in SAVED:
        (tmp_path / script).write_text(SAVED[script])
        with pytest.raises(Parsed):
            parse(script, *options, folder=tmp_path)
        return
    if options == ["--help"]:
        with pytest.raises(SystemExit) as ended:
            parse(script, *options)
        assert ended.value.code == 0
        return
    with pytest.raises(Parsed):
        if script == "-m":
            pytest.fail(f"name a script or a target of make, not a module: {words}")
        parse(script, *options)


def test_a_wrong_option_would_be_found(parse, capsys):
    for words in (["tune/kth_search.py", "--colour", "red"], ["tune/study.py", "shew", "x"], ["data/upload.py"]):
        with pytest.raises(SystemExit) as ended:
            parse(*words)
        assert ended.value.code == 2, words


TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("words", commands("make"))
def test_make_has_the_target(words):
    targets = {word for word in words if "=" not in word}
    assert targets and targets <= TARGETS


@pytest.fixture(scope="module")
def clis():
    """The commands of Ray and MLflow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own type hints, when its command line is imported
        from mlflow.cli import cli
    return {"ray": ray_cli, "mlflow": cli}


def click_command(group, words):
    """The command that the words name, and the words after its name."""
    while isinstance(group, click.Group):
        group, words = group.get_command(click.Context(group), words[0]), words[1:]
    return group, words


@pytest.mark.parametrize(
    ("name", "words"),
    [pytest.param(name, *one.values, id=one.id) for name in ("ray", "mlflow") for one in commands(name)],
)
def test_ray_and_mlflow_have_the_command_and_its_options(name, words, clis):
    command, rest = click_command(clis[name], words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known


def test_there_is_something_to_check():
    assert len(commands("python")) > 80 and len(commands("make")) > 8
    assert len(commands("ray")) > 8 and len(commands("mlflow")) >= 2
