"""The site builds without a broken link, and asks the network for nothing when it is read."""

import re
import subprocess
import sys

from tests.docs.documents import ROOT

LOADED = re.compile(
    r"""<(?:script|img|iframe)\b[^>]*\bsrc=["']?https?:|<link\b[^>]*\brel=["']?stylesheet[^>]*https?:"""
)


def test_it_builds_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        assert not LOADED.search(page.read_text(encoding="utf-8")), page
    text = (tmp_path / "site/api/fernn.html").read_text(encoding="utf-8")
    assert "Largest deviation from the law of flow equivariance" in text


def test_what_is_loaded_from_elsewhere_would_be_found():
    assert LOADED.search('<link rel="stylesheet" href="https://fonts.example/css">')
    assert LOADED.search('<script src="https://cdn.example/mermaid.js">')
