"""MNIST in every layout that people have it in gives the same digits; what is wrong is named with the way out."""

import gzip
import pickle
import zipfile

import numpy as np
import pytest

from data.errors import DataError
from data.mnist.prepare import PrepareConfig, folder_of, main
from data.mnist.source import NAMES, read_source
from data.terminal import answer
from tests.data.mnist.layouts import arrays, contents, digits, dotted, four_files, idx, put

TRAIN, TRAIN_LABELS = NAMES["train"]
TEST, TEST_LABELS = NAMES["test"]


def npz(name="mnist.npz", **changed):
    def write(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.savez(folder / name, **{**arrays(), **changed})

    return write


def as_floats(folder):
    found = arrays()
    np.savez_compressed(
        folder / "mnist.npz",
        x_train=(found["x_train"] / 255).astype(np.float32)[..., None],
        x_test=found["x_test"].reshape(-1, 784).astype(np.float64),
        y_train=found["y_train"].astype(np.uint8),
        y_test=found["y_test"].astype(np.int64),
    )


def as_torchvision(folder):
    four_files(folder, lambda name: f"MNIST/raw/{name}")
    four_files(folder, lambda name: f"MNIST/raw/{name}.gz", packed=True)


def as_macos(folder):
    four_files(folder, lambda name: f"d/{name}")
    put(folder / f"__MACOSX/d/{TRAIN}", b"\0\5\x16\7")
    put(folder / f"d/._{TRAIN}", b"\0\5\x16\7")


def as_labels(change):
    return npz(**{name: change(values) for name, values in arrays().items() if name.startswith("y")})


def as_keys(*names):
    made = arrays()
    known = ("x_train", "y_train", "x_test", "y_test")
    return lambda folder: np.savez(folder / "mnist.npz", **{n: made[k] for n, k in zip(names, known, strict=True)})


LAYOUTS = {
    "plain": lambda folder: four_files(folder, str),
    "gzipped": lambda folder: four_files(folder, "{}.gz".format, packed=True),
    "kaggle": lambda folder: four_files(folder, dotted),
    "a-folder-each": lambda folder: four_files(folder, lambda name: f"{name}/{name}"),
    "a-dotted-folder-each": lambda folder: four_files(folder, lambda name: f"{dotted(name)}/{dotted(name)}"),
    "torchvision": as_torchvision,
    "one-down": lambda folder: four_files(folder, lambda name: f"mnist/{name}"),
    "two-down": lambda folder: four_files(folder, lambda name: f"a/b/{name}.gz", packed=True),
    "train-and-test": lambda folder: four_files(folder, lambda name: f"{name.partition('-')[0]}/{name}"),
    "upper-case": lambda folder: four_files(folder, lambda name: f"{name}.gz".upper(), packed=True),
    "unpacked-by-the-browser": lambda folder: four_files(folder, "{}.gz".format),
    "packed-without-ending": lambda folder: four_files(folder, str, packed=True),
    "twice-and-equal": lambda folder: [four_files(folder, lambda name, d=d: f"{d}/{name}") for d in "ab"],
    "macos": as_macos,
    "keras": npz(),
    "keras-below": npz("datasets/MNIST.npz"),
    "keras-floats": as_floats,
    "keras-copied": npz("mnist (1).npz"),
    "labels-with-an-axis": as_labels(lambda labels: labels[:, None]),
    "labels-as-floats": as_labels(lambda labels: labels.astype("f4")),
    "labels-one-hot": as_labels(lambda labels: np.eye(10)[labels]),
    "labels-one-hot-booleans": as_labels(lambda labels: np.eye(10, dtype=bool)[labels]),
    "train_images": as_keys("train_images", "train_labels", "test_images", "test_labels"),
    "training_images": as_keys("training_images", "training_labels", "test_images", "test_labels"),
    "Images-Train": as_keys("Images-Train", "Labels-Train", "Images-T10k", "Labels-T10k"),
    "train_x": as_keys("train_x", "train_y", "test_x", "test_y"),
    "chrome": lambda folder: four_files(folder, "{} (1).gz".format, packed=True),
    "chrome-dotted": lambda folder: four_files(folder, lambda name: name.replace("-idx", " (2).idx")),
    "firefox": lambda folder: four_files(folder, "{}(1)".format),
    "windows": lambda folder: four_files(folder, "{}.gz - Copy".format, packed=True),
    "downloaded-twice": lambda folder: [
        four_files(folder, name.format, packed=True) for name in ("{}.gz", "{} (1).gz")
    ],
    "emnist": lambda folder: four_files(
        folder, lambda name: f"emnist-mnist-{name.replace('t10k', 'test')}.gz", packed=True
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_digits(layout, tmp_path):
    LAYOUTS[layout](tmp_path)
    found = read_source(tmp_path)
    for part, (pictures, labels) in digits().items():
        assert np.array_equal(found.parts[part].pictures, pictures) and found.parts[part].pictures.dtype == np.uint8
        assert np.array_equal(found.parts[part].labels, labels) and found.parts[part].labels.dtype == np.int64


@pytest.mark.parametrize("place", ["", "MNIST", "MNIST/raw", f"MNIST/raw/{TRAIN}.gz"])
def test_torchvisions_folder_is_found_from_each_of_its_places(place, tmp_path):
    as_torchvision(tmp_path)
    found = read_source(tmp_path / place)
    names = {path.name for paths in found.files.values() for path in paths}
    assert found.home == tmp_path / "MNIST/raw" and names == {*NAMES["train"], *NAMES["test"]}


def test_a_set_with_a_name_in_front_is_given_by_one_of_its_files(tmp_path, capsys):
    for seed, name in enumerate(("mnist", "digits")):
        four_files(tmp_path, lambda file, name=name: f"emnist-{name}-{file}", seed=seed)
    with pytest.raises(DataError, match="several sets of digits, and none is MNIST: give one of .*-digits-.*-mnist-"):
        read_source(tmp_path)
    capsys.readouterr()
    for seed, name in enumerate(("mnist", "digits")):
        found = read_source(tmp_path / f"emnist-{name}-{TRAIN}")
        assert np.array_equal(found.parts["train"].labels, digits(seed)["train"][1])
        assert found.stand_in == "digits of your own, not MNIST"
        assert "EMNIST's files hold rows and columns exchanged" in capsys.readouterr().err


def test_a_path_to_the_file_of_arrays_is_read(tmp_path):
    npz("any.npz")(tmp_path)
    assert np.array_equal(read_source(tmp_path / "any.npz").parts["test"].labels, digits()["test"][1])


def test_files_right_in_the_folder_hide_those_below(tmp_path):
    four_files(tmp_path, str)
    four_files(tmp_path, lambda name: f"old/{name}", seed=1)
    assert np.array_equal(read_source(tmp_path).parts["train"].labels, digits()["train"][1])


def changed(name, change):
    def write(folder):
        four_files(folder, "{}.gz".format, packed=True)
        path = folder / f"{name}.gz"
        path.write_bytes(change(path.read_bytes()))

    return write


def replaced(name, content):
    return changed(name, lambda _: content)


def swapped(folder):
    four_files(folder, {TRAIN: TRAIN_LABELS, TRAIN_LABELS: TRAIN, TEST: TEST, TEST_LABELS: TEST_LABELS}.get)


def two_copies(folder):
    four_files(folder, str)
    put(folder / f"{TRAIN_LABELS}.gz", gzip.compress(idx(np.zeros(60))))


def two_sets(folder):
    four_files(folder, lambda name: f"one/{name}")
    four_files(folder, lambda name: f"two/{name}", seed=1)


def zipped(folder):
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for name, content in contents().items():
            archive.writestr(name, content)


def without_labels(folder):
    four_files(folder, "{}.gz".format, packed=True)
    (folder / f"{TRAIN_LABELS}.gz").unlink()


def of_two_names(folder):
    four_files(folder, lambda name: name if name.startswith("train") else f"emnist-mnist-{name}")


OBJECTS = np.array([{"a": 1}], dtype=object)
DAMAGED = {
    "cut": (changed(TRAIN, lambda old: old[:-500]), f"{TRAIN}.gz is damaged: .*; bring it again"),
    "its tail cut": (changed(TRAIN, lambda old: old[:-4]), f"{TRAIN}.gz is damaged: .*; bring it again"),
    "a byte flipped": (changed(TEST, lambda old: old[:90] + bytes([old[90] ^ 8]) + old[91:]), f"{TEST}.gz is damaged"),
    "cut when plain": (replaced(TRAIN_LABELS, idx(np.zeros(60))[:-1]), "is cut short: 59 bytes of 60 for 60 labels"),
    "too long": (replaced(TRAIN_LABELS, idx(np.zeros(60)) + b"1"), "is longer than its header says: 61 bytes of 60"),
    "swapped": (swapped, f"{TRAIN} holds labels, its name says pictures: are pictures and labels swapped"),
    "other counts": (replaced(TRAIN_LABELS, idx(np.zeros(59))), "go together, and hold 60 pictures and 59 labels"),
    "no digit": (npz(x_test=np.zeros((0, 28, 28), np.uint8), y_test=np.zeros(0, int)), "holds no digit"),
    "other sides": (
        replaced(TEST, idx(np.zeros((20, 32, 32)))),
        "has pictures of 32 x 32 pixels, MNIST's have 28 x 28",
    ),
    "git-lfs": (
        replaced(TRAIN, b"version https://git-lfs.github.com/spec/v1\nsize 9\n"),
        "is a Git LFS pointer.*: run",
    ),
    "web page": (replaced(TRAIN, b"\n <!DOCTYPE html><html>404"), f"{TRAIN}.gz is a web page, .*: download it again"),
    "empty": (replaced(TEST_LABELS, b""), f"{TEST_LABELS}.gz is empty: get it again"),
    "packed nothing": (replaced(TEST_LABELS, gzip.compress(b"")), f"{TEST_LABELS}.gz is no idx file of labels"),
    "no idx": (replaced(TEST_LABELS, b"no idx"), f"{TEST_LABELS}.gz is no idx file of labels"),
    "two that differ": (two_copies, f"{TRAIN_LABELS} and .*{TRAIN_LABELS}.gz hold different things: delete"),
    "two sets": (
        two_sets,
        "several sets of digits, and none is MNIST: give one of .*one .*digits of your own.*; .*two",
    ),
    "one missing": (without_labels, f"has no {TRAIN_LABELS}, it holds .*: give the folder with MNIST's four files"),
    "nothing there": (lambda folder: None, "has none of MNIST's files, it is empty: give the folder"),
    "an archive": (zipped, "has none of MNIST's files, but archive.zip, which is to be unpacked first"),
    "no key": (lambda folder: np.savez(folder / "mnist.npz", x=1), "has no array x_train or .*, it has x: give"),
    "arrays of other counts": (npz(y_test=np.arange(19)), "has in one part 20 pictures and 19 labels"),
    "arrays of other sides": (npz(x_test=np.zeros((20, 32, 32), np.uint8)), r"must be \(n, 28, 28\)"),
    "objects": (
        npz(x_train=OBJECTS),
        "Python objects, which are never read: save an array",
    ),
    "pickle": (lambda folder: put(folder / "mnist.npz", pickle.dumps([1])), r"is no NumPy file \(.npy or .npz\)"),
    "two hot": (npz(y_train=np.ones((60, 10))), r"labels float64 \(60, 10\), they must be whole .* or one-hot"),
    "none hot": (npz(y_train=np.zeros((60, 10))), r"labels float64 \(60, 10\), they must be whole .* or one-hot"),
    "half labels": (npz(y_train=np.full(60, 0.5)), r"labels float64 \(60,\), they must be whole numbers"),
    "two of a kind": (npz(train_images=np.zeros(3)), "has x_train and train_images: leave the one that is meant"),
    "0 and 1": (npz(x_test=np.ones((20, 28, 28), np.uint8)), "its largest of uint8 is 1: save 0 and 1 as 0 and 255"),
    "idx of 0 and 1": (
        replaced(TEST, idx(np.ones((20, 28, 28)))),
        f"{TEST}.gz must hold grey levels .* largest of uint8",
    ),
    "parts of two sets": (of_two_names, f"has no {TEST} and no {TEST_LABELS}, it holds"),
    "blurred": (npz(x_test=np.full((20, 28, 28), 0.5)), "whole grey levels, or such divided by 255: its numbers lie"),
    "centred": (npz(x_test=np.full((20, 28, 28), -1.0)), "grey levels from 0 to 255 or from 0 to 1, got -1 to -1"),
    "no number": (npz(x_test=np.full((20, 28, 28), np.nan)), r"must hold numbers, it has others \(NaN"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_wrong_is_one_line_with_the_file_and_the_way_out(case, tmp_path, capsys):
    write, message = DAMAGED[case]
    files = tmp_path / "files"
    files.mkdir()
    write(files)
    with pytest.raises(DataError, match=message) as raised:
        read_source(files)
    assert "\n" not in str(raised.value) and str(files) in str(raised.value) and "pickle" not in str(raised.value)
    assert answer(main, PrepareConfig(tmp_path / "out", files)) == 2
    assert capsys.readouterr().err == f"error: {raised.value}\n" and not folder_of(tmp_path / "out").exists()


def test_a_path_that_is_not_there_or_no_such_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere is not there: give the folder"):
        read_source(tmp_path / "nowhere")
    put(tmp_path / "archive.zip", b"PK")
    with pytest.raises(DataError, match="is none of MNIST's files, but an archive, which is to be unpacked first"):
        read_source(tmp_path / "archive.zip")
