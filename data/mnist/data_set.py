"""MNIST: digits that drift, and digits that turn."""

from dataclasses import replace

from data.data_set import DataSet, by_split
from data.mnist import demo
from data.mnist.prepare import folder_of, prepare, require_same
from data.mnist.schema import read_parts, stand_in_of
from data.mnist.stream import Digits, DigitStream
from data.stream import Corpus
from fernn.config import RotatingMNISTConfig, TranslatingMNISTConfig

TRANSLATING = DataSet(
    config=TranslatingMNISTConfig(),
    folder="mnist",
    prepare=lambda out, data, files: prepare(out, files=files),
    prepare_demo=lambda out, data: demo.prepare(out),
    folder_of=lambda out, data: folder_of(out),
    num_clips=lambda data, manifest, is_demo: by_split(data.num_sequences),
    read=lambda folder, manifest: Corpus(Digits(read_parts(folder, manifest)), DigitStream),
    download="MNIST's four files (12 MB)",
    demo_may_be_real=True,
    require_same=require_same,
    stand_in=stand_in_of,
)
ROTATING = replace(TRANSLATING, config=RotatingMNISTConfig())
