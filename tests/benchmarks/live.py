"""What the live page asks of a study with many cells: ``python tests/benchmarks/live.py --cells 1000 --epochs 50``.

The study is written without training: rows, predictions and results of finished cells. Shown are seconds by the wall
clock, and of the processor, of the server's first answer, of later ones where nothing or one cell has changed, and of
the table and the importances, which come later; bytes as they are sent. With --browser headless Chromium opens the page
from a server that has read the study beforehand, as it does when it starts.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hardware import describe, show
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests/ has no place among what is installed

from tests.support.many_cells import many_cells, train
from tune.core.study import Study
from tune.live.watch import Watch

DASHBOARD = Path(__file__).parents[2] / "tune/dashboard.py"
Row = dict[str, object]


class Later(ThreadPoolExecutor):
    """Keeps what it is given until it is asked for."""

    def submit(self, work: Callable[..., Any], *given: Any) -> Any:
        self.job = lambda: work(*given)


def timed(what: str, act: Callable[[], Any]) -> tuple[Row, Any]:
    """A row of the table, and what the act returns."""
    wall, processor = time.perf_counter(), time.process_time()
    found = act()
    row: Row = {
        "what": what,
        "s": f"{time.perf_counter() - wall:.2f}",
        "CPU s": f"{time.process_time() - processor:.2f}",
    }
    is_document = isinstance(found, Mapping)
    row["kB"] = f"{len(gzip.compress(json.dumps(found).encode(), 6)) / 1e3:.1f}" if is_document else ""
    return row, found


def served(study: Study) -> list[Row]:
    """The server's part, in this process."""
    watch = Watch(study.folder.root, later := Later(1))
    first, document = timed("first answer, nothing read before", watch.document)
    again, _ = timed("nothing has changed", lambda: looked(watch, document["version"]))
    train(study, study.cells[0], study.cells[0].experiment.epochs + 1)
    grown, _ = timed("one cell has one more epoch", lambda: looked(watch, document["version"]))
    later_on, _ = timed("table and importances, in the background", later.job)
    return [first, again, grown, later_on]


def looked(watch: Watch, version: str) -> dict[str, Any]:
    watch.refresh()
    return watch.document(version)


SEEN = """
window.seen = {}
const note = (part) => requestAnimationFrame(() => setTimeout(() => { window.seen[part] ??= performance.now() }))
new MutationObserver(() => {
  if (document.querySelector('#cells tbody tr')) note('cells')
  if (document.querySelectorAll('.js-plotly-plot .main-svg').length >= 9) note('charts')
}).observe(document, { childList: true, subtree: true })
"""
"""Notes when the list of cells and three charts are painted, in milliseconds since the page was asked for."""


def browsed(study: Study) -> list[Row]:
    """A first visit, and later ones, at which the browser has Plotly already."""
    line = [sys.executable, DASHBOARD, "--storage", Path(study.folder.root).parent, "--port", "0"]
    options, rows = ChromeOptions(), []
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
        options.add_argument(flag)
    service = ChromeService(shutil.which("chromedriver"))
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process, Chrome(options, service) as driver:
        assert process.stderr is not None
        address = f"{process.stderr.readline().split()[0]}studies/{study.folder.name}"
        time.sleep(30)  # until the server has read the study, and its table is worked out
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SEEN})
        for visit in ("first visit", "second visit", "third visit"):
            driver.get(address)
            while not driver.execute_script("return window.seen.charts"):
                time.sleep(0.05)
            for part in ("cells", "charts"):
                seconds = driver.execute_script(f"return window.seen.{part}") / 1e3
                rows.append({"what": f"browser, {visit}: {part}", "s": f"{seconds:.2f}", "CPU s": "", "kB": ""})
        process.terminate()
    return rows


def measure(num_cells: int, epochs: int, with_browser: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        study = many_cells(Path(home) / "many", num_cells, epochs)
        return served(study) + (browsed(study) if with_browser else [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows, hardware = measure(asked.cells, asked.epochs, asked.browser), describe("starlette", "plotly", "torch")
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show(f"The live page of {asked.cells} cells with {asked.epochs} epochs", rows, hardware)
