"""The network of LPIPS from a file of the user's, read as untrusted files are: tensors only, never code."""

from pathlib import Path

from data.files import full_path, sha256_of
from fernn.metrics.frame_quality import FIRST, Perceptual
from tune.core.given_weights import read_weights
from tune.core.study import StudyError

SOURCE = "torchvision's alexnet-owt-7be5be79.pth (https://download.pytorch.org/models/alexnet-owt-7be5be79.pth)"


def perceptual(path: Path | None, size: int) -> Perceptual | None:
    """LPIPS on the weights in a file, for frames of ``size`` pixels; None without a file.

    Raises StudyError for a file that does not hold them, and for frames that are too small for it.
    """
    if path is None:
        return None
    try:
        file = full_path(path)
        weights = read_weights(file, lambda names: FIRST in names)
        network = Perceptual(weights, sha256_of(file))
        network.require_size(size)
        return network
    except OSError as error:
        raise StudyError(f"--lpips {path} cannot be read ({error.strerror or error}): give {SOURCE}") from error
    except StudyError as error:
        raise StudyError(f"--lpips {error}; or give {SOURCE}") from error
    except (ValueError, RuntimeError) as error:
        raise StudyError(f"--lpips {path}: {' '.join(str(error).split())}; give {SOURCE}") from error
