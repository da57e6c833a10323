"""A damped pendulum with noise in the published file's format: ``python data/real_pendulum/demo.py --out DIR``.

DIR then holds ``real_pend_h_1.txt``, read as the published one is. It has 556 moments, most a sixth of a second
apart, some lacking. The motion is q'' = -1.2 sin q - friction q', which without friction would conserve
p**2 - 2.4*cos(q). ``demo.json`` marks the folder. Equal arguments give equal bytes on one machine.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.files import full_path, write_atomically
from data.preparing.folders import DEMO_MARK, alone_in
from data.real_pendulum.source import LEAST_ROWS, NAME
from data.systems.dynamics import States, runge_kutta
from data.terminal import answer, options_of
from fernn.seeding import generator

GRAVITY, START = 1.2, (1.4, 0.0)
BEGIN, SPAN, LACKING = 5.0, 1 / 6, 0.02
"""The time of the first moment, the usual time between two, and the share of moments that lack."""
SUBSTEPS = 20


@dataclass(frozen=True)
class DemoConfig:
    """Write the motion of a damped pendulum, measured with noise, as Schmidt and Lipson's file has it."""

    out: Path
    """Folder for the file; made if it is missing."""
    moments: int = 556
    """Rows of the file."""
    friction: float = 0.012
    """Share of the angular velocity that is lost in a unit of time."""
    noise: float = 0.01
    """Standard deviation of the noise on angles and angular velocities."""

    def __post_init__(self) -> None:
        for name, least in (("moments", LEAST_ROWS), ("friction", 0), ("noise", 0)):
            if not (value := getattr(self, name)) >= least:
                raise DataError(f"{name} must be {least} or more, got {value}")


def motion(config: DemoConfig) -> States:
    """The measured moments (n, 3): time, angle, angular velocity."""
    lacks = generator("real-pendulum-demo", "moments").random(2 * config.moments) < LACKING
    kept = np.flatnonzero(~lacks)[: config.moments]
    exact = _exact(kept[-1] + 1, config.friction)[kept]
    noise = config.noise * generator("real-pendulum-demo", "noise").standard_normal(exact.shape)
    return np.concatenate([(BEGIN + SPAN * kept)[:, None], exact + noise], axis=1)


def _exact(number: int, friction: float) -> States:
    """The states (number, 2), one each :data:`SPAN`."""

    def slope(states: States) -> States:
        return np.array([states[1], -GRAVITY * np.sin(states[0]) - friction * states[1]])

    reached = [np.array(START)]
    for _ in range(number - 1):
        states = reached[-1]
        for _ in range(SUBSTEPS):
            states = runge_kutta(slope, states, SPAN / SUBSTEPS)
        reached.append(states)
    return np.stack(reached)


def render(config: DemoConfig) -> Path:
    """Write the file into ``out``, and the mark beside it; its path."""
    folder = full_path(config.out)
    folder.mkdir(parents=True, exist_ok=True)
    path, mark = folder / NAME, folder / DEMO_MARK
    with alone_in(folder):
        if path.exists() and not mark.exists():
            raise DataError(f"{folder} holds {NAME} that is not made here: choose another folder")
        facts = {"dataset": "real-pendulum-demo", "friction": config.friction, "noise": config.noise}
        write_atomically(mark, json.dumps(facts, indent=2) + "\n")
        rows = "".join(f"  {_number(0)}{''.join(f'  {_number(n)}' for n in row)} \r\n" for row in motion(config))
        write_atomically(path, f"%o v\r\n{rows}")
    return path


def _number(value: float) -> str:
    """The number with the file's sixteen digits and three digits of exponent."""
    digits, _, exponent = f"{value:.16e}".partition("e")
    return f"{digits}e{exponent[0]}{int(exponent[1:]):03d}"


if __name__ == "__main__":
    sys.exit(answer(lambda config: str(render(config)), options_of(DemoConfig)))
