"""The fields of a Noether Network for video: its sizes, and every switch of the published code that runs.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, video experiment.
"""

from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from fernn.models.base import ModelConfig
from fernn.models.noether.quantities import ComparedWith, EncodedQuantity, FrameQuantity, Similarity
from fernn.models.noether.tailoring import Draws, InnerMoves, InnerSteps, Keep
from fernn.models.noether.video import SVG, NoetherNetwork

Skip = Literal["last-given", "every"]
"""Of which frame the encoder's maps reach the decoder: that before the last given one, or that before each frame."""
Embedding = Literal["linear", "maps", "encoder", "trained-encoder"]
"""What the embedding is: convolutions and a linear layer, the convolutions alone, or a linear layer of the codes that a
copy of the encoder gives, whose weights stay or are trained."""


@dataclass(frozen=True)
class NoetherConfig(ModelConfig):
    """A Noether Network around SVG; with ``inner_steps`` 0 it is SVG."""

    name: str = "noether"
    inner_steps: int = 1
    inner_lr: float = 1e-4
    inner_clips: int = 2
    """The published inner loss is a mean over batches of two: a clip's own step is ``inner_lr / 2``, whatever the
    batch here."""
    compared: ComparedWith = "previous"
    """previous: neighbouring embeddings are to be equal; first: all to the first one; both."""
    embedding_dimensions: int = 64
    embedding_width: int = 32
    embedding_frames: int = 2
    """Frames that the embedding sees at once."""
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    """Channels of the encoder's blocks; n blocks are for pictures of 4 * 2^n pixels."""
    depths: tuple[int, ...] = (2, 2, 3, 3, 3)
    """Convolutions in each block."""
    code: int = 128
    latent: int = 64
    recurrent: int = 256
    """Width of the LSTMs: 256 in the published code, 128 in the text of its workshop version."""
    kl_weight: float = 1e-4
    channels: int = 3
    skip: Skip = "last-given"
    embedding: Embedding = "linear"
    similarity: Similarity = "squared"
    inner_moves: InnerMoves = "conditioning"
    keep: Keep = "tailored"
    draws: Draws = "shared"
    jump_steps: int = 0
    """How often the inner steps are taken again from where they led, each time with an outer loss of its own."""
    learn_inner_lr: bool = False
    teacher_forcing: bool = True
    """Whether training predicts each frame from the true ones before it, else from those predicted before it."""
    stop_gradient: bool = False
    """Whether a predicted frame is read without gradient by the next prediction."""
    add_inner_loss: bool = False
    """Whether the outer loss has the inner loss of the prediction that counts as a term, by squared differences."""
    train_backbone: bool = True
    """Whether SVG's weights are trained, too, or the embedding's alone."""
    use_actions: bool = False
    """Read the clips' actions; without it a network on data with actions does not see them."""
    action_width: int = 8
    """Numbers of an action beside a code: the published code repeats one number 8 times."""

    later = (
        "skip", "embedding", "similarity", "inner_moves", "keep", "draws", "jump_steps", "learn_inner_lr",
        "teacher_forcing", "stop_gradient", "add_inner_loss", "train_backbone", "use_actions", "action_width",
    )  # fmt: skip
    least = {
        "inner_steps": 0, "inner_lr": 0, "inner_clips": 1, "embedding_dimensions": 1, "embedding_width": 1,
        "embedding_frames": 1, "code": 1, "latent": 1, "recurrent": 1, "channels": 1, "kl_weight": 0, "jump_steps": 0,
        "action_width": 1,
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths or len(self.widths) != len(self.depths) or min(*self.widths, *self.depths) < 1:
            raise ValueError(f"widths and depths must be as many, each 1 or more, got {self.widths} and {self.depths}")
        if self.similarity == "cosine" and self.compared != "previous":
            raise ValueError(f"model.compared must be previous where model.similarity is cosine, got {self.compared}")
        if self.inner_steps == 0:
            self._require_no_inner_fields()

    def _require_no_inner_fields(self) -> None:
        """ValueError for a field that acts on inner steps alone, where there is none."""
        idle = ["similarity", "inner_moves", "keep", "draws", "jump_steps", "learn_inner_lr"]
        idle += ["stop_gradient"] if self.teacher_forcing else []
        idle += [] if self.add_inner_loss else ["embedding", "train_backbone"]
        for name in idle:
            if (value := getattr(self, name)) != (default := getattr(type(self), name)):
                way_out = "give model.inner_steps=1 or more"
                raise ValueError(f"model.{name} must be {default} where model.inner_steps is 0, got {value}: {way_out}")

    def inner(self) -> InnerSteps:
        """How a clip is tailored."""
        kind: dict[str, Any] = {"similarity": self.similarity, "moves": self.inner_moves, "keep": self.keep}
        kind |= {"draws": self.draws, "jumps": self.jump_steps, "learn_lr": self.learn_inner_lr}
        return InnerSteps(self.inner_steps, self.inner_lr, self.inner_clips, compared=self.compared, **kind)

    def build(self) -> NoetherNetwork:
        """The network with SVG's initial weights; the embedding's are PyTorch's default."""
        backbone = SVG(self.channels, self.widths, self.depths, self.code, self.latent, self.recurrent)
        if self.use_actions:
            backbone.read_actions(self.action_width)
        backbone.skips_every, backbone.stops_gradient = self.skip == "every", self.stop_gradient
        network = NoetherNetwork(backbone, self._quantity(backbone), self.inner(), self.kl_weight)
        network.taught, network.adds_inner_loss = self.teacher_forcing, self.add_inner_loss
        backbone.requires_grad_(self.train_backbone)
        return network

    def _quantity(self, backbone: SVG) -> nn.Module:
        """The embedding."""
        if self.embedding.endswith("encoder"):
            sizes = (self.code, self.embedding_dimensions, self.embedding_frames)
            return EncodedQuantity(backbone.encoder, *sizes, trained=self.embedding == "trained-encoder")
        dimensions = self.embedding_dimensions if self.embedding == "linear" else 0
        return FrameQuantity(self.channels, backbone.size, self.embedding_width, dimensions, self.embedding_frames)
