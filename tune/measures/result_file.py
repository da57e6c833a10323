"""The file of a measurement in a cell's folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fernn.files.checkpoint import Tensors, pack
from tune.core.cell_folder import CellFolder

Document = dict[str, Any]
"""Values that JSON can hold, by name."""


@dataclass(frozen=True)
class ResultFile:
    """The JSON file of a measurement in a cell's folder; tensors are beside it in a .safetensors file."""

    folder: CellFolder
    name: str
    command: str
    """The script that measures again, for messages."""
    needed: Sequence[str] = ()
    """The fields that the file must have, beside the subject that decides the result."""

    def read(self) -> Document | None:
        """The content, None where there is no such file; raises DamagedError."""
        return self.folder.folder.read_sealed(self.name, self._way_out, "subject", *self.needed)

    def read_of(self, subject: Document) -> Document | None:
        """The content, None where it is of another subject."""
        content = self.read()
        return content if content is not None and content["subject"] == subject else None

    def tensors_of(self, subject: Document) -> Tensors:
        """The tensors, empty where there are none, or of another subject; raises DamagedError."""
        tensors, stored_subject = self.folder.folder.read_tensors(self._beside, self._way_out)
        return tensors if stored_subject == subject else {}

    def write(self, content: Document, tensors: Tensors | None = None) -> None:
        """Write the tensors, then the content, whose presence shows that both are complete."""
        if tensors is not None:
            self.folder.folder.write(self._beside, pack(tensors, content["subject"]))
        self.folder.folder.write_sealed(self.name, content)

    @property
    def _beside(self) -> str:
        return f"{self.name.removesuffix('.json')}.safetensors"

    @property
    def _way_out(self) -> str:
        return f"delete {self.name}, and python tune/{self.command} measures it again"
