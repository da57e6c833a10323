"""The diagram of the layers, from what each package says of itself: ``python docs/pictures/layers.py``.

A package stands above those that it may import. Texts are the first lines of the packages' docstrings.
"""

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = Path(__file__).with_suffix(".svg")
TUNE = (
    "core", "services", "analysis", "planning", "engine", "measures", "reporting", "tracking", "live", "commands",
)  # fmt: skip
"""The packages of tune/, each of which imports only those before it."""
LAYERS = {
    "tune": ("Searches and studies. Imports data and fernn; Ray, Optuna and MLflow.", "#e8eef9"),
    "data": ("Data sets: fetched, prepared as Parquet, streamed by Ray Data. Imports no model.", "#e9f4ea"),
    "fernn": ("The science: flows, layers, models, training. Needs PyTorch and NumPy alone.", "#fbf0df"),
}  # fmt: skip
WIDTH, ROW, MARGIN = 920, 30, 14


def summary(package: Path) -> str:
    """The first line of a package's docstring, without what follows a semicolon."""
    first = (ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or "").split("\n")[0]
    return first.partition(";")[0].rstrip(".") + "."


def folders(layer: str) -> str:
    """The packages within a layer, in one line."""
    return "   ".join(sorted(path.parent.name for path in (ROOT / layer).glob("*/__init__.py")))


def text(x: int, y: int, words: str, size: int = 13, weight: str = "normal") -> str:
    """Words at a place."""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" xml:space="preserve">{escape(words)}</text>'
    )


def box(x: int, y: int, width: int, height: int, color: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{color}" stroke="#667"/>'


def rows_of(layer: str) -> list[tuple[str, str]]:
    """What stands in a layer's box from top to bottom: a name and its text."""
    if layer != "tune":
        return [("", folders(layer))]
    first = (
        "commands a person types",
        "*_search.py  *_eval.py  report  study  dashboard  sync  rerun  doctor  import_reference",
    )
    return [first, *((name, summary(ROOT / "tune" / name)) for name in reversed(TUNE))]


def layer_box(layer: str, top: int) -> tuple[list[str], int]:
    """The parts of a layer's box, and where it ends."""
    (words, color), rows = LAYERS[layer], rows_of(layer)
    bottom = top + 34 + ROW * len(rows) + 6
    parts = [box(MARGIN, top, WIDTH - 2 * MARGIN, bottom - top, color), text(MARGIN + 12, top + 22, layer, 16, "bold")]
    parts.append(text(MARGIN + 80, top + 22, words))
    for number, (name, said) in enumerate(rows):
        y = top + 34 + ROW * number
        parts.append(box(MARGIN + 10, y, WIDTH - 2 * MARGIN - 20, ROW - 4, "#ffffff"))
        parts.append(text(MARGIN + 20, y + 18, name, 13, "bold"))
        parts.append(text(MARGIN + (210 if name.startswith("commands a") else 110 if name else 20), y + 18, said, 12))
    return parts, bottom


def arrow(top: int) -> list[str]:
    """From a layer to the one below, which it imports."""
    x = WIDTH // 2
    line = f'<path d="M{x} {top} V{top + 20} M{x - 6} {top + 13} L{x} {top + 20} L{x + 6} {top + 13}"'
    return [f'{line} fill="none" stroke="#334" stroke-width="2"/>', text(x + 14, top + 16, "imports", 12)]


def draw() -> str:
    """The diagram as SVG."""
    parts, top = [], MARGIN
    for layer in LAYERS:
        found, bottom = layer_box(layer, top)
        parts += found + (arrow(bottom + 2) if layer != "fernn" else [])
        top = bottom + 24
    height = top - 24 + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, ground, *parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
