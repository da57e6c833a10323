"""Digits rendered from fonts, for a machine without MNIST: ``prepare(out)``.

Every digit is drawn in one of matplotlib's own fonts, turned, sheared, scaled and moved a little, from named
seeds: equal versions of the fonts give equal digits. Never to be taken for MNIST: the manifest says demo.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.manifest import Manifest
from data.mnist.prepare import folder_of
from data.mnist.schema import Part, write_digits
from data.preparing.folders import ready_or_made
from fernn.config import DIGIT
from fernn.seeding import generator

DATASET = "rendered-digits"
NUM_DIGITS = {"train": 3000, "test": 1000}
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold")
SCALE = 4
"""A digit is drawn so many times larger, then reduced."""


def prepare(out: Path | str) -> Manifest:
    """The manifest of the rendered digits in ``folder_of(out)``, which are made unless they are there."""
    folder = folder_of(out)

    def make() -> Manifest:
        parts = {name: render(name, count) for name, count in NUM_DIGITS.items()}
        facts = {"dataset": DATASET, "demo": True, "origin": "fonts of matplotlib"}
        return write_digits(folder, parts, source_sha256=matplotlib.__version__, **facts)

    return ready_or_made(folder, DATASET, make)


def render(part: str, count: int) -> Part:
    """``count`` digits, each class as often as the others."""
    labels = np.arange(count) % 10
    return Part(np.stack([draw(int(label), part, index) for index, label in enumerate(labels)]), labels)


def draw(label: int, part: str, index: int) -> np.ndarray:
    """One digit (28, 28): white on black, in the middle 20 pixels or so, as MNIST's are."""
    random, side = generator("rendered-digit", part, index), DIGIT * SCALE
    font = Path(matplotlib.get_data_path()) / f"fonts/ttf/{FONTS[random.integers(len(FONTS))]}.ttf"
    picture = Image.new("L", (side, side))
    size = int(SCALE * random.uniform(20, 25))
    ImageDraw.Draw(picture).text((side / 2, side / 2), str(label), 255, ImageFont.truetype(font, size), anchor="mm")
    angle, shear = np.radians(random.uniform(-15, 15)), random.uniform(-0.25, 0.25)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ [[1, shear], [0, 1]]
    offset = np.full(2, side / 2) - matrix @ (np.full(2, side / 2) + SCALE * random.uniform(-1, 1, 2))
    moved = picture.transform((side, side), Image.Transform.AFFINE, [*matrix[0], offset[0], *matrix[1], offset[1]])
    return np.asarray(moved.resize((DIGIT, DIGIT), Image.Resampling.BOX))
