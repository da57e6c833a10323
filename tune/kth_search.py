"""Search learning rates and seeds for FERNN and its baselines on KTH action recognition.

Paper: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.2, Table 2.
Expected there, test accuracy with V_2 motion: 3D-CNN 0.626 ± 0.02, G-RNN 0.665 ± 0.03 (read in a
third-party review, not in the paper itself; other rows unknown).
Hardware there: A100 and H100 GPUs, hours not published. Not yet run at full size by this project.

    python tune/kth_search.py                    the paper's 60 cells, 500 epochs each
    python tune/kth_search.py --plan             what would run, and what it would cost
    python tune/kth_search.py --preset demo      two minutes on two cores, rendered videos
    python tune/kth_search.py --preset figure5   velocity generalization: trained on V_0 and on V_1
    python tune/kth_search.py --preset paper-exact   the published code's choices too; figure5-exact: the same
    python tune/kth_search.py --sampler tpe --lr-range 1e-5 1e-2 --num-samples 20 --study kth-tpe

Run the same command again to finish what was stopped, to retry what failed, or to see the table. More models,
learning rates, seeds or epochs in the same study run only what is missing.
"""

import sys

from fernn.experiment import Experiment
from tune.analysis.literature import published_results
from tune.commands.search import main
from tune.core.search_spec import Preset, Search

NETWORKS = {"model": ("fernn-v1", "fernn-v2", "grnn", "grnn-plus", "3dcnn")}
RATES_AND_SEEDS = {"optim.lr": (3e-3, 1e-3, 3e-4, 1e-4), "seed": (0, 1, 2)}
PAPER = Preset(space={**NETWORKS, **RATES_AND_SEEDS})
FIGURE5 = Preset(space={**NETWORKS, "data.velocity_range": (0, 1), **RATES_AND_SEEDS})
"""Trained without motion and on V_1; velocity_eval.py then measures on V_0, V_1, V_2."""
EXACT = {"paper-exact": PAPER.as_published(), "figure5-exact": FIGURE5.as_published()}
SMALL_CLIPS = {"data.size": 16, "data.num_frames": 8, "data.frame_step": 4, "data.velocity_range": 1}
SMALL_NETWORK = {"model.hidden_channels": 8, "model.embedding_channels": (8,), "model.base": 4}
DEMO = Preset(
    space={"model": ("fernn-v1", "grnn"), "optim.lr": (1e-2, 3e-3), "seed": (0, 1)},
    defaults={"epochs": 16, "batch_size": 8, **SMALL_CLIPS, **SMALL_NETWORK},
    demo=True,
)
SEARCH = Search(
    base=Experiment(),
    presets={"paper": PAPER, "figure5": FIGURE5, **EXACT, "demo": DEMO},
    description=__doc__ or "",
    published=published_results("kth"),
    deviations={
        "default": (
            "Annotations are read as 1-based, as they are meant; the published code reads them as 0-based.",
            "A clip's velocity comes from its split and name; the published code draws it by position in the list, "
            "the same in every split.",
        ),
    },
    always_deviates=(
        "Validation and test clips start at one fixed frame; the published code draws a new start at every evaluation.",
        "Initial weights, order, starts and mirroring come from named seeds; the published code sets no seed.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
