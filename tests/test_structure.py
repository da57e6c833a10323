"""The house: imports go down only and in no circle, and files, functions and folders stay small."""

import ast
import importlib.util
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("fernn", "data", "tune")
FORBIDDEN = {
    "fernn": {"ray", "optuna", "mlflow", "data", "tune"},
    "data": {"optuna", "mlflow", "tune"},
}
PACKAGES = (
    "core",
    "services",
    "analysis",
    "planning",
    "engine",
    "measures",
    "reporting",
    "tracking",
    "live",
    "commands",
)
"""Of tune/: each imports only from itself and from those before it."""
SCRIPT_FOLDERS = [
    ROOT / "tune",
    *(
        ROOT / "data" / name
        for name in ("", "convection", "kth", "mnist", "ocean", "physics101", "real_pendulum", "systems")
    ),
]
SOURCES = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
MOST_FILES, MOST_ENTRIES, MOST_LINES, MOST_PARAMETERS, MOST_LATE_IMPORTS = 18, 22, 300, 6, 45


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules_imported(path):
    """The modules of ours that a file imports anywhere, in functions as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{name.name}" for name in node.names]
            yield from (one for one in [*inner, node.module] if one in MODULES)


def functions():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield path, node


@pytest.mark.parametrize("floor", FORBIDDEN)
def test_imports_go_down_only(floor):
    for path in (ROOT / floor).rglob("*.py"):
        found = {name.split(".")[0] for name in imported(path)}
        assert not found & FORBIDDEN[floor], path


def test_packages_of_tune_import_only_from_those_before_them():
    for module, path in MODULES.items():
        place = module.split(".")[1] if module.startswith("tune.") and path.parent.name in PACKAGES else None
        if place is None:
            continue
        for other in modules_imported(path):
            parts = other.split(".")
            if parts[0] == "tune" and len(parts) > 1:
                assert parts[1] in PACKAGES, f"{module} imports the command {other}"
                assert PACKAGES.index(parts[1]) <= PACKAGES.index(place), f"{module} imports {other}"


def test_no_circle_of_modules():
    graph = {module: set(modules_imported(path)) - {module} for module, path in MODULES.items()}
    for module, path in MODULES.items():  # a package and its parts are one where the package only gathers them
        if path.name == "__init__.py":
            graph[module] = {other for other in graph[module] if not other.startswith(f"{module}.")}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_no_circle_of_packages_in_fernn():
    graph = {}
    for module, path in MODULES.items():
        if module.startswith("fernn."):
            others = {one.split(".")[1] for one in modules_imported(path) if one.startswith("fernn.")}
            graph.setdefault(module.split(".")[1], set()).update(others - {module.split(".")[1]})
    assert len(graph) > 10 and list(TopologicalSorter(graph).static_order())


def test_data_knows_no_neural_network():
    for path in (ROOT / "data").rglob("*.py"):
        assert not [name for name in imported(path) if name.startswith(("fernn.models", "fernn.layers", "fernn.train"))]


def test_fernn_imports_with_torch_alone():
    code = (
        "import sys\n"
        "for name in ('ray', 'optuna', 'mlflow', 'escnn', 'pyarrow', 'safetensors'): sys.modules[name] = None\n"
        "import fernn.models, fernn.reference, fernn.equivariance, fernn.train.loop, fernn.experiment"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("folder", SCRIPT_FOLDERS, ids=lambda folder: folder.name)
def test_no_script_shadows_a_module(folder, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry or ".").resolve() != folder])
    names = [path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    for name in names:
        assert name == "__init__" or importlib.util.find_spec(name) is None, folder / name


def test_only_decode_imports_av_and_nothing_loads_pickles():
    for path in SOURCES:
        names = {name.split(".")[0] for name in imported(path)}
        assert "av" not in names or path.name == "decode.py"
        assert not names & {"pickle", "cloudpickle", "dill", "shelve"}, path


def test_every_package_of_tune_says_what_it_is_for_and_what_it_may_import():
    for name in PACKAGES:
        said = ast.get_docstring(ast.parse((ROOT / "tune" / name / "__init__.py").read_text())) or ""
        assert "mports" in said, name


def test_folders_and_files_fit_in_one_view():
    entries = Counter(path.parent for path in SOURCES)
    packages = {folder for folder in entries if folder != ROOT / "tune"}
    for folder in packages:
        inner = [one for one in folder.iterdir() if one.is_dir() and one.name != "__pycache__"]
        assert entries[folder] + len(inner) <= MOST_ENTRIES, folder
    for name in PACKAGES:
        assert entries[ROOT / "tune" / name] <= MOST_FILES, name
    for path in SOURCES:
        assert len(path.read_text().splitlines()) <= MOST_LINES, path


def mirror_of(path):
    return ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}")


def test_every_module_with_a_function_has_a_test_of_its_name():
    missing = {mirror_of(path) for path, _ in functions() if path.name != "__init__.py"}
    assert not sorted(str(path.relative_to(ROOT)) for path in missing if not path.exists())


def test_every_test_stands_beside_its_module():
    """What crosses modules stands in tests/journeys."""
    mirrors = {mirror_of(path) for path in SOURCES}
    tests = {path for floor in FLOORS for path in (ROOT / "tests" / floor).rglob("test_*.py")}
    assert len(tests) > 200 and not sorted(str(path.relative_to(ROOT)) for path in tests - mirrors)


def test_functions_take_few_values():
    for path, node in functions():
        args = node.args
        taken = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs) if one.arg not in ("self", "cls")]
        assert len(taken) <= MOST_PARAMETERS, f"{path}: {node.name}({', '.join(taken)})"


def test_imports_inside_functions_stay_few():
    late = [
        (path, node.name)
        for path, node in functions()
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert len(late) <= MOST_LATE_IMPORTS, late
