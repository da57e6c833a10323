"""Search E3D-LSTM, its switches and FERNN on Moving MNIST; ``video_search.py kth`` does it on KTH's videos.

Papers: Wang et al., "Eidetic 3D LSTM: A Model for Video Prediction and Beyond", ICLR 2019; Tan, "Mental Simulation with
Self-Supervised Spatiotemporal Learning", 2019, whose three studies are presets. Expected on Moving MNIST, ten frames
to ten: a reproduction by the released code had MSE 77.5 per frame and PSNR 17.9 dB (reported in its issues).
Hardware there: 4 Titan X. Not yet run at full size by this project.

    python tune/video_search.py                          E3D-LSTM, FERNN and G-RNN: 27 cells of 80,000 steps
    python tune/video_search.py --preset convolution     the cells convolve over time as well, or over the plane alone
    python tune/video_search.py --preset residual        with and without residual connections between layers
    python tune/video_search.py --preset loss            l1 and l2 as published, l1 alone, mostly l2
    python tune/video_search.py --preset studies         the three together, every combination
    python tune/video_search.py --preset encoder         a 3-D encoder, flat cells, decoders of one or of all layers
    python tune/video_search.py --preset paper-exact     as run by the released code, as are convolution-exact, ...
    python tune/video_search.py --preset finetune --weights studies/NAME/cells/CELL/best/model.safetensors
    python tune/video_search.py --preset frozen-decoder --weights ...        with the decoder of the weights, or not
    python tune/video_search.py --preset demo            under 3 minutes on two cores, few small clips
    python tune/video_search.py --protocol published --files DIR     tests on mnist_test_seq.npy, which is in DIR
    python tune/video_search.py kth --plan               the same on KTH: ten frames to twenty, 128x128 pixels
    python tune/noether_eval.py --study moving-mnist-paper           then: each clip's network tailored by inner steps
    python tune/noether_eval.py --study moving-mnist-paper --steps 0 --lpips alexnet-owt-7be5be79.pth    then: LPIPS

FERNN is the sequence-to-sequence network of translating MNIST on the same 64x64 frames, trained by the same loss: so
the table answers whether flow equivariance helps where digits bounce. It keeps 25 maps a channel: --set
model.recompute_steps=5 computes most of them again.
"""

import sys
from collections.abc import Mapping

from fernn.config import MovingConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.optim import OptimConfig
from tune.analysis.literature import SSIM_REMARK, published_table
from tune.commands.search import main
from tune.core.search_spec import Preset, Search, searches
from tune.core.study import Settings

SEEDS = (0, 1, 2)
OPTIM = OptimConfig(lr=1e-3, clip_norm=None)
PUBLISHED_RATE = (1e-3,)
PUBLISHED_MODELS = ("e3d-lstm", "e2d-lstm", "e3d-lstm-residual")
PUBLISHED_RUN = {"seed": SEEDS[:1], "selection": "last", "optim.name": "adam", "optim.epsilon": 1e-8 / 4**2}
"""One run by the released code's Adam, tested after its last step.

Its loss sums over a batch's four clips, of which ours is the mean.
"""
FOUR_GPUS = {"batch_size": 16, "epochs": 128, "optim.epsilon": 1e-8 / 16**2}
"""Tan's run.py names four GPUs and gives each its batch: a step sums over four times four clips."""
TAN_RUN = {**PUBLISHED_RUN, **FOUR_GPUS}
OWN = ("epochs", "data.num_clips")
"""The published code counts no epochs: with these an experiment takes as many steps as it does."""
PAPER = Preset(
    space={"model": ("e3d-lstm", "fernn-v2", "grnn"), "optim.lr": (1e-3, 3e-4, 1e-4), "seed": SEEDS},
)
ONE = {"model": ("e3d-lstm",), "optim.lr": PUBLISHED_RATE}
DEPTHS, RESIDUALS = {"model.kernel_depth": (2, 1)}, {"model.residual": (False, True)}
ENCODED = ("e3d-lstm-encoder", "e3d-lstm-add", "e3d-lstm-concat")
STUDIES = {
    "convolution": Preset(space={**ONE, **DEPTHS, "seed": SEEDS}),
    "residual": Preset(space={**ONE, **RESIDUALS, "seed": SEEDS}),
    "loss": Preset(space={**ONE, "model": PUBLISHED_MODELS[2:], "data.l2_weight": (1.0, 0.0, 10.0), "seed": SEEDS}),
    "studies": Preset(space={**ONE, **DEPTHS, **RESIDUALS, "data.l2_weight": (1.0, 0.0), "seed": SEEDS}),
    "encoder": Preset(space={**ONE, "model": ("e3d-lstm", *ENCODED), "seed": SEEDS}),
    "frozen-decoder": Preset(space={**ONE, "model.frozen_decoder": (False, True), "seed": SEEDS}, finetunes=True),
}
"""Tan's studies; the first value of each dimension is the published network's."""
LOSSES: Mapping[str, Settings] = {"e3d-lstm-add": {"data.l2_weight": 2.0}, "e3d-lstm-concat": {"data.l2_root": True}}
"""Those of Tan's code, which has one in each network's file."""
FINETUNE = Preset(
    space={"model": ("e3d-lstm-residual",), "optim.lr": (1e-6, 1e-5), "seed": SEEDS},
    defaults={"epochs": 12},
    finetunes=True,
)
EXACT = {
    "paper-exact": PAPER.as_published(
        {"model": PUBLISHED_MODELS, "optim.lr": PUBLISHED_RATE, **PUBLISHED_RUN},
        by_model=dict.fromkeys(PUBLISHED_MODELS[1:], FOUR_GPUS),
    ),
    "convolution-exact": STUDIES["convolution"].as_published(TAN_RUN),
    "residual-exact": STUDIES["residual"].as_published(TAN_RUN),
    "loss-exact": STUDIES["loss"].as_published(
        {**TAN_RUN, "model": PUBLISHED_MODELS[2:], "optim.lr": (1e-4,), "data.l2_weight": (0.0,), "epochs": 48}
    ),
    "encoder-exact": STUDIES["encoder"].as_published({**TAN_RUN, "model": ENCODED}, by_model=LOSSES),
    "finetune-exact": FINETUNE.as_published({**TAN_RUN, "optim.lr": (1e-6,), "epochs": 48}),
    "frozen-decoder-exact": STUDIES["frozen-decoder"].as_published({**TAN_RUN, "model.frozen_decoder": (True,)}),
}
"""What was run: 80,000 steps at 1e-3, by the l1 loss alone 30,000 at 1e-4, fine-tuning 30,000 at 1e-6."""
SMALL_CLIPS = {"data.size": 32, "data.num_frames": 6, "data.input_frames": 3, "data.num_clips": (400, 32, 64)}
ONE_SLOW_DIGIT = {"data.num_digits": 1, "data.speed": 1.0}
QUICK_START = {"data.l1_weight": 0.0, "data.sampling_start": 0.0}
"""With the l1 loss, networks have not left the black frame after 150 steps."""
SMALL_NETWORK = {"model.hidden_channels": 16, "model.kernel_size": 3, "model.num_layers": 2, "model.decoder_layers": 1}
DEMO = Preset(
    space={"model": ("e3d-lstm", "e3d-lstm-residual", "fernn-v1"), "optim.lr": (1e-2,), "seed": (0, 1)},
    defaults={"epochs": 3, "batch_size": 8, **SMALL_CLIPS, **ONE_SLOW_DIGIT, **QUICK_START, **SMALL_NETWORK},
    demo=True,
)
ALWAYS_DEVIATES = (
    "Weights, clips and scheduled sampling come from named seeds; the published code sets no seed.",
    "Tan's code draws which true frames a step shows for one of its four GPUs, and shows the same on all of them.",
    "Training from given weights starts Adam anew; the published code restores its moments and its step as well.",
    "Tan's e3d_lstm_concat takes the root over the clips of each of four GPUs; here it is over all of them at once, so "
    "that it weighs half as much.",
    SSIM_REMARK,
)
SEARCH = Search(
    base=Experiment(MODELS["moving-mnist"]["e3d-lstm"], MovingConfig(), OPTIM, epochs=32, batch_size=4),
    presets={"paper": PAPER, **STUDIES, "finetune": FINETUNE, **EXACT, "demo": DEMO},
    description=__doc__ or "",
    deviations={
        "default": ("Test clips are generated, from test digits; the published ones are those of a fixed file.",)
    },
    literature=published_table("moving-mnist"),
    always_deviates=ALWAYS_DEVIATES,
    own=OWN,
)

if __name__ == "__main__":
    if sys.argv[1:2] == ["kth"]:
        sys.argv.pop(1)
        sys.exit(main(searches()["kth-video"]))
    sys.exit(main(SEARCH))
