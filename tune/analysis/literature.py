"""Published numbers that a report shows beside its own, from ``literature.toml``, which has the source of each."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from tune.core.console import ReportTable
from tune.core.search_spec import Published

_FILE = tomllib.loads(Path(__file__).with_name("literature.toml").read_text(encoding="utf-8"))
SSIM_REMARK: str = _FILE["remarks"]["ssim"]


def published_results(data: str) -> Mapping[str, Published]:
    """The published test results on a data set, by model."""
    return {
        model: Published(mean, deviation, _source(entry), entry["read"], entry.get("num_seeds"))
        for entry in _FILE["results"][data]
        for model, (mean, deviation) in entry["models"].items()
    }


def _source(entry: Mapping[str, str]) -> str:
    quoted = f", quoted by {entry['quoted_by']}" if "quoted_by" in entry else ""
    return f"{entry['paper']}, {entry['table']}{quoted}"


def published_table(data: str) -> ReportTable:
    """The published table on a data set, for reference."""
    facts = _FILE["tables"][data]
    rows = [[None if value == "" else value for value in row] for row in facts["rows"]]
    return ReportTable(**{**facts, "rows": rows, "remarks": [_FILE["remarks"][name] for name in facts["remarks"]]})
