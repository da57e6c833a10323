"""What people often have under a data file's name instead of it: nothing, a Git LFS pointer, a web page."""

from pathlib import Path

from fernn.files.kinds import UnreadableError, require_content


def instead_of_data(path: Path) -> str:
    """What the file is instead of data, with the way out, as the end of a sentence; "" where it may be data."""
    try:
        require_content(path)
    except UnreadableError as error:
        return str(error).removeprefix("it ")
    return ""
