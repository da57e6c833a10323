"""Search for networks that predict an ideal spring: a plain one, and Noether Networks that conserve a quantity.

Paper: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021; system: Greydanus et
al., "Hamiltonian Neural Networks", NeurIPS 2019.
Expected there (workshop version, Table 2), RMSE: plain network 0.0174, Noether Network 0.0165, with the true energy
0.0166; see tune/pendulum_search.py for why they stand beside ours for reference alone.

    python tune/spring_search.py                    15 cells, 5 seeds; minutes on two cores
    python tune/spring_search.py --preset demo      few steps
    python tune/spring_search.py --preset paper-exact --seeds 0 1 2     networks that predict derivatives, 66 cells
"""

import sys
from dataclasses import replace

from fernn.config import SystemConfig
from fernn.models import MODELS
from tune.analysis.literature import published_table
from tune.commands.search import main
from tune.pendulum_search import SEARCH as PENDULUM
from tune.pendulum_search import derivative_presets

BASE = replace(PENDULUM.base, model=MODELS["ideal-spring"]["noether"], data=SystemConfig("ideal-spring"))
SEARCH = replace(
    PENDULUM,
    base=BASE,
    presets={**PENDULUM.presets, **derivative_presets(30)},
    description=__doc__ or "",
    literature=published_table("ideal-spring"),
)

if __name__ == "__main__":
    sys.exit(main(SEARCH))
