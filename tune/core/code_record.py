"""By which code and software results came to be: one record for each way in which a study was searched.

``code/ID.json`` in the study's folder: the package's version, the commit and what was changed since, a digest of the
sources, all installed distributions, and the command. ID is a hash of all that. A source tree without git, and an
installed package, have the digest of their sources alone.
"""

import hashlib
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from tune.core.console import masked
from tune.core.folder import UNREADABLE, Folder
from tune.core.sealing import ALTERED, damaged, read_sealed, write_sealed

DISTRIBUTION = "fernn-search"
ROOT = Path(__file__).parents[2]
PACKAGES = ("fernn", "data", "tune")
CHANGING = (*PACKAGES, "pyproject.toml", "requirements.lock")
"""What of a source tree results rest on."""
LONGEST_DIFF = 1_000_000
"""Bytes: of a longer one the digest is kept."""
PATIENCE = 5.0
"""Seconds that git may take in all; after them the sources' digest has to do."""
FOLDER, FIRST_USED = "code", "first_used_at"
MISPLACED = ("storage", "data", "videos", "files", "tracking-uri", "optuna-storage", "address")
"""Options that say where things are on one machine or in one network, and decide no result."""
SILENT = ("json", "yes", "no-yes", "download", "no-download")
"""Flags that say how the command talks or what it asks and may fetch."""


def record(folder: Folder) -> str:
    """Write down in a study's folder what this command runs with; the record's id."""
    facts = code_version(sys.argv)
    found, name = id_of(facts), f"{FOLDER}/{id_of(facts)}.json"
    if not folder.has(name):
        write_sealed(folder, name, facts | {FIRST_USED: time.time()})
    return found


def recorded(folder: Folder) -> dict[str, dict[str, Any]]:
    """The study's records by id, the first used first; raises DamagedError for one that is not as it was written."""
    found = {}
    for name in folder.children(FOLDER):
        if name.endswith(".json"):
            found[name.removesuffix(".json")] = _read(folder, f"{FOLDER}/{name}")
    return dict(sorted(found.items(), key=lambda entry: entry[1][FIRST_USED]))


def _read(folder: Folder, name: str) -> dict[str, Any]:
    way_out = "put it back from a copy, or delete it: the code then counts as not recorded"
    try:
        facts = read_sealed(folder, name, way_out, FIRST_USED) or {}
        if f"{FOLDER}/{id_of({key: facts[key] for key in facts if key != FIRST_USED})}.json" == name:
            return facts | {FIRST_USED: float(facts[FIRST_USED])}
    except UNREADABLE:
        pass
    raise damaged(folder, name, ALTERED, way_out)


def id_of(facts: dict[str, Any]) -> str:
    """Twelve hexadecimal digits: equal id, equal record."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def code_version(argv: Sequence[str]) -> dict[str, Any]:
    """The code and software of this process, and the command ``argv`` as it works elsewhere."""
    return {
        "distribution": DISTRIBUTION,
        "version": _version(),
        **git_facts(ROOT),
        "source_sha256": source_sha256(),
        "python": platform.python_version(),
        "distributions": installed(),
        "command": portable(argv),
    }


def _version() -> str | None:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # a source tree on the path
        return None


@cache
def source_sha256() -> str:
    """SHA-256 over the names and bytes of the package's source files."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    digests = [(path.relative_to(ROOT).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


@cache
def installed() -> dict[str, str]:
    """The version of every installed distribution, by name; of two of a name the one that Python imports."""
    found: dict[str, str] = {}
    for one in distributions():
        if name := one.metadata["Name"]:
            found.setdefault(name, one.version)
    return dict(sorted(found.items(), key=lambda entry: entry[0].lower()))


def git_facts(root: Path) -> dict[str, str | None]:
    """The commit of the source tree at ``root``, and what was changed in it since; None where git does not say."""
    nothing: dict[str, str | None] = {"commit": None, "diff_sha256": None, "diff": None}
    if not (root / ".git").exists():  # an installed package may lie in somebody else's tree
        return nothing
    deadline = time.monotonic() + PATIENCE
    try:
        commit = _git(root, deadline, "rev-parse", "HEAD").decode().strip()
        diff = _git(root, deadline, "diff", *PLAIN, "HEAD", "--", *CHANGING)
        for name in _git(root, deadline, "ls-files", "-z", "-o", "--exclude-standard", "--", *CHANGING).split(b"\0"):
            if name.endswith(b".py"):
                diff += _git(root, deadline, "diff", *PLAIN, "--no-index", "--", os.devnull, os.fsdecode(name))
    except (OSError, subprocess.SubprocessError):
        return nothing
    if not diff:
        return nothing | {"commit": commit}
    text = masked(diff.decode(errors="replace")) if len(diff) <= LONGEST_DIFF else None
    return {"commit": commit, "diff_sha256": hashlib.sha256(diff).hexdigest(), "diff": text}


PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color")


def _git(root: Path, deadline: float, *arguments: str) -> bytes:
    """What git prints; raises SubprocessError or OSError where it fails, is not there or takes too long."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    process = subprocess.Popen(
        ["git", *arguments], cwd=root, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        printed, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # with what it started, which would keep the pipe open
        process.communicate()
        raise
    if process.returncode and "--no-index" not in arguments:  # which says by its exit code that files differ
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return printed


def portable(argv: Sequence[str]) -> str:
    """The command line without what holds for one machine, and without passwords."""
    words, skip = [], False
    for word in argv[1:]:
        name, separator, _ = word.partition("=")
        option = name.removeprefix("--").replace("_", "-") if name.startswith("--") else ""
        if skip or option in MISPLACED:
            skip = not skip and not separator
        elif option not in SILENT:
            words.append(masked(word))
    return shlex.join(["python", *_script(argv[0]), *words])


def _script(path: str) -> list[str]:
    """How the program is started elsewhere: one of ours from the source tree, or as a module where installed."""
    script = Path(path).absolute()
    if not script.is_relative_to(ROOT):
        return [script.name]
    inside = script.relative_to(ROOT)
    is_tree = (ROOT / "pyproject.toml").is_file()
    return [inside.as_posix()] if is_tree else ["-m", ".".join(inside.with_suffix("").parts)]
