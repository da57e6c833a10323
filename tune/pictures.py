"""Pictures of results, drawn without a display."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from data.kth.annotations import ACTIONS

DEMO = "demo: rendered figures, not KTH"


def confusion_figure(counts: Tensor, demo: bool) -> Figure:
    """Label against prediction, clips counted, shaded by the share of each label's clips."""
    figure = Figure(figsize=(6, 5), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row, column in [(r, c) for r in range(len(counts)) for c in range(len(counts))]:
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(int(counts[row, column])), ha="center", va="center", color=color)
    axes.set_xticks(range(len(ACTIONS)), ACTIONS, rotation=30, ha="right")
    axes.set_yticks(range(len(ACTIONS)), ACTIONS)
    axes.set(xlabel="prediction", ylabel="label", title="Test clips" + (f" ({DEMO})" if demo else ""))
    return figure
