"""Records of the code, software and command that trained a study, one for each different combination.

``code/ID.json`` in the study's folder holds the package's version, the commit and the changes since, a digest of the
sources, all installed distributions, and the command. ID is a hash of them. Beside them stand the time and the login
name of the first use. Without git only the digest of the sources identifies the code.
"""

import getpass
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
from contextlib import suppress
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from tune.core.console import masked
from tune.core.folder import Folder
from tune.core.study import key_of

DISTRIBUTION = "fernn-search"
ROOT = Path(__file__).parents[2]
PACKAGES = ("fernn", "data", "tune")
CHANGING = (*PACKAGES, "pyproject.toml", "requirements.lock")
"""The files of a source tree that can change a result."""
LONGEST_DIFF = 1_000_000
"""Bytes; of a longer diff only the digest is stored."""
GIT_TIMEOUT_S = 5.0
"""Seconds for all calls of git; after them the record has the sources' digest alone."""
FOLDER, FIRST_USED, USER = "code", "first_used_at", "user"
LOCAL_OPTIONS = (
    "storage", "data", "videos", "files", "tracking-uri", "optuna-storage", "address",
    "stop-after", "max-gpu-hours", "max-price", "deadline", "notify", "notify-silence",
)  # fmt: skip
"""Options that name places of one machine or network, or concern one search alone; they change no result."""
OUTPUT_FLAGS = ("json", "yes", "no-yes", "download", "no-download")
"""Flags that change only what the command prints, asks or downloads."""


def record(folder: Folder) -> str:
    """Write the record of this process into a study's folder, unless it is there; the record's id."""
    facts = code_version(sys.argv)
    record_id = key_of(facts)
    if not folder.has(name := f"{FOLDER}/{record_id}.json"):
        folder.write_sealed(name, facts | {FIRST_USED: time.time()} | user())
    return record_id


def user() -> dict[str, str]:
    """The login name of who runs this process; empty where the system knows none, as in many containers.

    It is no part of a record's id: the same code is the same whoever runs it.
    """
    try:
        return {USER: getpass.getuser()}
    except (KeyError, OSError):
        return {}


def recorded(folder: Folder) -> dict[str, dict[str, Any]]:
    """The study's records by id, in order of first use; raises DamagedError for a record with a wrong checksum."""
    names = [name for name in folder.children(FOLDER) if name.endswith(".json")]
    records = {name.removesuffix(".json"): _read(folder, f"{FOLDER}/{name}") for name in names}
    return dict(sorted(records.items(), key=lambda entry: entry[1][FIRST_USED]))


def _read(folder: Folder, name: str) -> dict[str, Any]:
    way_out = "put it back from a copy, or delete it: the code then counts as not recorded"
    facts = folder.read_sealed(name, way_out, FIRST_USED) or {}
    first_used = facts.pop(FIRST_USED, None)
    who = {USER: facts.pop(USER)} if USER in facts else {}
    if f"{FOLDER}/{key_of(facts)}.json" != name or not isinstance(first_used, int | float):
        raise folder.damaged(name, way_out)
    return facts | {FIRST_USED: first_used} | who


def code_version(argv: Sequence[str]) -> dict[str, Any]:
    """The code and software of this process, and the command ``argv`` without what holds for this machine only."""
    versions = installed()
    return {
        "distribution": DISTRIBUTION,
        "version": versions.get(DISTRIBUTION),  # None for a source tree on the path
        **git_facts(ROOT),
        "source_sha256": source_sha256(),
        "python": platform.python_version(),
        "distributions": versions,
        "command": portable(argv),
    }


@cache
def source_sha256() -> str:
    """SHA-256 over the names and bytes of the project's Python files."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    digests = [(path.relative_to(ROOT).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


@cache
def installed() -> dict[str, str]:
    """The version of every installed distribution, by name; of two with one name, the one that Python imports."""
    last_to_first = reversed([*distributions()])
    versions = {name: distribution.version for distribution in last_to_first if (name := distribution.metadata["Name"])}
    return dict(sorted(versions.items(), key=lambda entry: entry[0].lower()))


def git_facts(root: Path) -> dict[str, str | None]:
    """The commit of the source tree at ``root``, and the diff since; None where git gives no answer."""
    nothing: dict[str, str | None] = {"commit": None, "diff_sha256": None, "diff": None}
    if not (root / ".git").exists():  # an installed package may lie in somebody else's tree
        return nothing
    deadline = time.monotonic() + GIT_TIMEOUT_S
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
    """The output of git; raises SubprocessError or OSError where it fails, is missing or takes too long.

    After that time git is ended with all that it started, which may hold its output open.
    """
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    with subprocess.Popen(
        ["git", *arguments], cwd=root, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode and "--no-index" not in arguments:  # which says by its exit code that files differ
        raise subprocess.CalledProcessError(process.returncode, "git")
    return output


def portable(argv: Sequence[str]) -> str:
    """The command line without passwords, and without :data:`LOCAL_OPTIONS` and :data:`OUTPUT_FLAGS`."""
    words, skip = [], False
    for word in argv[1:]:
        name, separator, _ = word.partition("=")
        option = name.removeprefix("--").replace("_", "-") if name.startswith("--") else ""
        if skip or option in LOCAL_OPTIONS:
            skip = not skip and not separator
        elif option not in OUTPUT_FLAGS:
            words.append(masked(word))
    return shlex.join(["python", *_script(argv[0]), *words])


def _script(path: str) -> list[str]:
    """The words that start a program: its path in the source tree, or ``-m MODULE`` where the package is installed."""
    script = Path(path).absolute()
    if not script.is_relative_to(ROOT):
        return [script.name]
    inside = script.relative_to(ROOT)
    is_tree = (ROOT / "pyproject.toml").is_file()
    return [inside.as_posix()] if is_tree else ["-m", ".".join(inside.with_suffix("").parts)]
