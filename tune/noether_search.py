"""Search learning rates, inner steps and seeds for Noether Networks on Physics 101: predict how objects slide.

Paper: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, video experiment.
Expected there, test error (MSE per pixel, mean over 20 predicted frames): SVG 5.51e-4, Noether Network with one inner
step 5.15e-4 (read off Figure 3 of the workshop version, by eye; one run each, on 20 of 78 test clips).
Hardware there: a V100; 13 hours for SVG, 71 for the Noether Network (400 epochs). Not yet run at full size by us.

    python tune/noether_search.py                         downloads Physics 101: SVG and Noether Networks
    python tune/noether_search.py --files DIR             from the unpacked archive on disk
    python tune/noether_search.py --preset paper-exact --files DIR     the clips that the published loader shows
    python tune/noether_search.py --plan                  what would run, and what it would cost
    python tune/noether_search.py --preset demo           under three minutes on two cores, on rendered blocks
    python tune/noether_search.py --set model.inner_steps=[0,1,5] --study steps    other numbers of inner steps
    python tune/noether_search.py --set data.split=object --study by-object        test objects are held out
    python tune/noether_eval.py --study physics101-paper  then: PSNR, SSIM by horizon, losses by inner steps, Grad-CAM

model.inner_steps 0 is SVG. It is searched like a learning rate: each number is a row of the table.
"""

import sys

from fernn.config import RampConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.optim import OptimConfig
from tune.analysis.published import NAMED_DRAWS
from tune.commands.search import main
from tune.core.search_spec import Preset, Search

PAPER = Preset(
    space={"model": ("noether",), "model.inner_steps": (0, 1), "optim.lr": (1e-4,), "seed": (0, 1, 2)},
)
EXACT = PAPER.as_published({"seed": (0,), "selection": "last"})
"""The published numbers are of one run each, after its last epoch."""
SMALL_CLIPS = {"data.size": 32, "data.num_frames": 12}
SMALL_CODER = {"model.widths": (8, 16, 32), "model.depths": (1, 1, 1), "model.code": 16, "model.latent": 4}
SMALL_NETWORK = {"model.recurrent": 32, "model.embedding_width": 4, "model.embedding_dimensions": 8}
DEMO = Preset(
    space={"model": ("noether",), "model.inner_steps": (0, 1), "optim.lr": (1e-3,), "seed": (0, 1)},
    defaults={"epochs": 4, "batch_size": 4, **SMALL_CLIPS, **SMALL_CODER, **SMALL_NETWORK},
    demo=True,
)
OPTIM = OptimConfig(lr=1e-4, clip_norm=1000.0)
SEARCH = Search(
    base=Experiment(MODELS["physics101"]["noether"], RampConfig(), OPTIM, epochs=400, batch_size=2),
    presets={"paper": PAPER, "paper-exact": EXACT, "demo": DEMO},
    description=__doc__ or "",
    deviations={
        "default": (
            "Every clip is seen once an epoch; the published loader with 6 workers shows the first 52 of 311 training "
            "clips, six times an epoch each, and its evaluation 20 of 78 test clips.",
            "A tenth of the training clips is kept for validation; the published code validates on the test clips.",
            "Test clips are not mirrored; the published evaluation mirrors half of them, by chance.",
            "Which clips are test clips comes from a named seed; the published list is shuffled by a seed of its own.",
        ),
    },
    always_deviates=(
        "The published errors, 5.51e-4 without and 5.15e-4 with an inner step, are read off a figure, of one run each.",
        "Which clips are mirrored, and a clip's latent draws in evaluation, come from its name.",
        *NAMED_DRAWS,
    ),
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
