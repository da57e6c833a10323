import importlib.util
from pathlib import Path

import pytest

import data.kth

FILES = sorted(path.stem for path in Path(data.kth.__file__).parent.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", FILES)
def test_no_file_hides_a_module(name):
    """``python data/kth/prepare.py`` puts data/kth first on sys.path, for it and for Ray's workers."""
    assert importlib.util.find_spec(name) is None
