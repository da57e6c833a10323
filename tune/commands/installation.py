"""The doctor's checks of Python and the installed packages. This module imports none of those that it checks."""

import re
import sys
import tomllib
from collections.abc import Sequence
from importlib import metadata

from packaging.requirements import Requirement

from tune.commands.checks import ROOT, Finding, broken, ok, probe, warning

LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
INSTALL = (
    f"python3.11 -m venv .venv && .venv/bin/pip install --no-deps -r {LOCK} && "
    f".venv/bin/pip install --no-deps --no-build-isolation -e {ROOT}, or: make demo"
)
MODULES = {
    "torch": "torch", "torchvision": "torchvision", "numpy": "numpy", "pyarrow": "pyarrow", "ray.tune": "ray",
    "optuna": "optuna", "mlflow": "mlflow", "escnn.nn": "escnn", "lie_learn": "lie_learn", "av": "av", "cv2": "opencv",
    "matplotlib.figure": "matplotlib", "safetensors.torch": "safetensors",
}  # fmt: skip
"""Modules to import as a test, each with its package."""
IMPORTS_S = 120.0
SHOWN = 4
"""The most packages named in a line."""


def python() -> Finding:
    """Whether all packages have wheels for this version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        return ok(f"{version}, {sys.executable}")
    return broken(f"{version} must be 3.11 or 3.12: numpy 1.26 and lie_learn have no other wheels", INSTALL)


def packages() -> Finding:
    """Whether the installed versions are within the project's bounds and equal those of the lock."""
    wrong = [problem for text in requirements() if (problem := _out_of_bounds(text))]
    if wrong:
        return broken(_listed(wrong), INSTALL)
    if not LOCK.exists():
        return ok("all within the project's bounds; there is no requirements.lock beside the package to compare with")
    pins = locked(LOCK.read_text(encoding="utf-8"))
    differing = [
        f"{name} {version or 'is missing'}, the lock has {pinned}"
        for name, pinned in pins.items()
        if (version := installed(name)) != pinned
    ]
    if differing:
        return warning(_listed(differing), f"pip install --no-deps -r {LOCK}")
    return ok(f"{len(pins)}, all as in requirements.lock")


def requirements() -> list[str]:
    """The project's requirements with their bounds, from the installed package or from pyproject.toml."""
    try:
        return [text for text in metadata.requires("fernn-search") or [] if "extra ==" not in text]
    except metadata.PackageNotFoundError:
        return list(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"])


def _out_of_bounds(text: str) -> str:
    requirement = Requirement(text)
    version = installed(requirement.name)
    if version is None:
        return f"{requirement.name} is missing"
    fits = requirement.specifier.contains(version.partition("+")[0], prereleases=True)
    return "" if fits else f"{requirement.name} {version} must be {requirement.specifier}"


def installed(name: str) -> str | None:
    """The installed version of a distribution, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def locked(text: str) -> dict[str, str]:
    """The lock's versions by name, of the packages whose markers fit this machine."""
    pins = [Requirement(line) for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return {pin.name: next(iter(pin.specifier)).version for pin in pins if pin.marker is None or pin.marker.evaluate()}


def _listed(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more


def imports() -> Finding:
    """Whether every package can be imported, in a separate process, which a broken package may crash."""
    answer = probe("imports", *MODULES, limit_s=IMPORTS_S)
    if failed := answer.get("failed"):
        wrong = [f"{MODULES[module]} cannot be imported: {reason}" for module, reason in failed.items()]
        return broken(_listed(wrong), INSTALL)
    if "error" in answer:
        return broken(f"importing the packages failed: {answer['error']}", INSTALL)
    return ok(f"{len(MODULES)} packages can be imported")
