"""Parity with the published code, measured on the golden files: ``make parity``.

A line for every network and quantity: the largest difference as a share of the largest published value, the
tolerance of the tests, and the published repository with its commit. Nothing is fetched: ``tests/golden`` has outputs
of the published code on fixed weights and inputs. Networks of the registry without such a file are named as well.
Exit code 1 where a difference is above its tolerance.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from hardware import describe, show

sys.path.append(str(Path(__file__).parents[2]))
from tests.support.parity import NOT_PUBLISHED, names, rows_of, uncovered


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    started = time.monotonic()
    measured = [row for name in names() for row in rows_of(name)]
    rows = [*measured, *map(without, uncovered())]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        show("Parity with the published code", list(map(line_of, rows)), describe("torch", "escnn"))
        print(f"{time.monotonic() - started:.0f} s")
    return int(any(not row["difference"] <= row["tolerance"] for row in measured))


def without(network):
    """The row of a network that has no golden file."""
    reason = NOT_PUBLISHED.get(network, "")
    quantity = "no golden file" + (f": {reason}" if reason else "")
    return {"network": network, "quantity": quantity, "difference": None, "tolerance": None, "published": ""}


def line_of(row):
    if row["difference"] is None:
        return row | {"difference": "", "tolerance": ""}
    return row | {"difference": f"{row['difference']:.1e}", "tolerance": f"{row['tolerance']:g}"}


if __name__ == "__main__":
    sys.exit(main())
