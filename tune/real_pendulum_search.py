"""Search inner rates and seeds for networks that predict a filmed pendulum, whose energy is nearly conserved.

Data: Schmidt and Lipson, "Distilling Free-Form Natural Laws from Experimental Data", Science 324, 2009, as Greydanus et
al., "Hamiltonian Neural Networks", NeurIPS 2019, task 3, use it. Method: Alet et al., "Noether Networks: Meta-Learning
Useful Conserved Quantities", NeurIPS 2021.
Expected there, squared error of derivatives on test states: perceptron 2.19e-3, Hamiltonian network 5.96e-3; squared
error of the energy along a rollout of the test: 0.386 and 0.0145. Tailored to p^2 - 2.39 cos q the perceptron improves
by more than an order of magnitude and is better than the Hamiltonian network (in words and a figure).

vanilla-mlp predicts derivatives, hnn by a learned H; meta-tailored is vanilla-mlp after its training, tailored by one
inner step so that p^2 - 2.39 cos q is conserved, meta-oracle so that p^2 - 2.4 cos q is.

    python tune/real_pendulum_search.py --files DIR       DIR has real_pend_h_1.txt or invar_datasets.zip: 66 cells
    python tune/real_pendulum_search.py --preset demo     few steps, on a pendulum that is made here
    python tune/real_pendulum_search.py --preset paper-exact --files DIR     as published, one seed
"""

import sys

from fernn.config import RealPendulumConfig
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.optim import DecayingAdamConfig
from tune.analysis.literature import published_table
from tune.commands.search import main
from tune.core.search_spec import Preset, Search
from tune.pendulum_search import DERIVATIVES, NOT_TAILORED, ROLLOUTS_DEVIATE, STEPS

SPACE = {**DERIVATIVES.space, "seed": (0, 1, 2)}
PAPER = Preset(SPACE, {"selection": "last"}, by_model=NOT_TAILORED)
DEMO = Preset(
    {**SPACE, "model.inner_lr": (0.0, 0.1), "seed": (0, 1)},
    {"selection": "last", "epochs": 4, "data.passes": 125, "model.derivative_steps": 400},
    by_model=NOT_TAILORED,
    demo=True,
)
OPTIM = DecayingAdamConfig(lr=1e-3, weight_decay=1e-5, decay=1.0)
DATA = RealPendulumConfig(passes=STEPS["data.passes"])
SEARCH = Search(
    base=Experiment(MODELS["real-pendulum"]["vanilla-mlp"], DATA, OPTIM, epochs=STEPS["epochs"], batch_size=1),
    presets={"paper": PAPER, "paper-exact": PAPER.as_published({"seed": (0,)}, NOT_TAILORED), "demo": DEMO},
    description=__doc__ or "",
    literature=published_table("real-pendulum"),
    deviations={"default": ("Validation states are not trained on; the published code has none.",)},
    always_deviates=ROLLOUTS_DEVIATE,
    own=("epochs", "data.passes"),
    wants_gpu=False,
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
