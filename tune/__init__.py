"""Studies: searches over models, learning rates and seeds, and their results.

``tune.search``, ``tune.open_study``, ``tune.evaluate_velocity`` and ``tune.load_best`` are for notebooks and scripts.
"""

import logging
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune.commands.from_python import evaluate_velocity as evaluate_velocity
    from tune.commands.from_python import search as search
    from tune.commands.load_best import load_best as load_best
    from tune.commands.open_study import OpenStudy as OpenStudy
    from tune.commands.open_study import open_study as open_study
    from tune.core.study import StudyError as StudyError

PLACES = {
    "search": "commands.from_python",
    "evaluate_velocity": "commands.from_python",
    "load_best": "commands.load_best",
    "OpenStudy": "commands.open_study",
    "open_study": "commands.open_study",
    "StudyError": "core.study",
}
"""The names for users, and the modules that have them."""


def __getattr__(name: str) -> Any:
    """Import PyTorch and Ray only when one of the names is asked for, not with the package."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    logging.getLogger("ray.widgets").setLevel(logging.WARNING)
    with warnings.catch_warnings():  # in a notebook Ray and tqdm ask for widgets that nothing here needs
        warnings.filterwarnings("ignore", "IProgress not found")
        return getattr(import_module(f"tune.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    """The names for users as well."""
    return sorted([*globals(), *PLACES])
