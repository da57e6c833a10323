"""What commands print where the output is not UTF-8, what was typed where it is no text, and progress of a job."""

import ast
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from data import terminal
from data.terminal import PLAIN, PlainConsole, begin, plain, progress

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for floor in ("fernn", "data", "tune") for path in (ROOT / floor).rglob("*.py"))
ASKED_BY_PROGRAMS = ROOT / "tune/commands/checks.py"
COMMANDS = [
    path
    for path in SOURCES
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8") and path != ASKED_BY_PROGRAMS
]


class Output(io.TextIOWrapper):
    """Standard output of an encoding, as a pipe has it."""

    def __init__(self, encoding, errors="strict"):
        super().__init__(io.BytesIO(), encoding=encoding, errors=errors, write_through=True)

    def text(self):
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def output(monkeypatch):
    """Puts an output of the encoding in the place of both streams."""

    def use(encoding):
        stream = Output(encoding)
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr("sys.stderr", stream)
        return stream

    return use


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "0.4 +/- 0.2, 2 x 3, a - b, '...', -, sigma, Schrodinger \\u4e2d \\xff"),
        ("latin-1", "0.4 ± 0.2, 2 × 3, a · b, '...', -, sigma, Schrödinger \\u4e2d \\xff"),
        ("utf-8", "0.4 ± 0.2, 2 × 3, a · b, “…”, –, σ, Schrödinger 中 \\xff"),
    ],
)
def test_text_is_readable_in_every_encoding(encoding, shown, output):
    stream = output(encoding)
    begin()
    print("0.4 ± 0.2, 2 × 3, a · b, “…”, –, σ, Schrödinger 中 \udcff", end="")
    assert stream.text() == shown


def test_every_stand_in_is_ascii_and_leaves_json_whole():
    signs = {sign for path in SOURCES for sign in path.read_text(encoding="utf-8") if not sign.isascii()}
    assert signs and not {sign for sign in signs if "\\" in plain(sign) or '"' in plain(sign)}


@pytest.mark.parametrize(("encoding", "line"), [("ascii", "| 0.4 +/- 0.2 |"), ("utf-8", "│ 0.4 ± 0.2 │")])
def test_a_table_keeps_its_columns(encoding, line, output):
    stream = output(encoding)
    begin()
    table = Table("test")
    table.add_row("0.4 ± 0.2")
    PlainConsole(file=stream, width=40).print(table)
    lines = stream.text().splitlines()
    assert line in lines and len({len(one) for one in lines}) == 1


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_begins_with_readable_output(path, output, monkeypatch):
    stream = output("ascii")
    monkeypatch.setattr("sys.argv", [str(path), "--help"])
    monkeypatch.setattr("sys.path", [str(path.parent), *sys.path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code in (0, None) and stream.errors == PLAIN and "usage:" in stream.text()


def calls(path):
    """Every call in a file: its name, what the name belongs to, and its keywords."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            is_method = isinstance(node.func, ast.Attribute)
            name = node.func.attr if is_method else getattr(node.func, "id", "")
            owner = getattr(node.func.value, "id", "") if is_method else ""
            yield name, owner, {word.arg: word.value for word in node.keywords}, node


CALLS = {path: list(calls(path)) for path in SOURCES}


@pytest.mark.parametrize("reader", [("cli", "tyro"), ("Console", ""), ("ArgumentParser", "argparse")])
def test_only_the_terminal_reads_the_command_line(reader):
    assert [path for path in SOURCES if reader in [call[:2] for call in CALLS[path]] and path.stem != "terminal"] == []


OTHER_OPEN = ("av", "gzip", "zipped", "self", "os", "")
"""Whose ``open`` is of no text file; Python's own, which has no owner, is looked at all the same."""


def without_encoding(path):
    """Calls that read or write text in whatever encoding the machine has."""
    for name, owner, keywords, node in CALLS[path]:
        words = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        is_open = name == "open" and (isinstance(node.func, ast.Name) or owner not in OTHER_OPEN)
        is_binary = name == "open" and any("b" in word for word in words)
        opens = name in ("read_text", "write_text") or (is_open and not is_binary)
        decodes = "universal_newlines" in keywords or getattr(keywords.get("text"), "value", None) is True
        if (opens or decodes) and "encoding" not in keywords:
            yield ast.unparse(node)


def test_every_text_file_has_its_encoding():
    assert {str(path): found for path in SOURCES if (found := list(without_encoding(path)))} == {}


@pytest.mark.parametrize("word", ["--data=/tmp/gr\udcf6sse", "\udcc3\udcb6"])
def test_what_is_no_text_in_this_locale_is_refused_in_one_line(word, output, monkeypatch):
    stream = output("ascii")
    monkeypatch.setattr("sys.argv", ["search.py", word])
    with pytest.raises(SystemExit) as ended:
        begin()
    assert ended.value.code == 2 and len(stream.text().splitlines()) == 1
    assert stream.text().startswith("error: '") and "is no text in" in stream.text()


def test_a_pipe_in_the_c_locale_gets_plain_signs():
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    code = (
        "from data.terminal import begin; from data.terminal import say; begin(); print('1 \\xb1 2'); say('3 \\xd7 4')"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"1 +/- 2\n", b"3 x 4\n")


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_comes_now_and_then(clock, capsys):
    with progress("decoding", 100, "videos") as advance:
        for _ in range(100):
            advance(1)
            clock[0] += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "decoding: 11 of 100 videos, 89 s left"
    assert lines[-1] == "decoding: 100 of 100 videos"
    assert len(lines) == 10


def test_bytes_are_counted_from_where_a_download_goes_on(clock, capsys):
    with progress("walking.zip", 100_000_000, "bytes", done=60_000_000) as advance:
        advance(0)
        clock[0] += 10.0
        advance(20_000_000)
    assert capsys.readouterr().err == "walking.zip: 80.00 of 100.00 MB, 10 s left\n"


def test_an_unknown_total_has_no_time_left(clock, capsys):
    with progress("x", None, "bytes") as advance:
        advance(1_000_000)
        clock[0] += 10.0
        advance(1_000_000)
    assert capsys.readouterr().err == "x: 2.00 MB\n"


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("decoding", 2, "videos") as advance:
        advance(2)
    assert "2/2" in capsys.readouterr().err
