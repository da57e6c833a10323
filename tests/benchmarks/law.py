"""How exactly the law holds on the states of a turning picture: ``python tests/benchmarks/law.py``.

The picture turns with w degrees a frame; deviation of h[psi(w) f]_t(v) from psi_t(w) h[f]_t(v - w) over four frames,
V = {-w, 0, w}, C_36, initial weights: largest deviation relative to the largest state, and root mean square relative
to the states' own. Medians over five seeds. Pictures are five smooth blobs on 40x40 pixels, inside the circle that
every turn leaves whole.
"""

import argparse
import json
from statistics import median

import torch
from hardware import describe, show

from fernn.equivariance import drift, equivariance_error
from fernn.models.predictor import RotatingPredictorConfig

ANGLES, SIZE, SEEDS, NUM_FRAMES = (10, 20, 30, 40, 50, 90), 40, range(5), 4


def blobs(size=SIZE):
    """Clips (2, t, 1, size, size) whose frames hold five Gaussian blobs each, of a twelfth of the picture's width."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    places = (torch.rand(2, NUM_FRAMES, 5, 2) - 0.5) * 0.9
    squares = (y - places[..., 0, None, None]) ** 2 + (x - places[..., 1, None, None]) ** 2
    return torch.exp(-squares / (2 * (1 / 6) ** 2)).sum(dim=2, keepdim=True).clamp(max=1)


@torch.no_grad()
def root_mean_square(model, flow, clips, angle):
    states = list(zip(model.hidden_states(clips), model.hidden_states(drift(flow, clips, angle)), strict=True))
    pairs = [
        (moving[[1, 2]], flow.act_hidden(still[[0, 1]], angle, time)) for time, (still, moving) in enumerate(states)
    ]
    apart = sum((found - expected).square().sum() for found, expected in pairs)
    return (apart / sum(expected.square().sum() for _, expected in pairs)).sqrt().item()


def errors(angle, seed):
    torch.manual_seed(seed)
    clips = blobs()
    model = RotatingPredictorConfig(velocities=(-angle, 0, angle), hidden_fields=4, decoder_layers=0).build().eval()
    flow = model.cell.flow
    largest = equivariance_error(model.hidden_states, flow, clips, angle)
    return largest, root_mean_square(model, flow, clips, angle)


def row(angle):
    largest, mean_square = zip(*(errors(angle, seed) for seed in SEEDS), strict=True)
    return {"degrees": angle, "largest": f"{median(largest):.2g}", "root mean square": f"{median(mean_square):.2g}"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    rows, hardware = [row(angle) for angle in ANGLES], describe("torch", "escnn")
    if parser.parse_args().json:
        print(json.dumps({"hardware": hardware, "rows": rows}, indent=2))
    else:
        show("Relative deviation from the law of flow equivariance, by turn a frame", rows, hardware)
