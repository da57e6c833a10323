"""The report's page: everything in it, nothing beside it, readable without eyes."""

import csv
import io
from html.parser import HTMLParser

import pytest

from tests.support.stored_study import HITS, SPACE, finished_study
from tune.report import draw, write
from tune.reporting.html import page
from tune.reporting.table import Table
from tune.reporting.tables import report_tables


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
    return finished_study(tmp_path_factory.mktemp("page") / "s", SPACE, HITS, demo=True)


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


def test_no_two_elements_share_an_id(content):
    ids = [found["id"] for _, found in Parsed(content).tags if "id" in found]
    assert len(ids) == len(set(ids))


def test_a_demo_is_marked_on_every_table_and_picture(content, written, study):
    assert content.count("(DEMO)</caption>") == content.count("<caption>")
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
