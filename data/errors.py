"""What can be wrong with data, said in one line each."""


class DataError(ValueError):
    """Input data, or the place where it should go, cannot be used; the message names rule and way out."""


class VideoError(DataError):
    """A video cannot be decoded whole."""


class DownloadError(DataError):
    """A file cannot be fetched, or is not the one that was fetched before."""


class ManifestError(DataError):
    """A prepared folder is not what its manifest says."""


def require(condition: bool, rule: str) -> None:
    """Raise ValueError with the rule where the condition does not hold."""
    if not condition:
        raise ValueError(rule)
