"""Checksums of the content decide which digits they are; others than MNIST's are marked, and never replace MNIST's."""

import hashlib

import numpy as np
import pytest

from data.errors import DataError
from data.manifest import Manifest
from data.mnist import schema
from data.mnist.prepare import folder_of, prepare
from data.mnist.schema import Part, content_hash
from data.mnist.source import NAMES, read_source
from data.registry import stand_in
from tests.data.mnist.layouts import arrays, contents, digits, four_files, put

OWN = "digits of your own, not MNIST"


def parts(seed):
    return {name: Part(*pair) for name, pair in digits(seed).items()}


@pytest.fixture
def mnist(monkeypatch):
    """The digits of seed 0 are taken for MNIST, the labels of seed 1 for Fashion-MNIST's."""
    monkeypatch.setattr(schema, "MNIST", content_hash(parts(0)))
    monkeypatch.setattr(schema, "MNIST_PARTS", {name: content_hash({name: part}) for name, part in parts(0).items()})
    labels = [hashlib.sha256(bytes(part.labels.tolist())).hexdigest() for part in parts(1).values()]
    monkeypatch.setattr(schema, "LABELS", dict.fromkeys(labels, "Fashion-MNIST"))


def test_mnist_is_known_in_every_layout_and_its_manifest_is_as_before(mnist, tmp_path):
    four_files(tmp_path / "a", "{}.gz".format, packed=True)
    manifest = prepare(tmp_path / "out", files=tmp_path / "a")
    assert stand_in(manifest) == "" and set(manifest.details) == {"files"}
    (tmp_path / "b").mkdir()
    np.savez(tmp_path / "b/mnist.npz", **arrays())
    assert read_source(tmp_path / "b").hash == manifest.hash == schema.MNIST
    assert prepare(tmp_path / "out", files=tmp_path / "b") == manifest


@pytest.mark.parametrize(
    ("seed", "name"), [(1, "Fashion-MNIST, not MNIST"), (2, OWN)], ids=["known by its labels", "unknown"]
)
def test_other_digits_are_named_and_marked(mnist, seed, name, tmp_path, capsys):
    four_files(tmp_path / "files", str, seed)
    manifest = prepare(tmp_path / "out", files=tmp_path / "files")
    assert stand_in(manifest) == stand_in(Manifest.read(folder_of(tmp_path / "out"))) == name
    assert f"STAND-IN: {tmp_path / 'files'} holds {name}; results on it compare with no" in capsys.readouterr().err


def test_files_as_they_are_published_are_known_by_their_own_checksum(mnist, tmp_path, monkeypatch):
    four_files(tmp_path, "{}.gz".format, seed=2, packed=True)
    md5s = [hashlib.md5((tmp_path / f"{names[0]}.gz").read_bytes()).hexdigest() for names in NAMES.values()]
    resources = [(f"{names[0]}.gz", md5) for names, md5 in zip(NAMES.values(), md5s, strict=True)]
    monkeypatch.setattr("torchvision.datasets.KMNIST.resources", resources)
    assert read_source(tmp_path).stand_in == "KMNIST (Kuzushiji), not MNIST"


def test_a_mixture_names_each_part(mnist, tmp_path):
    for name, content in contents().items():
        put(tmp_path / name, content if name in NAMES["train"] else contents(1)[name])
    assert read_source(tmp_path).stand_in == "train: MNIST, test: Fashion-MNIST; not MNIST"


def test_of_several_sets_mnist_is_taken_and_said(mnist, tmp_path, capsys):
    four_files(tmp_path, lambda name: f"FashionMNIST/raw/{name}", seed=1)
    four_files(tmp_path, lambda name: f"MNIST/raw/{name}")
    assert read_source(tmp_path).hash == schema.MNIST
    assert "MNIST/raw is taken, of " in capsys.readouterr().err


def test_one_set_never_passes_for_another_that_is_prepared(mnist, tmp_path):
    for seed in (0, 1):
        four_files(tmp_path / f"files{seed}", str, seed)
        prepare(tmp_path / f"out{seed}", files=tmp_path / f"files{seed}")
    for out, files, message in (
        (0, 1, "digits holds MNIST, .* has Fashion"),
        (1, 0, "digits holds Fashion.* has MNIST"),
    ):
        before = Manifest.read(folder_of(tmp_path / f"out{out}"))
        with pytest.raises(DataError, match=message):
            prepare(tmp_path / f"out{out}", files=tmp_path / f"files{files}")
        assert Manifest.read(folder_of(tmp_path / f"out{out}")) == before


def test_what_an_earlier_version_prepared_without_looking_is_marked(mnist, tmp_path):
    four_files(tmp_path / "files", str, seed=1)
    manifest = prepare(tmp_path / "out", files=tmp_path / "files")
    del manifest.details["stand_in"]
    assert stand_in(manifest) == OWN


def test_the_published_files_of_other_sets_are_known_by_torchvisions_lists():
    published = schema._published()
    assert (
        published["8d4fb7e6c68d591d4c3dfef9ec88bf0d"]
        == published["bef4ecab320f06d8554ea6380940ec79"]
        == "Fashion-MNIST"
    )
    assert {*published.values()} == {*schema.TITLES.values()}
