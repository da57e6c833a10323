"""Check this machine, the installation, and everything that a search uses.

    python tune/doctor.py                                          this machine, and the folders of a search
    python tune/doctor.py --address auto --tracking-uri http://mlflow:5000 --storage s3://bucket/studies

It changes nothing. The exit code is 0 where nothing is broken, 1 where something is, 2 for a wrong option.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any

try:
    import tyro
    from rich.console import Console

    from data.terminal import PlainConsole, options_of
    from tune.commands import installation
    from tune.commands.checks import Check, Result, Verdict, result_of, warning
    from tune.core.console import masked, print_document
    from tune.core.folder import check_storage_name
except ImportError as error:
    sys.exit(
        f"broken: {sys.executable} has no {error.name}\n  make demo sets up .venv; then .venv/bin/python {__file__}"
    )


@dataclass(frozen=True)
class Options:
    """The options of a search that are checked, with the same defaults."""

    storage: Annotated[str, tyro.conf.arg(metavar="DIR|URL")] = "studies"
    """Folder or bucket in which studies are kept."""
    tracking_uri: str | None = None
    """MLflow server or database; by default SQLite inside the storage."""
    optuna_storage: str | None = None
    """Database of Optuna's study; by default SQLite inside the storage."""
    data: str | None = None
    """Folder of the prepared data, or its URL in a bucket; by default all in datasets/."""
    address: str | None = None
    """A running Ray cluster; by default Ray is started here for the check."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print one JSON document instead of lines."""


SIGNS: dict[Verdict, str] = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "broken": "[red]✗[/]"}
NOT_WRITABLE = "give another --storage, or the right to write there"
FIRST = "python tune/kth_search.py --preset demo: a small search, about two minutes on two free cores"
NEXT = "python tune/kth_search.py --plan: what the paper's grid would take here"


def main() -> int:
    """Run all checks; 0 where nothing is broken, 1 where something is, 2 for a wrong option."""
    options = options_of(Options, description=__doc__)
    out = PlainConsole(quiet=options.json, soft_wrap=True, highlight=False)
    try:
        check_storage_name(options.storage)
    except ValueError as error:
        PlainConsole(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    done: list[Result] = []
    for check in checks(options, done):
        done.append(result_of(check))
        show(out, done[-1])
    diagnosis = document(done)
    if options.json:
        print_document(diagnosis)
    else:
        show_end(out, diagnosis)
    sys.stdout.flush()
    if any(result.stuck for result in done):
        os._exit(1)  # the thread of a check that hangs would keep the process from ending
    return 1 if diagnosis["broken"] else 0


def checks(options: Options, done: Sequence[Result]) -> Iterator[Check]:
    """The checks in turn; those that need the packages are left out where ``done`` shows that these are broken."""
    yield Check("Python", installation.python)
    yield Check("packages", installation.packages)
    yield Check("imports", installation.imports, installation.IMPORTS_S + 10)
    if any(result.finding.verdict == "broken" for result in done):
        text = "machine, data, storage, databases and Ray are looked at once the packages work"
        yield Check("the rest", partial(warning, text, "install the packages, then ask again"))
    else:
        yield from further_checks(options)


def further_checks(options: Options) -> Sequence[Check]:
    """The checks of the machine and of what a search uses."""
    from tune.commands import machine_checks as machine  # they import the packages, which may be broken
    from tune.commands import service_checks as services
    from tune.planning.options import Records

    records = Records(storage=options.storage, tracking_uri=options.tracking_uri, optuna_storage=options.optuna_storage)
    return (
        Check("CPUs", machine.processors),
        Check("memory", machine.memory),
        Check("GPU", machine.gpus, machine.GPU_S + 10),
        Check("shared memory", machine.shared_memory),
        Check("temporary files", machine.scratch),
        Check("home", machine.home),
        Check("video", machine.video),
        Check("data", partial(services.data, options.data), 120),
        Check("storage", partial(services.storage, options.storage), 30, NOT_WRITABLE),
        Check("MLflow", partial(services.tracking, records), 30, "mlflow server starts one"),
        Check("Optuna", partial(services.optuna, records), 30, "give another --optuna-storage, or none"),
        Check("Ray", partial(services.ray, options.address), services.RAY_S + 10),
    )


def show(out: Console, result: Result) -> None:
    """Print the finding in one line, and the way out of a fault below it."""
    finding = result.finding
    out.print(f"{SIGNS[finding.verdict]} {result.name}: ", end="")
    out.print(masked(finding.text), markup=False)
    if finding.way_out:
        out.print(f"    {masked(finding.way_out)}", markup=False, style="dim")


def document(done: Sequence[Result]) -> dict[str, Any]:
    """All findings, and the numbers of faults, as one JSON document."""
    verdicts = Counter(result.finding.verdict for result in done)
    rows = [{"check": result.name, **asdict(result.finding), "seconds": round(result.seconds, 3)} for result in done]
    return {"broken": verdicts["broken"], "warnings": verdicts["warning"], "checks": rows}


def show_end(out: Console, diagnosis: Mapping[str, Any]) -> None:
    """Print the numbers of faults, and the command to run next."""
    warnings = f", {diagnosis['warnings']} warnings" if diagnosis["warnings"] else ""
    out.print((f"{diagnosis['broken']} broken" if diagnosis["broken"] else "nothing is broken") + warnings)
    if not diagnosis["broken"]:
        has_data = any(row["check"] == "data" and "clips" in row["text"] for row in diagnosis["checks"])
        out.print(f"next: {NEXT if has_data else FIRST}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
