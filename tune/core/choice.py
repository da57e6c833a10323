"""A choice: the values of the fields that validation chooses, such as the learning rate, shared by a group of seeds."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One value of each chosen field, by the field's dotted name; None for a field that the model does not have."""

    values: tuple[tuple[str, Any], ...]

    @property
    def text(self) -> str:
        """In words, with the last part of each name: "lr 0.001, weight_decay 0.0001"."""
        return ", ".join(f"{name.rpartition('.')[2]} {value_text(value)}" for name, value in self.values)

    @property
    def order(self) -> tuple[Any, ...]:
        """What sorts choices: of equal ones the lower counts, by the first field in which they differ."""
        return tuple(_order(value) for _, value in self.values)


def value_text(value: Any) -> str:
    """A field's value in words: a number in its shortest form."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _order(value: Any) -> tuple[int, float, str]:
    if value is None:
        return 0, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))
