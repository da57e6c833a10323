"""What journeys share with the tests of commands."""

from tests.tune.conftest import command, manage, tables_made_once

__all__ = ["command", "manage", "tables_made_once"]
