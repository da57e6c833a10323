"""What every command of data/ answers: one line, and an exit code."""

from collections.abc import Callable

from data.progress import say


def answer(work: Callable[[], str], errors: tuple[type[Exception], ...] = (ValueError, OSError)) -> int:
    """Do the work and say what it came to, code 0; where it raises one of the errors, say that, code 2."""
    try:
        text = work()
    except errors as error:
        say(f"error: {error}")
        return 2
    say(text)
    return 0
