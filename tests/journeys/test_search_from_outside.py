"""A search that a user writes: one file, as docs/extend/search.md shows it, whose demo runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.soak
def test_a_search_from_outside_is_one_file_whose_demo_runs(prepared, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/extend/search.md").read_text(), re.DOTALL)
    (tmp_path / "still_search.py").write_text(code)
    command = [sys.executable, "still_search.py", "--preset", "demo", "--models", "grnn", "--data", prepared, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode == 0, done.stderr
    (table,) = (event for line in done.stdout.splitlines() if (event := json.loads(line))["event"] == "table")
    (row,) = table["rows"]
    assert row["model"] == "grnn" and row["n"] == 1
