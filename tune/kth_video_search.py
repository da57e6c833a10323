"""Search E3D-LSTM and its switches on KTH's videos: ten frames are given, twenty are to be predicted, at 128x128.

Papers: Wang et al., "Eidetic 3D LSTM", ICLR 2019: PSNR 29.31, SSIM 0.879; Tan, "Mental Simulation with Self-Supervised
Spatiotemporal Learning", 2019: 27.73 and 0.844 trained anew, 29.87 and 0.881 fine-tuned with residual connections.
Reproductions by the released code come to 23 dB. Hardware there: 4 Titan X. Not yet run at full size by this project.

    python tune/video_search.py kth                      E3D-LSTM, its 2-D and residual variants, FERNN: 200,000 steps
    python tune/video_search.py kth --videos DIR         from KTH's videos on disk, without a download
    python tune/video_search.py kth --preset finetune --weights studies/NAME/cells/CELL/best/model.safetensors
    python tune/video_search.py kth --preset demo        on rendered stick figures

All frames at 128x128 are some 5 GB, which the machine's trials share.
"""

import sys

from fernn.config import KTHVideoConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from tune.analysis.literature import published_table
from tune.commands.search import main
from tune.core.search_spec import Preset, Search
from tune.video_search import (
    ALWAYS_DEVIATES,
    ENCODED,
    OPTIM,
    OWN,
    PUBLISHED_MODELS,
    PUBLISHED_RATE,
    PUBLISHED_RUN,
    SEEDS,
    STUDIES,
)
from tune.video_search import DEMO as MOVING_DEMO

PAPER = Preset(space={"model": (*PUBLISHED_MODELS, "fernn-v2"), "optim.lr": PUBLISHED_RATE, "seed": SEEDS})
FINETUNE = Preset(space={"model": ("e3d-lstm-residual",), "optim.lr": (1e-5,), "seed": SEEDS}, finetunes=True)
RUN = {**PUBLISHED_RUN, "optim.epsilon": 1e-8 / 2**2, "data.protocol": "default"}
"""200,000 steps of two clips; the frames that were selected by hand for it are not available."""
FOUR_GPUS = {"batch_size": 8, "epochs": 160, "optim.epsilon": 1e-8 / 8**2}
"""Tan's steps are of four times two clips."""
TAN_RUN = {**RUN, **FOUR_GPUS}
EXACT = {
    "paper-exact": PAPER.as_published(
        {"model": PUBLISHED_MODELS, **RUN}, by_model=dict.fromkeys(PUBLISHED_MODELS[1:], FOUR_GPUS)
    ),
    "encoder-exact": STUDIES["encoder"].as_published({**TAN_RUN, "model": ENCODED[:1]}),
    "finetune-exact": FINETUNE.as_published(TAN_RUN),
}
SMALL = {"epochs": 5, "batch_size": 4, "data.num_clips": (400, 16, 32), "model.patch_size": 4}
DEMO = Preset(
    space={"model": ("e3d-lstm", "fernn-v1"), "optim.lr": (3e-3,), "seed": (0, 1)},
    defaults={**MOVING_DEMO.defaults, **SMALL},
    demo=True,
)
"""E3D-LSTM learns the background first: it takes some 300 steps before a figure stands in front of it."""
SEARCH = Search(
    base=Experiment(MODELS["kth-video"]["e3d-lstm"], KTHVideoConfig(), OPTIM, epochs=40, batch_size=2),
    presets={"paper": PAPER, **STUDIES, "finetune": FINETUNE, **EXACT, "demo": DEMO},
    description=__doc__ or "",
    literature=published_table("kth-video"),
    always_deviates=(
        "Clips are windows of the annotated ranges; the published frames were selected by hand and cut by file number.",
        "Every tenth range of the training persons validates and does not train; the published code trains on all.",
        *ALWAYS_DEVIATES,
    ),
    own=OWN,
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
