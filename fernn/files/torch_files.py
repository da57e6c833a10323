"""Files of ``torch.save`` that come from anywhere: tensors and plain values are read, code never.

What else checkpoints often hold beside their weights (options, NumPy's numbers, paths) is passed over: in its
place stands an :class:`Unread`, and nothing that the file names is looked up.
"""

import re
import warnings
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
        raise UnreadableError(f"it cannot be read: {_reason(kind, error, wanted)}") from error


def _reason(kind: str, error: Exception, wanted: str) -> str:
    if name := re.search(r"GLOBAL (\S+)", str(error)):
        way_out = f"where that code is, load it and save {wanted} alone"
        return f"it needs pickled code, which is never run ({name[1]}); {way_out}"
    if kind == TORCH and "Unsupported operand" in str(error):  # which in the older format is damage
        return "its pickle protocol is not torch.save's own: save it again without pickle_protocol"
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "it does not fit into memory"
    return "it is cut short or damaged: get it again"
