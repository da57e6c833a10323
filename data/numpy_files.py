"""Files of NumPy arrays, .npy: mapped, and never read by pickle."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fernn.files.kinds import UnreadableError

OBJECTS = "it holds Python objects, which are never read: save an array of numbers"


def mapped_array(path: Path) -> NDArray[Any]:
    """The array of a file, read where it is looked at; raises UnreadableError, with a reason that begins with "it"."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # what numpy.load raises depends on where the file is broken
        if "object" in str(error).lower():
            raise UnreadableError(OBJECTS) from error
        raise UnreadableError("it cannot be read: it is empty, cut short or damaged: get it again") from error
