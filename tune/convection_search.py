"""Search learning rates and seeds for equivariant dynamics networks on Rayleigh-Benard convection: the next ten frames.

Paper: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models for Improved Generalization", ICLR 2021.
Expected: of the paper's table one row is known to us, RMSE 0.65 of ResNet-Rot, and somebody who corrected the released
script measured 0.15 instead: nothing to be expected with certainty; all of it is in
tune/analysis/literature.toml.
Hardware there: not published. Not yet run at full size by this project.

    python tune/convection_search.py --files DIR       the paper's ten models, on the published rbc_data.pt
    python tune/convection_search.py --preset paper-exact --files DIR    each at the learning rate of its symmetry
    python tune/convection_search.py --preset augmentation ...           beside them, plain networks trained on windows
                                                       that a symmetry transforms at random
    python tune/convection_search.py --plan            what would run, and what it would cost
    python tune/convection_search.py --set data.name=made-convection --study made    without the file: solved for here
    python tune/convection_search.py --preset small    small networks and squares, solved for here: measured 9.5
                                                       minutes on two cores that others kept busy
    python tune/convection_search.py --preset demo     2 minutes on two cores, on a small layer

The released commands give each symmetry one learning rate: none, uniform motion and rotation 1e-3, magnitude 5e-3,
scale 1e-4. By default every model is trained at all three, and validation chooses.

Besides RMSE and energy spectrum error (ESE) the report has both on shifted test sets: uniform motion, magnitude,
rotation and scale. All models see the same shifted fields.
"""

import sys
from dataclasses import replace

from fernn.config import ConvectionConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.models.dynamics import DYNAMICS
from fernn.optim import DecayingAdamConfig
from tune.analysis.literature import published_table
from tune.commands.search import main
from tune.core.search_spec import Preset, Search
from tune.ocean_search import AUGMENTED, DEMO_FIELDS, ENDING, FEW, NETWORKS, NETWORKS_DEVIATE, SMALL_FIELDS
from tune.ocean_search import SEARCH as OCEAN

PAPER = Preset(space={"model": NETWORKS, "optim.lr": (1e-3, 5e-3, 1e-4), "seed": (0, 1, 2, 3, 4)})
AUGMENTATION = replace(PAPER, space={**PAPER.space, "model": (*NETWORKS, *AUGMENTED)})
RATES = {"magnitude": 5e-3, "scale": 1e-4}
"""Of the released commands, of all other symmetries 1e-3."""
EXACT = PAPER.as_published(
    ENDING,
    by_model={config.name: {"optim.lr": RATES.get(config.symmetry, 1e-3)} for config in DYNAMICS},
)
LAYER = {"data.name": "made-convection", "data.rayleigh": 3e6, "data.refinement": 4, "data.interval": 0.5}
"""64 rows of cells, of which four by four are a pixel."""
FEW_FIELDS = {"data.num_fields": 500, "data.warm_up": 60.0, "data.num_clips": (400, 100, 100, 0)}
FEWEST_FIELDS = {"data.squares": 4, "data.num_fields": 120, "data.warm_up": 30.0, "data.num_clips": (120, 40, 40, 0)}
SMALL = Preset(FEW, {**SMALL_FIELDS, **LAYER, **FEW_FIELDS})
DEMO = Preset(FEW, {**DEMO_FIELDS, **LAYER, **FEWEST_FIELDS}, demo=True)
OPTIM = DecayingAdamConfig(decay=0.95)
SEARCH = Search(
    base=Experiment(MODELS["convection"]["resnet"], ConvectionConfig(), OPTIM, epochs=100, batch_size=16),
    presets={"paper": PAPER, "paper-exact": EXACT, "augmentation": AUGMENTATION, "small": SMALL, "demo": DEMO},
    description=__doc__ or "",
    deviations={
        "default": (
            *OCEAN.deviations["default"],
            "Fields are standardised by the training frames; the published script does it by all, the test's included.",
        )
    },
    literature=published_table("convection"),
    always_deviates=(
        *NETWORKS_DEVIATE,
        "Rows are turned, where the file has them upside down, so that vectors turn with their places.",
    ),
    further_data=("made-convection",),
    own=("seed",),
    further_models=AUGMENTED,
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
