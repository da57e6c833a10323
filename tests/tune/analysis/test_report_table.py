"""Tables of a report: as texts, as CSV, and as Markdown."""

import pytest

from tune.analysis.report_table import ReportTable, bullets, csv_text, fenced, grid, text

TABLE = ReportTable("name", "Title", ("model", "clips", "error"), [("a|b", 1234, 0.12345), ("c", None, 2.0)])


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.123456, "0.123"), (1234567, "1,234,567"), ("as it is", "as it is"), (0, "0")]
)
def test_a_value_is_short_in_a_table(value, shown):
    assert text(value) == shown


def test_a_csv_has_all_digits_and_the_marks_in_each_row():
    assert TABLE.texts() == [["a|b", "1,234", "0.123"], ["c", "–", "2"]]
    assert TABLE.csv_text("DEMO") == "marks,model,clips,error\nDEMO,a|b,1234,0.12345\nDEMO,c,,2.0\n"
    assert csv_text([('a "quoted", value', 1)]) == '"a ""quoted"", value",1\n'


def test_markdown_keeps_a_cells_bar_inside_its_cell():
    assert grid(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x\\|y | z |"
    assert bullets(["one", "two"]) == "- one\n- two" and fenced(["ls"]) == "```\nls\n```"
