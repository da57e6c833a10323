"""Which digits they are, by checksums of the content: MNIST, another data set in MNIST's files, or somebody's own."""

import hashlib
from collections.abc import Iterable, Mapping

from data.manifest import Manifest
from data.mnist.schema import Part, content_hash

MNIST = "eb28e6247c3e48787d4491aaa27de9a2c6909ddabd581bb6dc7c7f10bbae79b5"
"""The hash of MNIST's digits, whatever files they come in."""
MNIST_PARTS = {
    "train": "65c2424b933f026dfa3d77ef7913c37bbf80c9e76f8c8f5a3ef8c294b587c4ca",
    "test": "4bb652ffe8f9038ea0baf10ab7aec1606cd39845112466042f7a3545940e8137",
}
"""The hash of each part alone."""
LABELS = {
    "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7": "Fashion-MNIST",
    "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9": "Fashion-MNIST",
}
"""SHA-256 of all labels as bytes."""
TITLES = {"FashionMNIST": "Fashion-MNIST", "KMNIST": "KMNIST (Kuzushiji)", "QMNIST": "QMNIST"}
OWN = "digits of your own"


def stand_in(parts: Mapping[str, Part], md5s: Mapping[str, Iterable[str]]) -> str:
    """What the digits are where they are not MNIST's, as "Fashion-MNIST, not MNIST"; "" for MNIST.

    ``md5s`` holds the MD5 sums of each part's files, by which data sets are known as they are published.
    """
    if content_hash(parts) == MNIST:
        return ""
    names = {name: _name(name, part, md5s.get(name, ())) for name, part in parts.items()}
    if len(set(names.values())) > 1:
        return f"{', '.join(f'{name}: {title}' for name, title in names.items())}; not MNIST"
    return f"{next(iter(names.values()))}, not MNIST"


def stand_in_of(manifest: Manifest) -> str:
    """What prepared digits, or clips made of them, are where they are not MNIST's; "" for MNIST, and for a demo's."""
    if manifest.demo:
        return ""
    unknown = "" if manifest.details.get("digits", manifest.hash) == MNIST else f"{OWN}, not MNIST"
    return str(manifest.details.get("stand_in", unknown))


def _name(name: str, part: Part, md5s: Iterable[str]) -> str:
    if content_hash({name: part}) == MNIST_PARTS[name]:
        return "MNIST"
    published = _published()
    by_files = [published[one] for one in md5s if one in published]
    return by_files[0] if by_files else LABELS.get(labels_hash(part), OWN)


def labels_hash(part: Part) -> str:
    """The SHA-256 of all labels as bytes."""
    return hashlib.sha256(part.labels.astype("u1").tobytes()).hexdigest()


def _published() -> dict[str, str]:
    """Data sets by the MD5 sums of their files as they are published, which torchvision knows."""
    from torchvision import datasets  # which takes seconds to import

    lists = {name: getattr(datasets, name).resources for name in TITLES}
    lists["QMNIST"] = [pair for pairs in lists["QMNIST"].values() for pair in pairs]
    return {md5: TITLES[name] for name, pairs in lists.items() for _, md5 in pairs}
