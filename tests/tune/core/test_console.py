"""What is printed and stored holds no password."""

import io
import json

import pytest
from rich.console import Console

from tune.commands.search_output import EventOutput, TextOutput
from tune.core.console import masked
from tune.core.study import StudyError

SECRET = "hunter2"


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
    assert TextOutput(Console(file=out)).refused(error) == EventOutput(lines).refused(error) == 2
    assert json.loads(lines.getvalue())["reason"].endswith("http://***@host does not")
    assert SECRET not in out.getvalue() + lines.getvalue() and "***@host" in out.getvalue()
