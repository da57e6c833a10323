"""A rule that does not hold is said in its own words."""

import pytest

from data.errors import require


def test_a_rule_that_does_not_hold_is_raised():
    require(True, "never said")
    with pytest.raises(ValueError, match="^a video must be named once$"):
        require(False, "a video must be named once")
