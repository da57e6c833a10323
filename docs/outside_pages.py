"""MkDocs hook: documents outside docs/ that its pages link to become pages of the site, and links between them work.

In the repository ``../deploy/README.md`` is a link to a file. On the site that file is the page
``project/deploy/README``, and its own links are followed in the same way. A link to a folder, which no site has,
becomes its text.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s:]+)(#[^)]*)?\)")
"""A Markdown link to a path: image mark, text, path, anchor."""
ROLE = re.compile(r":(?:func|class|mod|meth|attr):(?=<code)")
"""Sphinx's roles in docstrings, which Markdown does not know."""
HOME = "project"


def linked(document: Path) -> Iterator[Path]:
    """The files of this project that a document links to."""
    for match in LINK.finditer(document.read_text(encoding="utf-8")):
        target = (document.parent / match[3]).resolve()
        if target.is_file() and target.is_relative_to(ROOT):
            yield target


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the pages link to outside docs/, and what those link to."""
    known = {Path(file.abs_src_path) for file in files if file.abs_src_path}
    left = [path for path in known if path.suffix == ".md"]
    while left:
        for path in set(linked(left.pop())) - known:
            known.add(path)
            if not path.is_relative_to(config.docs_dir):
                name = posixpath.join(HOME, path.relative_to(ROOT).as_posix())
                files.append(File.generated(config, name, abs_src_path=str(path)))
                left += [path] if path.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links between documents to their pages."""
    pages = {Path(file.abs_src_path): file.src_uri for file in files if file.abs_src_path}
    document = Path(page.file.abs_src_path or "")
    here = posixpath.dirname(page.file.src_uri)

    def pointed(match: re.Match[str]) -> str:
        mark, text, path, anchor = match.groups("")
        target = (document.parent / path).resolve()
        if target.is_dir():
            return text
        if target not in pages:
            return match[0]
        return f"{mark}[{text}]({posixpath.relpath(pages[target], here)}{anchor})"

    return LINK.sub(pointed, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show names in docstrings without their roles."""
    return ROLE.sub("", html)
