"""The templates of pages, and the colours that all pages share."""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template


@cache
def page_template(package: str) -> Template:
    """The ``page.html.j2`` of a package; it escapes what it is given, and may include this package's files."""
    loader = ChoiceLoader([PackageLoader(package, "."), PackageLoader("tune.reporting", ".")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")
