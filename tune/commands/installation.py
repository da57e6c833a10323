"""Python and the packages: whether they are those that the project was tested with. It imports none of them."""

import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tune.commands.findings import Finding, broken, ok, warning
from tune.commands.probing import probe

ROOT = Path(__file__).parents[2]
LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
INSTALL = (
    f"python3.11 -m venv .venv && .venv/bin/pip install --no-deps -r {LOCK} && "
    f".venv/bin/pip install --no-deps --no-build-isolation -e {ROOT}, or: make demo"
)
MODULES = {
    "torch": "torch", "torchvision": "torchvision", "numpy": "numpy", "pyarrow": "pyarrow", "ray": "ray.tune",
    "optuna": "optuna", "mlflow": "mlflow", "escnn": "escnn.nn", "lie_learn": "lie_learn", "av": "av", "opencv": "cv2",
    "matplotlib": "matplotlib.figure", "safetensors": "safetensors.torch",
}  # fmt: skip
"""By package: the module whose import shows that it works."""
SHOWN = 4
"""So many packages are named in a line."""


def python() -> Finding:
    """The version, and whether it is one that all packages have wheels for."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        return ok(f"{version}, {sys.executable}")
    return broken(f"{version} must be 3.11 or 3.12: numpy 1.26 and lie_learn have no other wheels", INSTALL)


def packages() -> Finding:
    """Installed versions against the bounds of the project, then against the lock."""
    wrong = [problem for text in requirements() if (problem := _out_of_bounds(text))]
    if wrong:
        return broken(_listed(wrong), INSTALL)
    if not LOCK.exists():
        return ok("all within the project's bounds; there is no requirements.lock beside the package to compare with")
    pins, differing = locked(LOCK.read_text(encoding="utf-8")), []
    for name, pinned in pins.items():
        found = installed(name)
        if found != pinned:
            differing.append(f"{name} {found or 'is missing'}, the lock has {pinned}")
    if differing:
        return warning(_listed(differing), f"pip install --no-deps -r {LOCK}")
    return ok(f"{len(pins)}, all as in requirements.lock")


def requirements() -> list[str]:
    """What the project needs, with bounds: of the installed package, else of pyproject.toml beside it."""
    try:
        return [text for text in metadata.requires("fernn-search") or [] if "extra ==" not in text]
    except metadata.PackageNotFoundError:
        import tomllib

        return list(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"])


def _out_of_bounds(text: str) -> str:
    from packaging.requirements import Requirement

    wanted = Requirement(text)
    found = installed(wanted.name)
    if found is None:
        return f"{wanted.name} is missing"
    fits = wanted.specifier.contains(found.partition("+")[0], prereleases=True)
    return "" if fits else f"{wanted.name} {found} must be {wanted.specifier}"


def installed(name: str) -> str | None:
    """The installed version, None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def locked(text: str) -> dict[str, str]:
    """The lock's versions by name, of the packages that this machine is to have."""
    from packaging.requirements import Requirement

    lines = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    wanted = [Requirement(line) for line in lines]
    mine = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    return {one.name: next(iter(one.specifier)).version for one in mine}


def _listed(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more


def imports() -> Finding:
    """Whether every package can be imported, tried in a process of its own: a broken one can end it."""
    answer = probe("imports", *MODULES.values(), limit_s=IMPORTS_S)
    names = {module: name for name, module in MODULES.items()}
    if failed := answer.get("failed"):
        wrong = [f"{names[module]} cannot be imported: {reason}" for module, reason in failed.items()]
        return broken(_listed(wrong), INSTALL)
    if "error" in answer:
        return broken(f"importing the packages failed: {answer['error']}", INSTALL)
    return ok(f"{len(MODULES)} packages can be imported")


IMPORTS_S = 120.0
