"""Search for Noether Networks that predict a pendulum which random torques push, with and without its actions.

Paper: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, controlled dynamics.
Expected there, test error (MSE per pixel) of the 26th predicted frame: SVG 4.2e-3, Noether Network 4.2e-3, and of the
10th 3.5e-3 and 3.3e-3 (read by eye off the poster in the published repository; tune/analysis/literature.toml has more).
Which episodes and actions the networks saw is not in what we could read: 195 test episodes, second-hand. Not yet run at
full size by us.

    python tune/controlled_search.py                          12 cells: with and without actions and inner step
    python tune/controlled_search.py --plan                   what would run, and what it would cost
    python tune/controlled_search.py --preset demo            few short episodes
    python tune/controlled_search.py --preset small           12 cells of small networks; LOG has what came out
    python tune/controlled_search.py --set model.use_actions=true --study acting      with the actions alone
    python tune/noether_eval.py --study controlled-pendulum-small    then: quality by frame, losses by inner steps

model.inner_steps 0 is SVG. With model.use_actions false a network sees the same clips without what acts on them.
"""

import sys

from fernn.config import ControlledPendulumConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.optim import OptimConfig
from tune.analysis.literature import published_table
from tune.analysis.published import NAMED_DRAWS
from tune.commands.search import main
from tune.core.search_spec import Preset, Search

ROWS = {"model": ("noether",), "model.use_actions": (False, True), "model.inner_steps": (0, 1)}
SMALL_CLIPS = {"data.size": 32, "data.num_frames": 10, "data.push_frames": 6}
SMALL_NETWORK = {
    "model.widths": (8, 16, 32), "model.depths": (1, 1, 1), "model.code": 16, "model.latent": 4, "model.recurrent": 32,
    "model.embedding_width": 4, "model.embedding_dimensions": 8,
}  # fmt: skip
PRESETS = {
    "paper": Preset({**ROWS, "optim.lr": (1e-4,), "seed": (0, 1, 2)}),
    "small": Preset(
        {**ROWS, "optim.lr": (1e-3,), "seed": (0, 1, 2)},
        {"epochs": 5, "batch_size": 2, "data.num_episodes": (256, 16, 64), **SMALL_CLIPS, **SMALL_NETWORK},
    ),
    "demo": Preset(
        {**ROWS, "optim.lr": (1e-3,), "seed": (0, 1)},
        {"epochs": 3, "batch_size": 8, "data.num_episodes": (96, 16, 32), **SMALL_CLIPS, **SMALL_NETWORK},
        demo=True,
    ),
}
SEARCH = Search(
    base=Experiment(
        MODELS["controlled-pendulum"]["noether"],
        ControlledPendulumConfig(),
        OptimConfig(lr=1e-4, clip_norm=1000.0),
        epochs=400,
        batch_size=2,
    ),
    presets=PRESETS,
    description=__doc__ or "",
    always_deviates=(
        "The environment is this project's, with Gymnasium's equations, constants and colors: the published frames "
        "show an arrow for the torque, ours do not, so that what acts is seen in the actions alone.",
        "The released networks have room for an action, which the released prediction never fills; here it is filled "
        "as in the code for Omnipush from which these lines come.",
        "How many episodes the published networks were trained on, their length and the torques are not known to us.",
        *NAMED_DRAWS,
    ),
    literature=published_table("controlled-pendulum"),
    # how the published networks were trained for this experiment, and their sizes, are not known to us
    own=("epochs", "batch_size", "optim", "data", "precision", "seed", *SMALL_NETWORK),
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
