"""What every test may use."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # reference_cell.py, the plain loops


@pytest.fixture(scope="session")
def golden_folder():
    """Numbers from the published code."""
    return HERE / "golden"
