"""The kind of a file, told by its content, so that a file of another kind is refused by its right name."""

import re
import zipfile
from pathlib import Path

HEAD = 4096
"""Bytes by which a file is known."""
POINTERS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")
TORCH, LEGACY, SCRIPT = "file of torch.save", "file of an older torch.save", "TorchScript program"
SAFETENSORS, NPY, NPZ, ZIP = "safetensors file", "NumPy file", "NumPy archive", "zip archive"
PICKLE, CUT = "pickle", "zip archive, cut short or damaged"
GZIP, TAR, UNPACK = "gzip file", "tar archive", ": unpack it, and give the file in it"
STARTS = {
    b"PK": ZIP, b"\x93NUMPY": NPY, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19": LEGACY, b"\x80": PICKLE,
    b"\x89HDF\r\n\x1a\n": "HDF5 file", b"MATLAB": "MATLAB file", b"CDF": "NetCDF file", b"%PDF": "PDF document",
    b"\x1f\x8b": GZIP, b"BZh": "bzip2 file", b"\xfd7zXZ\0": "xz file", b"(\xb5/\xfd": "zstd file",
    b"7z\xbc\xaf'\x1c": "7z archive", b"Rar!": "rar archive",
}  # fmt: skip
TENSORFLOW, TENSORFLOW_NAME = "TensorFlow checkpoint", r"\.(index|meta|data-\d+-of-\d+)$"
WAYS_OUT = {
    **dict.fromkeys((GZIP, "bzip2 file", "xz file", "zstd file", "7z archive", "rar archive", TAR, ZIP), UNPACK),
    CUT: ": get it again", SCRIPT: ": load it by torch.jit.load and save its state_dict()",
    PICKLE: ", whose code is never run: save tensors by torch.save, arrays by numpy.save",
}  # fmt: skip
MOST_UNPACKED, ALWAYS_UNPACKED = 16, 2**26
"""How many times its size an archive may unpack to, and bytes that any may."""


class UnreadableError(ValueError):
    """A file cannot be read as what it is given as; the message says what it is ("it is ...") and the way out."""


def require_content(path: Path) -> None:
    """Raise UnreadableError for what holds no data: a folder, an empty file, a Git LFS pointer, a web page.

    A file that cannot be opened stays an OSError.
    """
    if path.is_dir():
        raise UnreadableError("it is a folder: give the file in it")
    if not path.exists() and path.with_name(f"{path.name}.index").is_file():
        raise refusal(TENSORFLOW)
    path.stat()
    if not path.is_file():
        raise UnreadableError("it is no regular file: save what it gives as one")
    start = _head(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    if path.stat().st_size == 0:
        raise UnreadableError("it is empty: get it again")
    if start.startswith(POINTERS):
        size = re.search(rb"^size (\d{1,18})\s*$", start, re.MULTILINE)
        bytes_named = f" of {int(size[1])} bytes" if size else ""
        raise UnreadableError(f"it is a Git LFS pointer, not the file itself{bytes_named}: run git lfs pull")
    if start.lower().startswith(PAGES):
        raise UnreadableError("it is a web page, not the file itself: download it again and look at what comes")


def kind_of(path: Path) -> str:
    """What the file is, as a noun; "file of no known kind" where its content does not tell."""
    head = _head(path)
    if re.search(TENSORFLOW_NAME, path.name):
        return TENSORFLOW
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return SAFETENSORS
    if head[257:262] == b"ustar":
        return TAR
    kind = next((kind for start, kind in STARTS.items() if head.startswith(start)), "")
    if kind == ZIP:
        return _kind_of_zip(path)
    return kind or ("text file" if head.isascii() and b"\0" not in head else "file of no known kind")


def refusal(kind: str) -> UnreadableError:
    """That a file is of a kind which is not read, and how it becomes one that is."""
    article = "an" if kind.startswith(("HDF5", "xz")) else "a"
    return UnreadableError(f"it is {article} {kind}{WAYS_OUT.get(kind, '')}")


def require_bounded(path: Path) -> None:
    """Raise UnreadableError for a zip file that unpacks to much more than its size."""
    size, unpacked = path.stat().st_size, unpacked_size(path)
    if unpacked > max(MOST_UNPACKED * size, ALWAYS_UNPACKED):
        raise UnreadableError(
            f"it has {size} bytes and unpacks to {unpacked}, more than {MOST_UNPACKED} times as many: save it again"
        )


def require_whole(path: Path) -> None:
    """Raise UnreadableError for a zip file that holds other bytes than its checksums were made of.

    All of it is read. A file that was written without checksums (all are 0) stays unproved.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            damaged = zipped.testzip() if any(member.CRC for member in zipped.infolist()) else None
    except Exception as error:  # what zipfile raises depends on where the file is broken
        raise UnreadableError(f"it is damaged ({' '.join(str(error).split())}): get it again") from error
    if damaged is not None:
        raise UnreadableError(f"it is damaged ({damaged}): get it again")


def unpacked_size(path: Path) -> int:
    """Bytes of a zip file's members, as it declares them."""
    with zipfile.ZipFile(path) as zipped:
        return sum(member.file_size for member in zipped.infolist())


def is_stored(path: Path) -> bool:
    """Whether a zip file's members are not compressed, so that the file can be mapped."""
    with zipfile.ZipFile(path) as zipped:
        return all(member.compress_type == zipfile.ZIP_STORED for member in zipped.infolist())


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as zipped:
            names = zipped.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return CUT
    parts = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in parts:
        return SCRIPT if "constants.pkl" in parts else TORCH
    return NPZ if names and all(name.endswith(".npy") for name in names) else ZIP


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
