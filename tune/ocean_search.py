"""Search learning rates and seeds for equivariant dynamics networks on ocean currents: predict the next ten days.

Paper: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models for Improved Generalization", ICLR 2021.
Expected: the authors' table redone with currents of 2021-22 (their README), test in the same regions later in time:
RMSE 0.82 (ResNet) to 0.74 (U-Net-Rot, U-Net-Mag); tune/analysis/literature.toml has all of it.
Hardware there: not published. Not yet run at full size by this project.

    python tune/ocean_search.py --files DIR                 the paper's ten models, from NetCDF files, as Copernicus'
    python tune/ocean_search.py --preset paper-exact ...    each model at the authors' learning rate and batch size
    python tune/ocean_search.py --plan                      what would run, and what it would cost
    python tune/ocean_search.py --preset augmentation ...   beside them, plain networks on windows that a symmetry
                                                            transforms at random
    python tune/ocean_search.py --preset temperature ...    the ten models on currents and temperatures
    python tune/ocean_search.py --preset small --files DIR  small networks and tiles, GlobCurrent's files: measured
                                                            8 minutes on two cores that others kept busy
    python tune/ocean_search.py --preset demo               under 3 minutes on two cores, on currents made here

--files reads the level nearest the surface. For another level, or files with more dimensions: prepare them first,
python data/ocean/prepare.py --depth METRES --select NAME=VALUE --out DIR --files FILES, then search with --data DIR.

Besides RMSE and energy spectrum error (ESE) the report has both on shifted test sets: uniform motion, magnitude,
rotation and scale, and on regions that no training window is of. All models see the same shifted fields.
"""

import sys
from dataclasses import replace

from fernn.config import OceanConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.models.dynamics import DYNAMICS
from fernn.optim import DecayingAdamConfig
from tune.analysis.literature import published_results, published_table
from tune.commands.search import main
from tune.core.search_spec import Preset, Search

NETWORKS = tuple(config.name for config in DYNAMICS)
AUGMENTED = tuple(name for name in MODELS["ocean"] if name not in NETWORKS)
"""Networks without a symmetry, trained on windows that one transforms at random."""
PAPER = Preset(space={"model": NETWORKS, "optim.lr": (1e-3, 1e-4), "seed": (0, 1, 2, 3, 4)})
WARM = {"data.quantities": "currents-and-temperature", "model.scalars": 1}
TEMPERATURE = replace(PAPER, defaults=WARM)
AUGMENTATION = replace(PAPER, space={**PAPER.space, "model": (*NETWORKS, *AUGMENTED)})
BATCHES = {"unet": 16, "resnet-rot": 16, "unet-rot": 64, "unet-scale": 16}
ENDING = {"selection": "last", "early_stopping": 50, "data.validation_steps": "loss"}
"""The released script keeps the weights that it ends with under the name of the best."""
EXACT = PAPER.as_published(
    ENDING,
    by_model={
        model: {"optim.lr": 1e-4 if model.endswith("-scale") else 1e-3, "batch_size": BATCHES.get(model, 32)}
        for model in NETWORKS
    },
)
FEW = {"model": ("unet", "unet-um", "unet-rot"), "optim.lr": (3e-3, 1e-3), "seed": (0, 1)}
SMALL_FIELDS = {
    "model.narrowing": 8, "model.input_length": 8, "model.output_length": 3, "epochs": 10, "batch_size": 16,
    "data.size": 16, "data.num_frames": 14, "data.input_frames": 8,
}  # fmt: skip
SMALL = Preset(FEW, {**SMALL_FIELDS, "data.domain": ("*/*/4",), "data.num_clips": (400, 100, 100, 40)})
"""On daily files of 41 x 81 pixels: ten tiles, of which those in the east are the domain test."""
DEMO_FIELDS = {
    "model.narrowing": 8, "model.input_length": 4, "model.output_length": 2, "epochs": 3, "batch_size": 16,
    "data.size": 16, "data.num_frames": 8, "data.input_frames": 4,
}  # fmt: skip
DEMO = Preset(FEW, {**DEMO_FIELDS, "data.num_clips": (120, 40, 40, 20)}, demo=True)
NETWORKS_DEVIATE = (
    "Order and initial weights come from named seeds; the published code has one global state.",
    "Errors of validation are means over windows; in the published code over batches, of which the last is smaller.",
)
"""What the networks' training differs in, on whatever fields."""
SEARCH = Search(
    base=Experiment(MODELS["ocean"]["resnet"], OceanConfig(), DecayingAdamConfig(), epochs=100, batch_size=32),
    presets={
        "paper": PAPER,
        "paper-exact": EXACT,
        "augmentation": AUGMENTATION,
        "temperature": TEMPERATURE,
        "small": SMALL,
        "demo": DEMO,
    },  # fmt: skip
    description=__doc__ or "",
    published=published_results("ocean"),
    deviations={
        "default": ("Splits share no frame; in the published code windows at the cuts share all frames but one.",),
    },
    literature=published_table("ocean"),
    always_deviates=NETWORKS_DEVIATE,
    further_models=AUGMENTED,
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
