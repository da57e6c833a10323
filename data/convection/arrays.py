"""Arrays of numbers in the files that people keep them in: torch, safetensors, NumPy, and zip archives of one of these.

Nothing is run and nothing unpickled but tensors. What can stay on disk does: files are mapped, archives unpacked
beside the output.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from data.errors import ArchiveError, DataError
from data.sources.archives import extract_member, opened
from data.sources.arrays import mapped_array
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

Array = Tensor | NDArray[Any]
ARRAYS = (Tensor, np.ndarray)
FORMS = "torch.save, safetensors or NumPy, or a zip archive with one of them"
ENDINGS = (".pt", ".pth", ".npy", ".npz", ".safetensors", ".zip")
"""Of files in an archive that may hold the numbers."""
OF_ONE_ARRAY = (".npy",), (".pt", ".pth")
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
        return load_torch(path, mapped=True, wanted="the tensor of numbers"), max(
            size, unpacked_size(path) if kind == TORCH else 0
        )
    if kind == NPY:
        return mapped_array(path), size
    if kind == SAFETENSORS:
        return _safetensors(path), size
    if kind in (NPZ, ZIP) and depth < DEEPEST:
        return _unpacked(path, scratch, depth)
    raise refusal(kind)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise UnreadableError("it cannot be read: it is cut short or damaged: get it again") from error


def _unpacked(path: Path, scratch: Path, depth: int) -> tuple[Any, int]:
    """The arrays of an archive: those of its only file, or all of NumPy's or of torch.save's by their names."""
    require_bounded(path)
    members = _members(path)
    if len(members) != 1 and not any(members and all(map(_ends(kind), members)) for kind in OF_ONE_ARRAY):
        held = ", ".join(member.filename for member in members[:SHOWN]) or "none"
        raise UnreadableError(f"it is an archive, which must have one such file, it has {held}")
    files = [scratch / f"{depth}-{number}" for number in range(len(members))]
    try:
        with opened(path) as zipped:
            for member, file in zip(members, files, strict=True):
                extract_member(zipped, member, file)
    except ArchiveError as error:
        raise UnreadableError(f"it cannot be read ({error.__cause__}): get it again") from error
    if len(files) == 1:
        return _read(files[0], scratch, depth + 1)
    if all(map(_ends(OF_ONE_ARRAY[0]), members)):
        return dict(zip(_names(members), map(_or_why, files), strict=True)), sum(file.stat().st_size for file in files)
    found = [_of_torch(file, member) for file, member in zip(files, members, strict=True)]
    return dict(zip(_names(members), (content for content, _ in found), strict=True)), sum(size for _, size in found)


def _of_torch(path: Path, member: zipfile.ZipInfo) -> tuple[Any, int]:
    try:
        return _read(path, path.parent, DEEPEST)
    except UnreadableError as error:
        raise UnreadableError(f"in it {member.filename}: {error}") from error


def _ends(endings: tuple[str, ...]) -> Callable[[zipfile.ZipInfo], bool]:
    return lambda member: member.filename.lower().endswith(endings)


def _names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The arrays' names, with their folders where they differ by these alone."""
    names = [PurePosixPath(member.filename).stem for member in members]
    return names if len(set(names)) == len(names) else [member.filename for member in members]


def _members(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as zipped:
        return [member for member in zipped.infolist() if _is_data(member)]


def _or_why(path: Path) -> NDArray[Any] | UnreadableError:
    """The array, or why it cannot be read: an error only where it is the one that is wanted."""
    try:
        return mapped_array(path)
    except UnreadableError as error:
        return error


def _is_data(member: zipfile.ZipInfo) -> bool:
    """Whether it may hold numbers; a Mac writes files of its own beside them."""
    path = PurePosixPath(member.filename)
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return path.suffix.lower() in ENDINGS and not hidden and not member.is_dir()
