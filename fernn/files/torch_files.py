"""Files of ``torch.save`` that come from anywhere: tensors and plain values are read, code never.

What else checkpoints often hold beside their weights (options, NumPy's numbers, paths) is passed over: in its
place stands an :class:`Unread`, and nothing that the file names is looked up.
"""

import io
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from fernn.files.kinds import (
    LEGACY,
    TORCH,
    UnreadableError,
    is_stored,
    kind_of,
    refusal,
    require_bounded,
    require_content,
    require_whole,
)

PASSED_OVER = (
    "argparse.Namespace", "types.SimpleNamespace", "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath",
    "pathlib._local.PosixPath", "datetime.datetime", "datetime.date", "datetime.timedelta", "numpy.dtype",
    "numpy.ndarray", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
)  # fmt: skip
"""Names in a file for which an :class:`Unread` stands."""
READ = "|".join((
    r"collections\.(OrderedDict|Counter)", r"(__builtin__|builtins)\.(set|bytearray|complex)", r"_codecs\.encode",
    r"torch\.(_utils|_tensor)\._rebuild\w+", r"torch\.(\w*Storage|storage\.\w+|bool|[a-z]+\d+\w*)",
    r"torch\.(Size|Tensor|device|nn\.parameter\.Parameter|serialization\._get_layout)",
))  # fmt: skip
"""Names that files of tensors alone have."""
MOST_PICKLE = 2**24
"""Bytes of a pickle in which names are looked for."""
NUM_PICKLES = 5
"""That files of the older format begin with."""
SHOWN = 4


class Unread:
    """Something in a file that was passed over: it accepts what the file gives it, and keeps nothing."""

    def __init__(self, *given: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


STAND_INS: list[Any] = [
    (type(name.rpartition(".")[2].replace("_reconstruct", "ndarray"), (Unread,), {}), name) for name in PASSED_OVER
]
"""A class for each name in :data:`PASSED_OVER`, by which an error can say what was passed over."""


def load_torch(path: Path, *, mapped: bool = False, wanted: str = "model.state_dict()") -> Any:
    """What ``torch.save`` wrote, on the CPU; ``mapped`` leaves tensors on disk where the file's format allows it.

    An error advises to save ``wanted``. The file is first read against its checksums, which torch does not compare; the
    older format has none.
    Raises UnreadableError for any other file, and for one that needs code; OSError for one that cannot be opened.
    """
    require_content(path)
    if (kind := kind_of(path)) not in (TORCH, LEGACY):
        raise refusal(kind)
    if kind == TORCH:
        require_bounded(path)
        require_whole(path)  # torch.load does not look
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(STAND_INS):
            warnings.simplefilter("ignore")  # which speak of torch.load, not of the file
            is_mapped = mapped and kind == TORCH and is_stored(path)
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=is_mapped)
    except Exception as error:  # what torch.load raises depends on where the file is broken
        raise UnreadableError(f"it cannot be read: {_reason(path, error, wanted)}") from error


def _reason(path: Path, error: Exception, wanted: str) -> str:
    operations = [operation for pickle in _pickles(path) for operation in _operations(pickle)]
    names = {argument.replace(" ", ".", 1) for name, argument in operations if name in ("GLOBAL", "INST")}
    code = [name for name in names if not re.fullmatch(READ, name) and name not in PASSED_OVER]
    code.sort(key=lambda name: (name.startswith("torch."), name))
    if code:
        more = f" and {len(code) - SHOWN} more" if len(code) > SHOWN else ""
        return (
            f"it needs pickled code, which is never run ({', '.join(code[:SHOWN])}{more}); where that code is, load "
            f"it and save {wanted} alone"
        )
    if any(name == "PROTO" and argument > 2 for name, argument in operations):
        return "its pickle protocol is not torch.save's own: save it again without pickle_protocol"
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "it does not fit into memory"
    return "it is cut short or damaged: get it again"


def _pickles(path: Path) -> Iterator[io.BytesIO]:
    """The pickle of a zip file, or those at the beginning of a file of the older format, not longer than the bound."""
    if kind_of(path) != TORCH:
        with path.open("rb") as file:
            content = io.BytesIO(file.read(MOST_PICKLE))
        for _ in range(NUM_PICKLES):
            yield content
        return
    with zipfile.ZipFile(path) as zipped:
        name = next(name for name in zipped.namelist() if name.rpartition("/")[2] == "data.pkl")
        try:
            with zipped.open(name) as member:
                yield io.BytesIO(member.read(MOST_PICKLE))
        except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError):  # damaged: it names nothing
            return


def _operations(pickle: io.BytesIO) -> Iterator[tuple[str, Any]]:
    """The next pickle's operations, as far as they can be told."""
    try:
        for operation, argument, _ in pickletools.genops(pickle):
            yield operation.name, argument
    except Exception:  # which depends on where it is broken
        return
