"""One experiment: everything that decides a result, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from fernn.config import DATA, Config, DataConfig, KTHConfig, data_config
from fernn.models import MODELS, ModelConfig, StoredConfig, model_config, source_hash
from fernn.optim import OptimConfig, optim_config

__all__ = ["Experiment", "OptimConfig", "Precision", "Split"]

Precision = Literal["float32", "bf16"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Experiment(Config):
    """A model, its data and how it is trained; the defaults are the paper's (Keller, 2025, section 5.2)."""

    model: ModelConfig = field(default_factory=lambda: MODELS["kth"]["fernn-v2"])
    data: DataConfig = KTHConfig()
    optim: OptimConfig = OptimConfig()
    epochs: int = 500
    batch_size: int = 32
    seed: int = 0
    precision: Precision = "float32"
    selection: Literal["best", "last"] = "best"
    """The epoch whose weights are tested: the best on validation, or the last, as some published code does."""
    early_stopping: int = 0
    """Epochs after which training ends once five epochs in a row are no better on validation, on average, than the five
    before; 0: it never does."""

    later = ("selection", "early_stopping")
    least = {"epochs": 1, "batch_size": 1, "seed": 0, "early_stopping": 0}

    def __post_init__(self) -> None:
        super().__post_init__()
        if getattr(self.model, "use_actions", False) and not self.data.num_actions:
            names = ", ".join(name for name, data in DATA.items() if data.num_actions)
            way_out = f"leave it out, or choose data with actions ({names})"
            raise ValueError(f"model.use_actions must be false on {self.data.name}, which has no actions: {way_out}")

    def override(self, values: Mapping[str, Any]) -> Self:
        """As :meth:`Config.override`; "data.name", "model" (or "model.name") and "optim.name" take registered names.

        They come first, since each brings its own fields; models are those of the data set.
        """
        values, changed = dict(values), self
        if "optim.name" in values:
            changed = replace(changed, optim=optim_config(values.pop("optim.name"), changed.optim))
        data, model = values.pop("data.name", self.data.name), values.pop("model.name", values.pop("model", None))
        if data != self.data.name:
            changed = replace(changed, data=data_config(data))
        if model is not None:
            changed = replace(changed, model=model_config(model, data))
        return super(Experiment, changed).override(values)

    @classmethod
    def stored(cls, values: Mapping[str, Any], source: str = "") -> Self:
        """The experiment whose :meth:`flatten` a file holds; imports nothing.

        A model of a user's own becomes the class that the user has named, if its module has the SHA-256 ``source``;
        else a :class:`fernn.models.StoredConfig`. Raises KeyError, TypeError or ValueError as :meth:`override` does.
        """
        name = values["model.name"]
        if not isinstance(name, str) or ":" not in name or source_hash(name) == source != "":
            return cls().override(values)
        own = {field: value for field, value in values.items() if field.startswith("model.") and field != "model.name"}
        others = {field: value for field, value in values.items() if not field.startswith("model.")}
        model = StoredConfig.of(name, {field.partition(".")[2]: value for field, value in own.items()})
        return replace(cls(), model=model).override(others)
