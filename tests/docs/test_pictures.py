"""The pictures that scripts in docs/pictures make show what is true of the code."""

import importlib.util

import pytest

from tests.docs.documents import ROOT

PICTURES = ROOT / "docs/pictures"


def script(name):
    """One of the scripts, as a module."""
    spec = importlib.util.spec_from_file_location(name, PICTURES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_layers_are_drawn_as_they_are():
    layers = script("layers")
    assert set(layers.TUNE) == {path.parent.name for path in (ROOT / "tune").glob("*/__init__.py")}
    assert layers.PICTURE.read_text(encoding="utf-8") == layers.draw(), "run python docs/pictures/layers.py"


def test_the_law_is_kept_and_broken_as_the_picture_shows(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "law", law := script("law"))  # where its dataclass looks for names
    circular, zeros, grnn = (law.measure(*choice).by_frame for choice in law.NETWORKS.values())
    assert circular.max() < 1e-5  # float32's rounding
    assert zeros.max().item() == pytest.approx(0.91, abs=0.02) and grnn.max().item() == pytest.approx(0.39, abs=0.02)
    assert law.PICTURE.exists()
