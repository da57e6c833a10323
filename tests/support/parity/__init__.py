"""Parity with the published code, measured on the golden files.

A kind of golden file has a line in :data:`KINDS`: its files, who published what they hold, the networks of the registry
that are covered, and the function that compares. That takes the tensors and the metadata of a file, and returns by
quantity ours, the published values and the tolerance. Files that hold no network stand in :data:`NO_NETWORK`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial

from fernn.models import MODELS
from tests.support.golden import GOLDEN, golden
from tests.support.parity import actions, derivatives, dynamics, eidetic, fernn, noether, switches
from tests.support.parity.measure import share

FERNN = "akandykeller/FERNN @7def7bc"
EQUIVARIANT_NET = "Rose-STL-Lab/Equivariant-Net @e6f4c84"
TAN = "kevinstan/video_prediction @e334293"
HNN = "greydanus/hamiltonian-nn @bcc3622"
NOETHER = "dylandoblar/noether-networks @c7a65a2"


@dataclass(frozen=True)
class Kind:
    """Golden files whose names match a pattern."""

    files: str
    compare: Callable
    published: str
    """Repository and commit; the metadata's "repository" and "commit" come before it."""
    networks: tuple[str, ...]
    """FAMILY/MODEL of ``fernn.models.MODELS``; {key} stands for an entry of the metadata."""


KINDS = (
    Kind("kth_fernn_v1*", fernn.classifier, FERNN, ("kth/fernn-v1",)),
    Kind("kth_fernn_v2*", fernn.classifier, FERNN, ("kth/fernn-v2",)),
    Kind("kth_grnn", fernn.classifier, FERNN, ("kth/grnn",)),
    Kind("kth_grnn_plus_*", fernn.classifier, FERNN, ("kth/grnn-plus",)),
    Kind("kth_3dcnn", fernn.classifier, FERNN, ("kth/3dcnn",)),
    Kind("translating_mnist_grnn", fernn.predictor, FERNN, ("translating-mnist/grnn",)),
    Kind("translating_mnist_fernn_v1", fernn.predictor, FERNN, ("translating-mnist/fernn-v1",)),
    Kind("translating_mnist_fernn_v2", fernn.predictor, FERNN, ("translating-mnist/fernn-v2",)),
    Kind("rotating_mnist_grnn", fernn.predictor, FERNN, ("rotating-mnist/grnn",)),
    Kind("rotating_mnist_fernn_v2", fernn.predictor, FERNN, ("rotating-mnist/fernn-v2",)),
    Kind("rotating_mnist_fernn_v4", fernn.predictor, FERNN, ("rotating-mnist/fernn-v4",)),
    Kind("rotating_mnist_fernn_c4_*", fernn.predictor, FERNN, ()),
    Kind("dynamics_*net*", dynamics.field, EQUIVARIANT_NET, ("ocean/{network}",)),
    *(
        Kind(file, partial(eidetic.compared, file), TAN, (f"moving-mnist/{network}",))
        for file, (network, _) in eidetic.NETWORKS.items()
    ),
    Kind("hnn_baseline", derivatives.derivatives, HNN, ("ideal-pendulum/vanilla-mlp",)),
    Kind("hnn_solenoidal", derivatives.derivatives, HNN, ("ideal-pendulum/hnn",)),
    Kind("noether_actions", actions.acting, NOETHER, ()),
    Kind("noether_switch_*", switches.switch, NOETHER, ()),
    Kind("noether_video_*", noether.video, NOETHER, ("physics101/noether", "physics101/svg")),
)
NO_NETWORK = {
    "kth_flow": "fernn/flows/test_translation.py",
    "kth_velocities_range2": "data/kth/test_stream.py",
    "*_mnist_sequences": "data/mnist/test_stream.py",
    "dynamics_scale_layers": "fernn/layers/test_scale.py",
    "noether_loader": "data/physics101/test_published.py",
}
"""Golden files of data and of single layers, and the test that compares each."""
NOT_PUBLISHED = {
    "kth/fernn-v1-circular": "this project's own", "kth/fernn-v2-circular": "this project's own",
    **{
        f"ideal-pendulum/{network}": "its code is not published"
        for network in ("mlp", "noether", "oracle", "symbolic", "meta-tailored", "meta-oracle")
    },
    **{
        f"ocean/{network}-augmented-{symmetry}": f"{network}'s, trained on other windows"
        for network in ("resnet", "unet")
        for symmetry in ("um", "mag", "rot", "scale")
    },
}  # fmt: skip
"""Networks of the registry of which there is no published code, and why."""


def names():
    """Of all golden files."""
    return sorted(path.stem for path in GOLDEN.glob("*.safetensors"))


def kind_of(name):
    """The kind of a golden file; None where it holds no network. Raises KeyError for a file of no kind."""
    if any(fnmatch(name, pattern) for pattern in NO_NETWORK):
        return None
    for kind in KINDS:
        if fnmatch(name, kind.files):
            return kind
    raise KeyError(f"tests/golden/{name}.safetensors is of no kind: give it a line in KINDS of tests/support/parity")


def rows_of(name):
    """What is compared in a golden file, a row each: network, quantity, difference, tolerance, published."""
    kind = kind_of(name)
    if kind is None:
        return []
    values, metadata = golden(name)
    published = "{repository} @{commit}".format(**metadata) if "commit" in metadata else kind.published
    return [
        {
            "network": name, "quantity": quantity, "difference": share(ours, theirs), "tolerance": tolerance,
            "published": published,
        }
        for quantity, (ours, theirs, tolerance) in kind.compare(values, metadata).items()
    ]  # fmt: skip


def uncovered():
    """The networks of the registry that have no golden file, each as the first family has it."""
    first = {}
    for family, models in MODELS.items():
        for name, config in models.items():
            first.setdefault((type(config), name), f"{family}/{name}")
    covered = {
        network.format(**golden(name)[1])
        for name in names()
        for kind in [kind_of(name)]
        if kind is not None
        for network in kind.networks
    }
    unknown = covered - set(first.values())
    assert not unknown, f"no such networks in the registry: {unknown}"
    return [network for network in first.values() if network not in covered]
