"""Links between documents lead to files and headings that exist; MkDocs checks those of the site as well."""

import re

import pytest
import yaml

from tests.docs.documents import DOCUMENTS, FENCE, ROOT, name_of

LINK = re.compile(r"\]\(([^)\s]+)\)")


def headings(document):
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document):
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists() and target.is_relative_to(ROOT), f"{name_of(document)} links to {link}"
        if anchor:
            assert anchor in headings(target), f"{name_of(document)} links to {link}, which has no such heading"


def test_readme_fits_in_the_hand():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_search_stands_in_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "tune").glob("*_search.py"):
        command = "video_search.py kth" if path.name == "kth_video_search.py" else path.name
        assert f"`{command}`" in text


def test_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
