"""Models of a user's own: named before they are imported, values alone where only a file knows them."""

import sys

import pytest

from fernn.models.own import NAMED, StoredConfig, UnnamedModelError, import_model, named_config, source_hash

MODULE = """
from dataclasses import dataclass
from fernn.models import ModelConfig

@dataclass(frozen=True)
class TinyConfig(ModelConfig):
    name: str = "tiny"
    width: float = 2
"""
NAME = "a_tiny_model:TinyConfig"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the module, from which the test is started."""
    (tmp_path / "a_tiny_model.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    NAMED.pop(NAME, None)
    sys.modules.pop("a_tiny_model", None)


def test_a_model_is_known_by_its_name_once_it_is_imported(folder):
    with pytest.raises(UnnamedModelError, match=f"--models {NAME}"):
        named_config(NAME)
    assert source_hash(NAME) == ""
    config = import_model(NAME)
    assert named_config(NAME) == config and config.flatten() == {"name": NAME, "width": 2.0}
    assert len(source_hash(NAME)) == 64


def test_a_module_among_the_studies_is_never_imported(folder):
    with pytest.raises(ValueError, match="not looked for in .*, where studies are kept"):
        import_model(NAME, outside=[folder])
    assert "a_tiny_model" not in sys.modules


def test_a_stored_config_has_the_values_of_its_file_and_no_network():
    stored = StoredConfig.of(NAME, {"width": 3, "sizes": [1, 2]})
    assert stored.flatten() == {"name": NAME, "width": 3, "sizes": (1, 2)}
    assert stored.override({"width": 4}).flatten()["width"] == 4
    with pytest.raises(KeyError, match="did you mean 'width'"):
        stored.override({"wdith": 4})
    with pytest.raises(UnnamedModelError, match="name it yourself"):
        stored.build()


@pytest.mark.parametrize("name", ["module", "a:b:c", "package.1:Config", ":Config"])
def test_a_name_that_leads_nowhere_is_refused(name):
    with pytest.raises(ValueError, match="must be named package.module:ConfigClass"):
        StoredConfig(name)


def test_a_value_that_no_field_can_have_is_refused():
    with pytest.raises(TypeError, match="width must be a number, a text or a list of them"):
        StoredConfig.of(NAME, {"width": {"inner": 1}})
