"""The project's documents as tests read them: their blocks, command lines and links."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.joinpath("docs").rglob("*.md"), *ROOT.glob("data/*/CARD.md"), ROOT / "deploy/README.md"]
)
HISTORY = {"LOG.md", "CHANGELOG.md"}
"""What was true when it was written."""
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPOKEN = re.compile(r"`((?:python|make|ray|mlflow) [^`\n]+)`")
"""A command within a sentence."""


def name_of(document: Path) -> str:
    """Its path in the project."""
    return document.relative_to(ROOT).as_posix()


def instructions() -> list[Path]:
    """The documents that tell people what to type today."""
    return [document for document in DOCUMENTS if name_of(document) not in HISTORY]


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks marked with a language, or with none."""
    return [text for _, mark, text in FENCE.findall(document.read_text(encoding="utf-8")) if mark.strip() == language]


def command_lines(document: Path) -> list[list[str]]:
    """The words of every command line, in blocks and in sentences, without comments and variables before it."""
    text = document.read_text(encoding="utf-8")
    shells = ("", "bash", "sh", "console")
    fenced = "\n".join(block for shell in shells for block in blocks(document, shell)).replace("\\\n", " ").splitlines()
    spoken = SPOKEN.findall(FENCE.sub("", text))
    fenced = [re.sub(r"^sbatch .*?\.sbatch ", "", line) for line in fenced]  # which runs the command as a job
    typed = [line for line in fenced if re.match(r"\s*(\w+=\S+ )*(\.venv/bin/)?(python|make|ray|mlflow) ", line)]
    return [without_variables(shlex.split(line, comments=True)) for line in [*typed, *spoken]]


def without_variables(words: list[str]) -> list[str]:
    """The words from the command on."""
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    return words


def saved_files(document: Path) -> dict[str, str]:
    """The scripts that a document tells people to save under a name: "Save this as `NAME.py` ..." and a block."""
    text = document.read_text(encoding="utf-8")
    return dict(re.findall(r"Save this as `(\w+\.py)`[^\n]*\n\n```python\n(.*?)```", text, re.DOTALL))
