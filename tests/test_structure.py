"""The house: imports go down only, and no file shadows a module when its folder is on sys.path."""

import ast
import importlib.util
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "fernn": {"ray", "optuna", "mlflow", "data", "tune"},
    "data": {"optuna", "mlflow", "tune"},
}
SCRIPT_FOLDERS = [
    ROOT / "tune",
    *(ROOT / "data" / name for name in ("", "convection", "kth", "mnist", "ocean", "physics101", "systems")),
]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("floor", FORBIDDEN)
def test_imports_go_down_only(floor):
    for path in (ROOT / floor).rglob("*.py"):
        found = {name.split(".")[0] for name in imported(path)}
        assert not found & FORBIDDEN[floor], path


def imported_modules(path, known):
    """The modules among ``known`` that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in known else node.module


def test_no_imports_of_fernn_go_in_a_circle():
    paths = {path: path.relative_to(ROOT).with_suffix("") for path in (ROOT / "fernn").rglob("*.py")}
    names = {".".join(parts.parts).removesuffix(".__init__"): path for path, parts in paths.items()}
    modules = {name: set(imported_modules(path, names)) & names.keys() for name, path in names.items()}
    packages = {}
    for name, found in modules.items():
        place = name.split(".")[1:2]
        packages.setdefault(tuple(place), set()).update(tuple(one.split(".")[1:2]) for one in found)
        packages[tuple(place)].discard(tuple(place))
    assert len(modules) > 50 and list(TopologicalSorter(modules).static_order())
    assert list(TopologicalSorter(packages).static_order())


def test_data_knows_no_neural_network():
    for path in (ROOT / "data").rglob("*.py"):
        assert not [name for name in imported(path) if name.startswith(("fernn.models", "fernn.layers", "fernn.train"))]


def test_fernn_imports_with_torch_alone():
    code = (
        "import sys\n"
        "for name in ('ray', 'optuna', 'mlflow', 'escnn', 'pyarrow', 'safetensors'): sys.modules[name] = None\n"
        "import fernn.models, fernn.reference, fernn.equivariance.error, fernn.train.loop, fernn.experiment"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("folder", SCRIPT_FOLDERS, ids=lambda folder: folder.name)
def test_no_script_shadows_a_module(folder, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry or ".").resolve() != folder])
    for path in folder.glob("*.py"):
        assert path.stem == "__init__" or importlib.util.find_spec(path.stem) is None, path


def test_only_decode_imports_av_and_nothing_loads_pickles():
    for path in [path for floor in ("fernn", "data", "tune") for path in (ROOT / floor).rglob("*.py")]:
        names = {name.split(".")[0] for name in imported(path)}
        assert "av" not in names or path.name == "decode.py"
        assert not names & {"pickle", "cloudpickle", "dill", "shelve"}, path
