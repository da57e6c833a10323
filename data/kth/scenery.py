"""What rendered videos look like: KTH's four scenarios as grounds, clothes, zoom and noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from data.kth.decode import HEIGHT, WIDTH
from data.kth.figures import Body, Pose
from fernn.seeding import generator

Image = NDArray[np.uint8]

_SHIFT = 4
"""Drawing is exact to 1 / 2**_SHIFT of a pixel."""

_NUM_NOISES = 16


@dataclass(frozen=True)
class Scene:
    """The place and the clothes of one person in one scenario, alike for all actions."""

    ground: Image
    noise: NDArray[np.int16]
    tones: dict[str, int]
    stoutness: float
    zooms: bool
    floor: float


def scene_of(person: int, scenario: int) -> Scene:
    """Scenario 1 outdoors, 2 outdoors with zoom, 3 outdoors in other clothes, 4 indoors."""
    rng = generator("kth-demo", "scene", person, scenario)
    ground = _indoors(rng) if scenario == 4 else _outdoors(rng)
    noise = rng.normal(0, rng.uniform(1, 2.5), (_NUM_NOISES, HEIGHT, WIDTH)).round().astype(np.int16)
    stoutness = rng.uniform(1.3, 1.7) if scenario == 3 else rng.uniform(0.9, 1.1)
    return Scene(ground, noise, _tones(rng, ground, scenario), stoutness, scenario == 2, rng.uniform(98, 108))


def zoom_of(scene: Scene, num_frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The scale of the figure at every frame: in scenario 2 the camera draws nearer or away."""
    near, far = rng.uniform(1.05, 1.3), rng.uniform(0.65, 0.9)
    ends = (near, far) if rng.uniform() < 0.5 else (far, near)
    return np.linspace(*ends, num_frames) if scene.zooms else np.ones(num_frames)


def draw_frame(scene: Scene, body: Body, pose: Pose, t: int, place: NDArray[np.float64], noise: int) -> Image:
    """Frame ``t`` of a movement; ``place`` maps pose to image as (x, y, x scale, y scale)."""
    image: MatLike = scene.ground.copy()
    width = max(1, round(body.limb * scene.stoutness * place[3]))
    for part, chain in pose.chains:
        thickness = round(width * 1.9) if part == "trunk" else width
        points = _pixels(chain[t], place)
        cv2.polylines(image, [points], False, (scene.tones[part],), thickness, cv2.LINE_AA, _SHIFT)
    x, y = _pixels(pose.head[t], place).tolist()
    radius = round(body.head * place[3] * 2**_SHIFT)
    cv2.circle(image, (x, y), radius, (scene.tones["head"],), -1, cv2.LINE_AA, _SHIFT)
    return np.asarray(cv2.add(image, scene.noise[noise % _NUM_NOISES], dtype=cv2.CV_8U), np.uint8)


def _pixels(points: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint((place[:2] + points * place[2:]) * 2**_SHIFT).astype(np.int32)


def _outdoors(rng: np.random.Generator) -> Image:
    level, texture = rng.uniform(160, 185), rng.uniform(2, 5)
    grain = rng.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    blades = cv2.GaussianBlur(grain, (0, 0), sigmaX=2.5, sigmaY=1.0)
    patches = cv2.GaussianBlur(grain, (0, 0), sigmaX=14, sigmaY=5)
    slope = np.linspace(rng.uniform(0, 25), 0, HEIGHT)[:, None]
    return _levels(level + slope + texture * (blades / blades.std() + 0.7 * patches / patches.std()))


def _indoors(rng: np.random.Generator) -> Image:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    lamp = np.hypot(columns - rng.uniform(50, 110), (rows - rng.uniform(20, 60)) * 1.3)
    wall = rng.uniform(150, 200) - lamp * rng.uniform(0.3, 0.7)
    edge = rng.uniform(86, 96)
    floor = np.where(rows > edge, rng.uniform(-50, -25), 0)
    skirting = np.where(np.abs(rows - edge) < 1.5, -30, 0)
    return _levels(wall + floor + skirting)


def _tones(rng: np.random.Generator, ground: Image, scenario: int) -> dict[str, int]:
    trousers, shirt, skin = rng.integers(15, 45), rng.integers(20, 75), rng.integers(60, 110)
    if scenario == 3:
        shirt = rng.integers(210, 240) if ground.mean() < 140 else rng.integers(10, 30)
    near = {"leg": trousers, "trunk": shirt, "arm": shirt, "head": skin}
    far = {f"far {part}": near[part] + 14 for part in ("leg", "arm")}
    return {part: int(tone) for part, tone in (near | far).items()}


def _levels(values: NDArray[np.floating]) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
