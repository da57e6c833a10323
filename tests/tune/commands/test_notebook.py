"""A table that a notebook shows in place."""

import pytest
from rich.table import Table

from tune.commands.notebook import NotebookTable


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show: every picture, and whether it is a new one."""
    pictures = []

    class Handle:
        def update(self, table):
            pictures.append(("update", table.title))

    def display(table, display_id):
        pictures.append(("new", table.title))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    return pictures


def test_one_picture_is_drawn_anew_at_most_twice_a_second_and_at_the_end(shown, monkeypatch):
    now, titles = [100.0], iter("abcd")
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    table = NotebookTable(lambda: Table(title=next(titles)))
    for seconds in (0.0, 0.3, 0.3):
        now[0] += seconds
        table.changed()
    table.draw()
    assert shown == [("new", "a"), ("update", "b"), ("update", "c")]
