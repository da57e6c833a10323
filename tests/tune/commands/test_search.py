"""The command of every search: what it plans, asks and refuses, and how a study grows."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from fernn.train.graph import are_asked
from tests.support.receiver import SECRET, Receiver
from tests.support.stored_study import finish_cell, planned_study
from tune.commands.search import choose_launch, estimated_cost, measured_resources, refuse, warn_of_damage
from tune.core.cell_folder import LAST
from tune.core.study import StudyError
from tune.engine.cost import Cost, NoMachineError, Pace
from tune.planning.options import Cluster, Options
from tune.planning.resources import Resources

SMALL = ["--lrs", "1e-3", "--batch-size", "32", "--set", "data.size=8"]
SMALL += ["--set", "model.hidden_channels=4", "--set", "model.embedding_channels=[4]"]
STUDY = Path("studies/kth-paper")
SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}


def test_a_plan_can_be_read_by_a_program(command):
    _, printed = command("--plan", "--json", "--sampler", "tpe", "--models", "grnn")
    plan = json.loads(printed.out)
    assert (plan["event"], plan["num_cells"], plan["num_to_come"]) == ("plan", 12, 24)
    assert len(plan["to_run"]) == 12 and plan["seconds"] > 0


@pytest.mark.parametrize(("answer", "arguments"), [("n", []), (None, ["--yes"])])
def test_a_search_that_wants_gpus_warns_and_asks_where_there_is_none(answer, arguments, command, monkeypatch, tmp_path):
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("rich.console.Console.input", lambda *_, **__: answer)
    code, printed = command("--models", "grnn", "--videos", str(tmp_path), *arguments)
    assert code == 2 and "warning: this search wants GPUs, and there is none: about" in printed.err
    assert ("not started: give --address" in printed.err) == (answer == "n")
    assert ("00sequences.txt" in printed.err) == (answer is None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "fern-v1"], "unknown model 'fern-v1': did you mean 'fernn-v1'"),
        (["--lrs", "0"], "optim.lr must be above 0, got 0"),
        (["--set", "model.widht=3"], "unknown field 'model.widht'"),
        (["--set", "optim.lr=1e-4"], "optim.lr is searched, so it cannot be set"),
        (["--set", "data.name=mnist"], "unknown data set 'mnist'"),
        (["--set", "nothing"], "--set must read FIELD=VALUE, got 'nothing'"),
        (["--preset", "demo", "--videos", "there"], "--videos goes with --preset paper"),
        (["--study", "../elsewhere"], "--study must be a plain name without /"),
        (["--storage", "ftp://host/studies"], "--storage must be a folder or a URL that begins with s3://, gs://"),
        (["--storage", "50%"], "--storage must be without %"),
        (["--tracking-uri", "http://127.0.0.1:9"], "--tracking-uri must be a server that answers"),
        (["--no-download"], "has no data: drop --no-download, or give --videos DIR or --preset demo"),
        (["--seeds"], "--seeds must name at least one value"),
        (["--sampler", "tpe", "--num-samples", "0"], "--num-samples must be 1 or more, got 0"),
        (["--preset", "figure5", "--set", "data.velocity_range=1"], "cannot be set: use --data-velocity"),
        (["--num-samples", "3"], "--num-samples goes with --sampler tpe"),
        (["--sampler", "tpe", "--lrs", "1e-3"], "--lrs goes with --sampler grid"),
        (["--sampler", "tpe", "--lr-range", "1e-2", "1e-3"], "--lr-range must be LOW HIGH with 0 < LOW < HIGH"),
        (
            ["--cpus-per-trial", "3"],
            "got 3 and 0: the cluster has or can bring machines with 2 CPUs and 0 GPUs",
        ),
        (["--gpus-per-trial", "1"], "must fit on one machine, got 1 and 1"),
        (["--gpus-per-trial", "-1"], "--gpus-per-trial must be 0 or more, got -1"),
        (["--stop-after", "6"], "--stop-after must be a time above 0 as 6h, 90m, 2d12h or 45s, got '6'"),
        (["--max-price", "100"], "--max-price 100 needs what an hour of a GPU costs, above 0: add --price-per-gpu"),
        (["--deadline", "2020-01-01T08:00"], "--deadline 2020-01-01T08:00 is past: give a later one"),
        (
            ["--notify", "hunter2"],
            "--notify and FERNN_NOTIFY_URL must be the URL of a webhook that begins with https://",
        ),
        (["--max-concurrent", "0"], "--max-concurrent must be 1 or more, got 0"),
    ],
)
def test_a_command_that_cannot_run_is_refused_in_one_line(arguments, message, command, tmp_path):
    code, printed = command("--set", "model.hidden_channels=4", *arguments)
    assert code == 2
    (line,) = [line for line in printed.err.splitlines() if not line.startswith(("warning: ", "measuring "))]
    assert line.startswith("error: ") and message in line
    assert not list(tmp_path.rglob("study.json"))


def test_a_plan_for_what_the_hardware_cannot_hold_is_refused(command):
    code, printed = command("--plan", "--gpus-per-trial", "9")
    assert code == 2 and "must fit on one machine, got 1 and 9" in printed.err


def test_what_the_data_cannot_give_is_refused_before_the_study_is_begun(two_cpus, command, prepared, tmp_path):
    code, printed = command("--data", prepared, *SMALL, "--set", "data.num_frames=40")
    (line,) = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert code == 2 and "a clip needs 80 frames, the longest range of the train split has 33" in line
    assert not (tmp_path / STUDY / "study.json").exists()


@pytest.mark.soak
def test_a_study_grows_and_a_changed_protocol_is_another_study(two_cpus, command, prepared):
    one = ["--data", prepared, *SMALL, "--models", "grnn", "--seeds", "0", "--epochs", "1"]
    assert command(*one)[0] == 0
    for flag in ([], ["--plan"]):
        code, printed = command(*one, "--protocol", "published", *flag)
        assert code == 2 and "was begun with data.protocol = 'default', not 'published'" in printed.err
    code, printed = command(*one, "--seeds", "0", "1", "--epochs", "2", "--json")
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert code == 0 and Counter(event["event"] for event in events) == {
        "plan": 1, "started": 2, "epoch": 3, "done": 2, "table": 1, "end": 1,
    }  # fmt: skip
    (row,) = events[-2]["rows"]
    assert row["n"] == 2 and 0 <= row["test_accuracy"] <= 1 and events[-1]["missing"] == []


@pytest.mark.soak
def test_a_search_that_a_budget_stops_goes_on_to_the_table_of_an_unbroken_one(
    two_cpus, command, prepared, tmp_path, monkeypatch
):
    with Receiver() as receiver:
        monkeypatch.setenv("FERNN_NOTIFY_URL", receiver.url)
        stop_and_go_on(command, prepared)
    assert [message["event"] for message in receiver.heard] == [
        "start",
        "end",
        "start",
        "budget",
        "end",
        "start",
        "end",
    ]
    assert [message["code"] for message in receiver.heard if message["event"] == "end"] == [0, 3, 0]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10 and not any(SECRET.encode() in content for content in files)


def stop_and_go_on(command, prepared):
    cells = ["--data", prepared, *SMALL, "--models", "grnn", "--seeds", "0", "1", "--epochs", "8", "--json"]
    tables, codes = [], []
    for study, limit in (("whole", []), ("stopped", ["--stop-after", "2s"]), ("stopped", ["--stop-after", "1h"])):
        code, printed = command(*cells, "--study", study, *limit)
        assert SECRET not in printed.out + printed.err
        events = [json.loads(line) for line in printed.out.splitlines()]
        codes.append(code)
        tables.append(events[-2]["rows"])
    assert codes == [0, 3, 0] and tables[0] == tables[2] and events[-1]["budget"] is None
    code, printed = command(*cells[:-1], "--study", "stopped", "--stop-after", "2s")
    assert code == 0 and "nothing is left" not in printed.err  # all is done, so that none is needed
    code, printed = command(*cells[:-1], "--study", "stopped", "--stop-after", "2s", "--seeds", "2")
    assert code == 2 and "error: nothing is left of --stop-after 2s: the study's searches took" in printed.err


def test_an_error_is_one_line_and_the_code_is_two(capsys):
    assert refuse(StudyError("--study must be a plain name")) == 2
    assert capsys.readouterr().err == "error: --study must be a plain name\n"


def test_a_finished_study_costs_nothing_and_needs_no_measured_resources(tmp_path):
    study = planned_study(tmp_path / "s", SPACE)
    for cell in study.cells:
        finish_cell(study, cell, (5, 5))
    done, auto = SimpleNamespace(study=study), Options(cluster=Cluster(gpus_per_trial="auto"))
    assert estimated_cost(done, Resources(), auto) is None
    assert measured_resources(done, auto, None, Resources(cpus=3)) == Resources(cpus=3)


def test_a_cost_that_cannot_be_measured_is_said(tmp_path, monkeypatch, capsys):
    def busy(*_, **__):
        raise NoMachineError("no machine is free")

    monkeypatch.setattr("tune.commands.search.cost_of", busy)
    planned = SimpleNamespace(study=planned_study(tmp_path / "s", SPACE), num_clips=None)
    assert estimated_cost(planned, Resources(), Options()) is None
    assert "what the search costs is not known: no machine is free" in capsys.readouterr().err


@pytest.mark.parametrize(("of_an_hour", "price"), [(None, None), (2.5, 10.0)])
def test_gpu_hours_have_a_price_where_that_of_an_hour_is_given(of_an_hour, price, tmp_path, monkeypatch):
    monkeypatch.setattr("tune.commands.search.cost_of", lambda *_, **__: Cost(60.0, 4.0, 1, 100, Pace()))
    planned = SimpleNamespace(study=planned_study(tmp_path / "s", SPACE), num_clips=None)
    options = Options(cluster=Cluster(price_per_gpu_hour=of_an_hour))
    assert estimated_cost(planned, Resources(), options).price == price


def test_damaged_files_of_cells_to_train_are_named_with_the_epoch_that_is_left(tmp_path):
    study, warnings = planned_study(tmp_path / "s", SPACE), []
    for cell in study.cells:
        finish_cell(study, cell, (5, 5), epochs=2)
        study.cell_folder(cell).folder.delete("done.json")
    folder = study.cell_folder(study.cells[0]).folder
    folder.write(LAST, folder.read(LAST)[:-1])
    warn_of_damage(study, SimpleNamespace(warned=warnings.append))
    (text,) = warnings
    assert text.startswith(f"damaged: {folder.root}/{LAST}") and "the cell goes on after epoch" in text


def test_graphs_are_unasked_by_an_option_or_by_the_environment(monkeypatch):
    monkeypatch.setenv("FERNN_CUDA_GRAPHS", "")
    choose_launch(Options())
    assert are_asked()
    choose_launch(Options(cluster=Cluster(cuda_graphs=False)))
    assert not are_asked()
    monkeypatch.setenv("FERNN_CUDA_GRAPHS", "off")
    with pytest.raises(ValueError, match="FERNN_CUDA_GRAPHS must be 0 or 1, got 'off'"):
        choose_launch(Options())
