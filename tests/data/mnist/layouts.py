"""Digits made for tests, and the layouts of files and folders in which people have MNIST."""

import gzip

import numpy as np

from data.mnist.source import NAMES

SIZES = {"train": 60, "test": 20}


def idx(values):
    """An idx file's bytes: magic number, sizes, values."""
    header = [0x0800 + values.ndim, *values.shape]
    return np.array(header, ">u4").tobytes() + values.astype(np.uint8).tobytes()


def digits(seed=0):
    """Pictures and labels by part."""
    random = np.random.default_rng(seed)
    return {
        part: (random.integers(0, 256, (count, 28, 28)).astype(np.uint8), random.integers(0, 10, count))
        for part, count in SIZES.items()
    }


def contents(seed=0):
    """Each of the four files by its name."""
    made = digits(seed)
    return {name: idx(values) for part, names in NAMES.items() for name, values in zip(names, made[part], strict=True)}


def arrays(seed=0):
    """The arrays of Keras' mnist.npz."""
    made = digits(seed)
    return {f"{kind}_{part}": values for part, pair in made.items() for kind, values in zip("xy", pair, strict=True)}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def four_files(folder, place, seed=0, packed=False):
    """The four files, each at the path that ``place`` makes of its name."""
    for name, content in contents(seed).items():
        put(folder / place(name), gzip.compress(content) if packed else content)


def dotted(name):
    return name.replace("-idx", ".idx")
