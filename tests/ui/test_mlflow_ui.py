"""MLflow's own pages show a study as it is: found by name, nested, with its curves, pictures and checkpoints.

Needs Chromium; ``make ui-test`` runs it. Every step leaves a picture in tests/ui/screenshots.
"""

import json

import pytest

from fernn.experiment import Experiment
from tests.support.stored_study import NARROW, finish_cell
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.study import Study
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.ui_views import links
from tune.tracking.views import refresh

pytestmark = [pytest.mark.ui, pytest.mark.timeout(600)]  # the first test waits for the study, too

STUDY, EPOCHS = "kth-paper", 4
TREE = {
    STUDY: {"fernn-v1", "grnn"},
    "grnn": {"grnn · lr0.001"},
    "grnn · lr0.001": {"grnn · lr0.001 · seed0", "grnn · lr0.001 · seed1"},
    "fernn-v1": {"fernn-v1 · lr0.001"},
    "fernn-v1 · lr0.001": {"fernn-v1 · lr0.001 · seed0", "fernn-v1 · lr0.001 · seed1"},
}
MODEL, CELL, OTHER = "grnn", "grnn · lr0.001 · seed0", "fernn-v1 · lr0.001 · seed0"
CURVE = "validation/accuracy"
PARAMETERS = {"model.name": "grnn", "optim.lr": "0.001", "data.velocity_range": "2", "seed": "0", "epochs": "4"}


def link(text):
    return f"//a[normalize-space()={text!r}]"


def button(text):
    return f"//button[normalize-space()={text!r}]"


def row(name):
    """The row of a table with a link of that name; of the list of runs, the part with name and check-box."""
    return f"//*[@role='row'][.//a[normalize-space()={name!r}]]"


def route(run, tab=""):
    return f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}{tab}"


def listed(page):
    """The names in the list of runs."""
    return {name.text for name in page.all("//*[@role='row']//a[contains(@href, '/runs/')]")}


def expand(page, parent, children):
    """Open a run in the list; its children appear, and nothing else does."""
    before = listed(page)
    assert not before & children
    page.click(f"{row(parent)}//*[@role='gridcell'][.//a]//button")
    page.until(lambda: listed(page) == before | children, f"{children} below {parent}")


def artifact(page, *path):
    """Open a file in the tree of a run's artifacts."""
    for name in path:
        page.click(f"//*[@data-testid='artifact-tree-node'][normalize-space()={name!r}]")
    page.see(f"//*[normalize-space()={'/'.join(path)!r}]")


def history(client, run, name):
    """A metric's values by epoch, as MLflow stores them."""
    return {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}


@pytest.fixture
def tree(page):
    """The list of runs with every run open."""
    page.open("experiments")
    page.click(link(STUDY))
    page.see(row(STUDY))
    for parent, children in TREE.items():
        if not children <= listed(page):
            expand(page, parent, children)
    return page


def test_the_experiment_has_the_studys_name(page):
    page.open("experiments")
    page.see(link(STUDY))
    page.save("01-experiments")


def test_runs_nest_as_study_model_learning_rate_cell(page):
    page.open("experiments")
    page.click(link(STUDY))
    page.see(row(STUDY))
    assert listed(page) == {STUDY}
    page.save("02-runs-closed")
    for parent, children in TREE.items():
        expand(page, parent, children)
    page.save("03-runs-open")


def test_a_name_in_the_tree_leads_to_the_cell(tree):
    tree.click(link(CELL))
    tree.see(f"//h1[normalize-space()={CELL!r}] | //h2[normalize-space()={CELL!r}]")
    tree.see(link(CURVE))


def test_a_cell_shows_its_parameters_and_metrics(page, runs):
    page.open(route(runs[CELL]))
    page.see(link(CURVE))
    page.save("04-cell-overview")
    for name, value in runs[CELL].data.metrics.items():
        assert float(page.see(row(name)).text.split()[-1]) == pytest.approx(value)
    for name, value in PARAMETERS.items():
        page.see(f"//*[@role='row'][*[normalize-space()={name!r}]][*[normalize-space()={value!r}]]")
    page.save("05-cell-parameters")


def test_a_cells_curve_has_a_point_an_epoch(page, client, runs):
    page.open(route(runs[CELL], "/model-metrics"))
    charts = "//*[@data-testid='experiment-view-compare-runs-card']"
    page.until(lambda: page.curves(charts), "charts")
    page.save("06-cell-charts")
    page.see("//input[@placeholder='Search metric charts']").send_keys(CURVE)
    card = f"{charts}[.//*[contains(text(), '({CURVE})')]]"
    points = f"{card}//*[contains(concat(' ', @class, ' '), ' point ')]"
    page.until(lambda: len(page.all(points)) == EPOCHS, f"{EPOCHS} points of {CURVE}")
    assert page.curves(card)[CELL] == pytest.approx(history(client, runs[CELL], CURVE))
    page.save("07-cell-curve")


def test_a_cell_has_its_checkpoint_confusion_matrix_and_configuration(page, runs):
    page.open(route(runs[CELL], "/artifacts"))
    artifact(page, "confusion-test.png")
    page.see_image("confusion-test.png")
    page.save("08-cell-confusion")
    artifact(page, "config.json")
    text = page.see("//*[contains(text(), 'data_hash')]/ancestor-or-self::pre").text
    assert json.loads(text)["experiment"]["model.name"] == "grnn"
    page.save("09-cell-config")
    artifact(page, "best", "model.safetensors")
    page.save("10-cell-checkpoint")


def test_a_model_shows_its_summary_and_its_heat_map(page, runs):
    page.open(route(runs[MODEL]))
    for name in ("test/accuracy_mean", "test/accuracy_deviation", "validation/accuracy_mean", "velocity/V0"):
        page.see(link(name))
    page.save("11-model-summary")
    page.open(route(runs[MODEL], "/artifacts"))
    artifact(page, "velocity", "heatmap.png")
    page.see_image("velocity/heatmap.png")
    page.save("12-model-heatmap")


def test_the_study_shows_its_velocity_curves(page, runs):
    page.open(route(runs[STUDY]))
    page.see(link(MODEL))
    page.save("13-study-overview")
    page.open(route(runs[STUDY], "/artifacts"))
    artifact(page, "velocity", "curves.png")
    page.see_image("velocity/curves.png")
    page.save("14-study-curves")


def test_each_models_best_checkpoint_is_registered(page):
    page.open("models")
    page.click(button("Try it now"))
    for model in ("fernn-v1", "grnn"):
        name = f"{STUDY}.{model}"
        assert "best" in page.see(row(name)).text
    page.save("15-models")
    page.click(link(f"{STUDY}.{MODEL}"))
    page.click(link("Version 1"))
    page.see(f"//a[contains(normalize-space(), '· lr0.001 · {MODEL}')]")
    page.save("16-model-version")


def test_two_cells_are_compared(tree, client, runs):
    for name in (CELL, OTHER):
        tree.click(f"{row(name)}//input[contains(@aria-label, 'row selection')]/..")
    tree.click(button("Compare"))
    tree.see("//*[normalize-space()='Comparing 2 Runs from 1 Experiment']")
    tree.until(lambda: tree.all("//*[contains(@class, 'js-plotly-plot')]"), "parallel coordinates")
    tree.save("17-comparison")
    tree.scroll_to(link(CURVE), along="//a[contains(@href, '/metric')]")
    tree.click(link(CURVE))
    tree.until(lambda: {CELL, OTHER} <= tree.curves().keys(), "the curves of both runs")
    for name in (CELL, OTHER):
        assert tree.curves()[name] == pytest.approx(history(client, runs[name], CURVE))
    tree.save("18-comparison-curves")


def test_charts_of_all_runs(tree, runs):
    tree.open(f"experiments/{runs[STUDY].info.experiment_id}/runs?compareRunsMode=CHART")
    tree.until(lambda: {CELL, OTHER} <= tree.curves().keys(), "a line for each cell")
    tree.save("19-charts")


VIEWED = "viewed"
"""A study that grows by a seed while a user looks at it, and whose other learning rates are worse."""


def grow(folder, database, seeds):
    """The study with so many seeds of each model and learning rate, shipped; the addresses of its views."""
    space = {"model": ("fernn-v1", "grnn"), "optim.lr": (1e-2, 1e-3), "seed": tuple(range(seeds))}
    home = Folder(str(folder / VIEWED))
    study = Study(VIEWED, home, space, plan_cells(Experiment(), space, "0123456789abcdef", NARROW), demo=True)
    save_study(study)
    for cell in study.missing():
        model, rate, seed = cell.point(("model", "optim.lr", "seed")).values()
        best = {"fernn-v1": 8, "grnn": 6}[model] - (rate == 1e-2)
        finish_cell(study, cell, (best - seed, best - 2 * seed), EPOCHS)
    tracker = Tracker(study, database)
    refresh(tracker, study)
    return {view: address.partition("#/")[2] for view, address in links(tracker.uri, tracker.experiment_id).items()}


def means(page, metric):
    """The lines of the chart of that metric, each once, as y by x, and their colors."""
    card = f"//*[@data-testid='experiment-view-compare-runs-card'][.//*[normalize-space()={metric!r}]]"
    shown = "arguments[0]._fullData.filter(line => line.x.length == arguments[1] && line.mode == 'lines+markers')"
    script = f"return {shown}.map(line => [Array.from(line.y), line.line.color])"  # the others are bands and shadows
    charts = page.all(f"{card}//*[contains(@class, 'js-plotly-plot')]")
    lines = [line for chart in charts for line in page.driver.execute_script(script, chart, EPOCHS)]
    return {tuple(round(y, 6) for y in line) for line, _ in lines}, {color for _, color in lines}


@pytest.mark.parametrize(
    ("seeds", "spreads", "ends"),
    [(1, ("0.800", "0.600"), (0.8, 0.6)), (2, ("0.700 ± 0.141", "0.500 ± 0.141"), (0.75, 0.55))],
)
def test_the_views_need_no_clicking_and_follow_a_study_that_grows(page, study, database, seeds, spreads, ends):
    links = grow(study, database, seeds)
    page.open(links["models"])
    page.see("//*[normalize-space()='DEMO: rendered stick figures, not KTH']")
    for spread in spreads:
        page.see(f"//*[@role='gridcell'][normalize-space()={spread!r}]")
    names = [name.text for name in page.all("//*[@role='row']//a[contains(@href, '/runs/')]")]
    assert names == ["fernn-v1", "grnn"]  # the better one first, and no run above or below them
    assert {"test accuracy", "num_seeds", "lr"} <= {header.text for header in page.all("//*[@role='columnheader']")}
    page.save(f"20-view-models-{seeds}")
    page.open(links["curves"])
    expected = {tuple(round(end * epoch / EPOCHS, 6) for epoch in range(1, EPOCHS + 1)) for end in ends}
    page.until(lambda: means(page, CURVE)[0] == expected, f"a line for each model, the mean over {seeds} seeds")
    assert len(means(page, CURVE)[1]) == len(expected)  # a color of its own for each
    page.see("//*[contains(normalize-space(), 'DEMO · mean over seeds')]")
    page.save(f"21-view-curves-{seeds}")
