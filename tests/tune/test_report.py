"""The table: its numbers by hand, what may stand beside it, and its files; and the page, readable without eyes."""

import csv
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fernn.train.task import ACCURACY
from tests.support import stored_study
from tests.support.stored_study import finished_study
from tune.analysis.results import model_rows
from tune.core.folder import Folder
from tune.report import Options, draw, json_text, main, markdown, page, table_csv, write
from tune.reporting.table import Table, columns, notes, row_cells
from tune.reporting.tables import report_tables

SCRIPT = Path(__file__).parents[2] / "tune/report.py"
PAPER = {"model": ("3dcnn", "grnn-plus"), "optim.lr": (3e-3, 1e-3, 3e-4, 1e-4), "seed": (0, 1, 2)}
HITS = {
    ("3dcnn", 1e-3, 0): (8, 5), ("3dcnn", 1e-3, 1): (6, 7), ("3dcnn", 1e-3, 2): (7, 6),
    ("3dcnn", 1e-4, 0): (9, 9), ("3dcnn", 1e-4, 1): (9, 9),
    ("3dcnn", 3e-4, 0): (6, 9), ("3dcnn", 3e-4, 1): (6, 9), ("3dcnn", 3e-4, 2): (6, 9),
    ("grnn-plus", 1e-3, 1): (4, 3),
}  # fmt: skip


def paper_study(folder, **facts):
    return finished_study(folder, PAPER, HITS, **{"settings": {}, **facts})


def lines(table):
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines() if line.startswith("|")]


def test_mean_and_deviation_are_those_of_the_chosen_rates_seeds(tmp_path):
    row, _ = model_rows(paper_study(tmp_path))
    assert (row.choice.rate, row.num_seeds, row.num_planned) == (1e-3, 3, 3)  # 1e-4 is better, but lacks a seed
    assert row.validation == pytest.approx(0.7)
    assert (row.test, row.test_deviation) == (pytest.approx(0.6), pytest.approx(0.1))
    assert {choice.rate: mean for choice, mean in row.validation_by_choice.items()} == {
        1e-3: pytest.approx(0.7),
        3e-4: pytest.approx(0.6),
        1e-4: pytest.approx(0.9),
    }


def test_published_values_stand_beside_the_papers_setting(tmp_path):
    header, _, cnn, plus = lines(markdown(Table.of(paper_study(tmp_path))))
    more = ["published", "source", "certainty", "difference", "verdict"]
    assert header == [*columns(ACCURACY), *more]
    assert cnn == [
        "3dcnn", "1,234", "0.001", "3", "0.700", "0.600 ± 0.100",
        "0.626 ± 0.02", "Keller, NeurIPS 2025, Table 2, quoted by a third-party review", "second-hand",
        "-0.026 [-0.262 to 0.210]", "under-powered",
    ]  # fmt: skip
    assert plus == ["grnn-plus", "1,234", "0.001", "1 of 3", "0.400", "0.300", "–", "–", "–", "–", "–"]


def test_the_remarks_name_rule_protocol_and_what_is_missing(tmp_path):
    text = markdown(Table.of(paper_study(tmp_path)))
    assert "ddof = 1" in text and "Protocol: default; split: paper." in text
    assert "INCOMPLETE: 15 of 24 cells have no result yet." in text
    assert "Published values not found: grnn-plus." in text
    assert "- Annotations are read as 1-based" in text and "DEMO" not in text
    published = paper_study(tmp_path / "published", settings={"data.protocol": "published"})
    assert "1-based" not in markdown(Table.of(published))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"demo": True}, "the clips are rendered (demo)"),
        ({"partial": ("person01_boxing_d1",)}, "the data is partial"),
        ({"stand_in": "Fashion-MNIST, not MNIST"}, "the data is Fashion-MNIST, not MNIST"),
        ({"settings": {"data.velocity_range": 1}}, "data.velocity_range is 1, the paper's is 2"),
        ({"settings": {"data.size": 16}}, "data.size is 16, the paper's is 32"),
        ({"settings": {"epochs": 50}}, "epochs is 50, the paper's is 500"),
        ({"settings": {"data.split": "official"}}, "data.split is official, the paper's is paper"),
    ],
)
def test_other_results_never_stand_beside_published_ones(tmp_path, facts, why):
    table = Table.of(paper_study(tmp_path, **facts))
    assert lines(markdown(table))[0] == list(columns(ACCURACY))
    assert f"No published values stand here: {why}." in markdown(table)
    assert "0.626" not in markdown(table) + table_csv(table) + json_text(table)
    assert "certainty" not in table_csv(table) + json_text(table)


@pytest.mark.parametrize(
    ("fact", "mark"), [({"demo": True}, "DEMO"), ({"partial": ("x",)}, "PARTIAL"), ({"stand_in": "y"}, "STAND-IN")]
)
def test_demo_and_partial_are_marked_in_every_form(tmp_path, fact, mark):
    table = Table.of(paper_study(tmp_path, **fact))
    assert markdown(table).startswith(f"# Test accuracy, study s ({mark})\n") and f"- {mark}: " in markdown(table)
    assert {row["marks"] for row in csv.DictReader(table_csv(table).splitlines())} == {mark}
    assert json.loads(json_text(table))[next(iter(fact))]


def test_a_model_of_other_width_has_no_published_value(tmp_path):
    study = paper_study(tmp_path, settings={"model.base": 2})
    header, _, cnn, _ = lines(markdown(Table.of(study)))
    assert header[-1] == "verdict" and cnn[6:] == ["–"] * 5
    assert "- model.base is 2; the paper's is 16 (3dcnn)." in markdown(Table.of(study))


def test_what_the_paper_does_not_have_is_said(tmp_path):
    space = {"model": ("fernn-v1-circular",), "optim.lr": (1e-2,), "seed": (0, 1)}
    hits = {("fernn-v1-circular", 1e-2, seed): (1, 1) for seed in (0, 1)}
    text = markdown(Table.of(finished_study(tmp_path, space, hits, settings={"precision": "bf16"})))
    assert "- fernn-v1-circular is not in the paper: its embedding pads circularly" in text
    assert "- precision is bf16; the paper's is float32." in text
    assert "- Learning rates searched: 0.01; the paper's: 0.003, 0.001, 0.0003, 0.0001." in text
    assert "- Seeds for each learning rate: 2; the paper's: 3." in text
    assert "not found" not in text


def test_what_else_is_searched_makes_rows_of_its_own(tmp_path):
    space = {"model": ("3dcnn",), "data.velocity_range": (0, 1), "optim.lr": (1e-3,), "seed": (0, 1)}
    study = finished_study(tmp_path, space, {("3dcnn", 1e-3, 0): (5, 5)})
    rows = model_rows(study)
    assert [row.label for row in rows] == ["3dcnn, velocity_range 0", "3dcnn, velocity_range 1"]
    assert [(row.num_seeds, row.num_planned) for row in rows] == [(1, 2), (1, 2)]


def test_csv_and_json_hold_all_digits(tmp_path):
    table = Table.of(paper_study(tmp_path))
    first, second = csv.DictReader(table_csv(table).splitlines())
    assert float(first["test_deviation"]) == table.rows[0].test_deviation and second["test_deviation"] == ""
    assert (first["published"], first["published_deviation"], second["published"]) == ("0.626", "0.02", "")
    content = json.loads(json_text(table))
    assert content["rows"][0]["test_accuracy"] == table.rows[0].test and content["rows"][1]["published"] is None
    assert content["remarks"][: len(notes(table.study))] == notes(table.study) and content["deviations"]


def test_two_runs_write_the_same_bytes(tmp_path):
    study = paper_study(tmp_path / "study")
    for name in ("one", "two"):
        write(Table.of(study), Folder(str(tmp_path / name)))
    files = ("table.md", "table.csv", "table.json")
    written = {name: (tmp_path / "one" / name).read_bytes() for name in files}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


def test_the_terminal_shows_the_same_cells(tmp_path):
    table = Table.of(paper_study(tmp_path))
    shown = lines(markdown(table))[2:]
    assert [list(row_cells(row, ["learning rate"])) for row in table.rows] == [
        line[: len(columns(ACCURACY))] for line in shown
    ]


def test_the_command_writes_and_prints(tmp_path, monkeypatch, capsys):
    paper_study(tmp_path / "studies/s", demo=True)
    done = subprocess.run([sys.executable, SCRIPT, "--study", "s"], cwd=tmp_path, capture_output=True, check=True)
    report = tmp_path / "studies/s/report"
    assert done.stdout == (report / "table.md").read_bytes() and done.stderr == b""
    names = {path.name for path in report.iterdir()}
    assert {"table.csv", "table.json", "table.md", "report.html", "validation.png", "validation.svg"} <= names

    monkeypatch.chdir(tmp_path)
    assert main(Options("studies/s", json=True, out="elsewhere")) == 0
    assert json.loads(capsys.readouterr().out)["study"] == "s"
    assert (tmp_path / "elsewhere/table.md").read_bytes() == (report / "table.md").read_bytes()
    assert main(Options("ss")) == 2
    assert capsys.readouterr().err == "error: unknown study 'ss': did you mean 's'? it must be one of s (in studies)\n"


class Parsed(HTMLParser):
    """Which tags a page has, with their attributes; and that they close as they open."""

    VOID = ("meta", "br", "use", "image", "path", "rect", "link")

    def __init__(self, content):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("page") / "s", stored_study.SPACE, stored_study.HITS, demo=True)


@pytest.fixture(scope="module")
def written(study):
    folder = study.folder / "report"
    write(Table.of(study), folder)
    draw(Table.of(study), folder)
    return folder


@pytest.fixture(scope="module")
def content(written):
    return written.read("report.html").decode()


def test_the_page_needs_nothing_beside_it(content):
    parsed = Parsed(content)
    assert not parsed.of("script") and not parsed.of("link") and not parsed.of("img")
    assert "@import" not in content and 'src="http' not in content and "url(http" not in content
    links = [found["href"] for found in parsed.of("a")]
    assert links and all(link.endswith((".svg", ".png")) and "/" not in link for link in links)


def test_all_that_it_links_to_is_there(content, written):
    for found in Parsed(content).of("a"):
        assert written.has(found["href"]), found


def test_who_cannot_see_hears_the_numbers(content):
    parsed = Parsed(content)
    pictures = [found for found in parsed.of("svg")]
    assert len(pictures) >= 5 and all(found["role"] == "img" for found in pictures)
    assert any("grnn: 0.400 at 0.0001, 0.567 at 0.001" in found["aria-label"] for found in pictures)
    assert len(parsed.of("caption")) == len(parsed.of("table")) >= 3
    assert all(found["scope"] in ("col", "row") for found in parsed.of("th"))
    assert parsed.of("html") == [{"lang": "en"}]


def test_a_value_has_the_name_of_its_column_where_rows_are_stacked(content, study):
    parsed = Parsed(content)
    named = [found["data-column"] for found in parsed.of("td")]
    tables = report_tables(Table.of(study))
    assert named == [name for table in tables for _ in table.rows for name in table.header[1:]]
    roles = {kind: {found["role"] for found in parsed.of(kind)} for kind in ("table", "tr", "td")}
    assert roles == {"table": {"table"}, "tr": {"row"}, "td": {"cell"}}  # which display: block would take away


def test_no_two_elements_share_an_id(content):
    ids = [found["id"] for _, found in Parsed(content).tags if "id" in found]
    assert len(ids) == len(set(ids))


def test_a_demo_is_marked_on_every_table_and_picture(content, written, study):
    assert content.count("<caption><b>DEMO.</b> ") == content.count("<caption>")
    for table in report_tables(Table.of(study)):
        rows = list(csv.reader(io.StringIO(written.read(f"{table.name}.csv").decode())))
        assert rows[0][0] == "marks" and all(row[0] == "DEMO" for row in rows[1:]), table.name


def test_the_same_folder_gives_the_same_bytes(study, written):
    again = study.folder / "again"
    write(Table.of(study), again)
    draw(Table.of(study), again)
    names = written.children("")
    assert names == again.children("") and len(names) > 10
    for name in names:
        assert written.read(name) == again.read(name), name


def test_a_study_cannot_write_into_the_page(tmp_path):
    space = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}
    study = finished_study(tmp_path / "s", space, {("grnn", 1e-3, 0): (5, 4)}, partial=("<script>alert(1)</script>",))
    table = Table.of(study)
    assert "<script" not in page(table, report_tables(table), []).replace("&lt;script", "")
