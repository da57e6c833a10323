"""What is printed and stored holds no password; tables of a report as texts, as CSV, and as Markdown."""

import io
import json

import pytest
from rich.console import Console

from tune.commands.search_output import SearchOutput
from tune.core.console import ReportTable, bullets, cell_text, csv_text, fenced, grid, masked
from tune.core.study import StudyError

SECRET = "hunter2"
TABLE = ReportTable("name", "Title", ("model", "clips", "error"), [("a|b", 1234, 0.12345), ("c", None, 2.0)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:hunter2@db:5432/mlflow", "postgresql://***@db:5432/mlflow"),
        ("https://hunter2@mlflow.org/x", "https://***@mlflow.org/x"),
        ("at http://a:hunter2@b and mysql+pymysql://c:hunter2@d/e", "at http://***@b and mysql+pymysql://***@d/e"),
        ("postgresql://db/x?user=me&password=hunter2&sslmode=on", "postgresql://db/x?user=me&password=***&sslmode=on"),
        ("http://a:hun@ter2@b/x", "http://***@b/x"),
        ("postgresql://me:hunt/er2@db/x", "postgresql://***@db/x"),
        ("--set model.num_token=5", "--set model.num_token=5"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ("mail@example.org and seed=3", "mail@example.org and seed=3"),
    ],
)
def test_credentials_are_masked_and_nothing_else(text, expected):
    assert masked(text) == expected


def test_neither_people_nor_programs_are_told_a_password():
    error, out, lines = (
        StudyError(f"--tracking-uri must answer, http://me:{SECRET}@host does not"),
        io.StringIO(),
        io.StringIO(),
    )
    assert SearchOutput(given=Console(file=out)).refused(error) == SearchOutput(lines).refused(error) == 2
    assert json.loads(lines.getvalue())["reason"].endswith("http://***@host does not")
    assert SECRET not in out.getvalue() + lines.getvalue() and "***@host" in out.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.123456, "0.123"), (1234567, "1,234,567"), ("as it is", "as it is"), (0, "0")]
)
def test_a_value_is_short_in_a_table(value, shown):
    assert cell_text(value) == shown


def test_a_csv_has_all_digits_and_the_marks_in_each_row():
    assert TABLE.texts() == [["a|b", "1,234", "0.123"], ["c", "–", "2"]]
    assert TABLE.csv_text("DEMO") == "marks,model,clips,error\nDEMO,a|b,1234,0.12345\nDEMO,c,,2.0\n"
    assert csv_text([('a "quoted", value', 1)]) == '"a ""quoted"", value",1\n'


def test_markdown_keeps_a_cells_bar_inside_its_cell():
    assert grid(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x\\|y | z |"
    assert bullets(["one", "two"]) == "- one\n- two" and fenced(["ls"]) == "```\nls\n```"
