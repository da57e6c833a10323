"""The pages' templates have one set of colours, and show nothing as markup that is text."""

import pytest
from jinja2 import UndefinedError

from tune.reporting.pages import page_template


@pytest.mark.parametrize("package", ["tune.reporting", "tune.live"])
def test_every_page_needs_what_it_shows(package):
    with pytest.raises(UndefinedError):
        page_template(package).render()


def test_a_page_has_the_colours_and_escapes_texts():
    page = page_template("tune.live").render(study="<b>", may_order=False, plotly="7")
    assert page.count("--page: #fdfdfc") == page.count("--page: #16181b") == 1 and "<b>" not in page
