"""Bring prepared data to a bucket, from which searches on any machine take it:

python data/upload.py --folder datasets/kth/32px --to s3://bucket/kth
python tune/kth_search.py --data s3://bucket/kth --storage s3://bucket/studies --tracking-uri http://mlflow:5000

What is there already is left as it is. AWS_ENDPOINT_URL names a server that is not Amazon's.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.bucket import upload
from data.terminal import answer, options_of


@dataclass(frozen=True)
class UploadConfig:
    """Bring prepared data to a bucket."""

    folder: Path
    """A prepared folder, which has a manifest.json."""
    to: str
    """URL below which the folder goes under its own name."""


def main(config: UploadConfig) -> str:
    """Upload; where the data is, in one line."""
    return f"{upload(config.folder, config.to)} holds the data: searches take it with --data {config.to}"


if __name__ == "__main__":
    sys.exit(answer(main, options_of(UploadConfig)))
