"""Search learning rates and seeds for FERNN and G-RNN on rotating MNIST: predict how two digits turn on.

Paper: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.1, Table 1.
Expected there, test error on V_4 (MSE per pixel): G-RNN 4.0e-3 ± 5e-4, FERNN-V4 6.1e-4 ± 3e-5 (read in a
third-party reading note, not in the paper itself; FERNN-V2 unknown).
Hardware there: A100 and H100 GPUs, hours not published. Not yet run at full size by this project.

    python tune/rotating_mnist_search.py                     the paper's 27 cells, 50 epochs each
    python tune/rotating_mnist_search.py --plan              what would run, and what it would cost
    python tune/rotating_mnist_search.py --preset demo       two minutes on two cores, few small sequences
    python tune/rotating_mnist_search.py --preset figure4    trained on V_1, to be tested on V_5
    python tune/rotating_mnist_search.py --preset paper-exact    at 1e-4 alone, by the published generators
    python tune/rotating_mnist_search.py --set data.size=28  the published code's canvas, which cuts corners off
"""

import sys

from fernn.config import RotatingMNISTConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.optim import OptimConfig
from tune.analysis.literature import published_results
from tune.analysis.published import NAMED_DRAWS
from tune.commands.search import main
from tune.core.search_spec import Preset, Search
from tune.translating_mnist_search import PAPERS_RATE, RATES_AND_SEEDS
from tune.translating_mnist_search import SEARCH as TRANSLATING

PAPER = Preset(space={"model": ("fernn-v2", "fernn-v4", "grnn"), **RATES_AND_SEEDS})
FIGURE4 = Preset(space={"model": ("fernn-v4", "grnn"), **RATES_AND_SEEDS}, defaults={"data.velocity_range": 1})
EXACT = {"paper-exact": PAPER.as_published(PAPERS_RATE), "figure4-exact": FIGURE4.as_published(PAPERS_RATE)}
ONE_DIGIT = {"data.size": 28, "data.velocity_range": 2, "data.num_digits": 1}
FEW_SEQUENCES = {"data.num_frames": 6, "data.input_frames": 3, "data.num_sequences": (192, 48, 48)}
SMALL_NETWORK = {"model.hidden_fields": 1, "model.decoder_layers": 1}
DEMO = Preset(
    space={"model": ("fernn-v2", "grnn"), "optim.lr": (3e-3, 1e-3), "seed": (0, 1)},
    defaults={"epochs": 3, "batch_size": 16, **ONE_DIGIT, **FEW_SEQUENCES, **SMALL_NETWORK},
    demo=True,
)
OPTIM = OptimConfig(lr=1e-4, clip_norm=None)
SEARCH = Search(
    base=Experiment(MODELS["rotating-mnist"]["fernn-v4"], RotatingMNISTConfig(), OPTIM, epochs=50, batch_size=32),
    presets={"paper": PAPER, "figure4": FIGURE4, **EXACT, "demo": DEMO},
    description=__doc__ or "",
    published=published_results("rotating-mnist"),
    deviations=TRANSLATING.deviations,
    always_deviates=NAMED_DRAWS,
    own=("seed",),
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
