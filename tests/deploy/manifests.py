"""The files of deploy/ as tests read them: documents of YAML files, and what kustomize makes of them."""

import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUSTOMIZATIONS = sorted(str(path.parent.relative_to(DEPLOY)) for path in DEPLOY.rglob("kustomization.yaml"))

Document = dict[str, Any]


def documents(text: str) -> list[Document]:
    """The documents of a YAML text."""
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def manifests() -> list[Path]:
    """The files that hold Kubernetes' resources, kustomize's own files apart."""
    found = [*DEPLOY.joinpath("kubernetes").rglob("*.yaml"), *DEPLOY.joinpath("monitoring").glob("*-*.yaml")]
    return sorted(path for path in found if path.name != "kustomization.yaml")


@functools.cache
def _rendered(folder: str) -> list[Document]:
    done = subprocess.run(["kubectl", "kustomize", str(DEPLOY / folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def rendered(folder: str) -> list[Document]:
    """What `kubectl apply --kustomize` would apply, not to be changed; the test is skipped without kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl renders the manifests; their files are validated all the same")
    return _rendered(folder)


def everything() -> list[Document]:
    """What all kustomizations make."""
    return [document for folder in KUSTOMIZATIONS for document in rendered(folder)]


def find(document: Any, key: str) -> Iterator[Any]:
    """The values of ``key`` at any depth."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from find(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from find(value, key)


def pod_templates(document: Document) -> list[Document]:
    """The pod templates of a resource, a RayCluster's and a RayJob's among them."""
    return [*find(document, "template"), *find(document, "submitterPodTemplate")]


def containers(document: Document) -> list[Document]:
    """The containers of a resource's pods."""
    return [container for template in pod_templates(document) for container in template["spec"]["containers"]]
