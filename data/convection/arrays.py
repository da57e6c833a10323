"""Arrays of numbers in the files that people keep them in: torch, safetensors, NumPy, and zip archives of one of these.

Nothing is run and nothing unpickled but tensors. What can stay on disk does: files are mapped, archives unpacked
beside the output.
"""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from data.errors import DataError
from data.sources.archives import extract_member, opened
from data.sources.arrays import OBJECTS, mapped_array
from fernn.files.kinds import (
    LEGACY,
    NPY,
    NPZ,
    SAFETENSORS,
    TORCH,
    ZIP,
    UnreadableError,
    kind_of,
    refusal,
    require_bounded,
    require_content,
    unpacked_size,
)
from fernn.files.torch_files import load_torch
from fernn.files.weights import read

Array = Tensor | NDArray[Any]
ARRAYS = (Tensor, np.ndarray)
FORMS = "torch.save, safetensors or NumPy, or a zip archive with one of them"
ENDINGS = (".pt", ".pth", ".npy", ".npz", ".safetensors", ".zip")
"""Of files in an archive that may hold the numbers."""
OF_ONE_ARRAY = {".npy"}, {".pt", ".pth"}
"""Of files of which an archive may have several, each with an array."""
DEEPEST, SHOWN = 2, 4
"""Archives in each other."""


@contextmanager
def read_arrays(path: Path, scratch: Path) -> Iterator[tuple[Any, int]]:
    """What the file holds, an array or lists and dicts of arrays, and the bytes that its numbers can have at most.

    Archives are unpacked into the folder ``scratch``, which is gone afterwards. Raises DataError for other files,
    OSError for one that cannot be opened.
    """
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    try:
        yield _read(path, scratch, 0)
    except UnreadableError as error:
        raise DataError(f"{path} must be a file of {FORMS}, {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _read(path: Path, scratch: Path, depth: int) -> tuple[Any, int]:
    require_content(path)
    size, kind = path.stat().st_size, kind_of(path)
    if kind in (TORCH, LEGACY):
        most = max(size, unpacked_size(path)) if kind == TORCH else size
        return load_torch(path, mapped=True, wanted="the tensor of numbers"), most
    if kind == NPY:
        return mapped_array(path), size
    if kind == SAFETENSORS:
        return read(path), size
    if kind in (NPZ, ZIP) and depth < DEEPEST:
        return _unpacked(path, scratch, depth)
    raise refusal(kind)


def _unpacked(path: Path, scratch: Path, depth: int) -> tuple[Any, int]:
    """The arrays of an archive: those of its only file, or all of NumPy's or of torch.save's by their names."""
    require_bounded(path)
    with zipfile.ZipFile(path) as zipped:
        members = [member for member in zipped.infolist() if _is_data(member)]
    endings = {PurePosixPath(member.filename).suffix.lower() for member in members}
    if len(members) != 1 and not (members and any(endings <= several for several in OF_ONE_ARRAY)):
        held = ", ".join(member.filename for member in members[:SHOWN]) or "none"
        raise UnreadableError(f"it is an archive, which must have one such file, it has {held}")
    files = [scratch / f"{depth}-{number}" for number in range(len(members))]
    try:
        with opened(path) as zipped:
            for member, file in zip(members, files, strict=True):
                extract_member(zipped, member, file)
    except DataError as error:
        raise UnreadableError(f"it cannot be read ({error.__cause__}): get it again") from error
    if len(files) == 1:
        return _read(files[0], scratch, depth + 1)
    contents = [_one_of_several(file, member.filename) for file, member in zip(files, members, strict=True)]
    names = [PurePosixPath(member.filename).stem for member in members]
    if len(set(names)) < len(names):
        names = [member.filename for member in members]  # with their folders
    arrays = dict(zip(names, (content for content, _ in contents), strict=True))
    return arrays, sum(size for _, size in contents)


def _one_of_several(path: Path, name: str) -> tuple[Any, int]:
    """The array, or that it is of Python objects: an error only where it is the one that is wanted."""
    try:
        return _read(path, path.parent, DEEPEST)
    except UnreadableError as error:
        named = UnreadableError(f"in it {name}: {error}")
        if str(error) != OBJECTS:
            raise named from error
        return named, path.stat().st_size


def _is_data(member: zipfile.ZipInfo) -> bool:
    """Whether it may hold numbers; a Mac writes files of its own beside them."""
    path = PurePosixPath(member.filename)
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return path.suffix.lower() in ENDINGS and not hidden and not member.is_dir()
