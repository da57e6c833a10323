"""Passwords do not belong in what is printed or written down."""

import re
from typing import Any

_CREDENTIALS = re.compile(r"(://)(?:[^/\s\"']*|(?!/)[^/:\s\"'@]*:[^\s\"'@]*)@")
_PARAMETERS = re.compile(r"(?i)((?:^|[?&;\s\"'])(?:\w+_)?(?:password|passwd|token|secret|api_?key)=)[^&;\s\"']+")


def masked(text: str) -> str:
    """The text with user names, passwords and tokens in its URIs replaced by ***."""
    return _PARAMETERS.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", text))


def all_masked(value: Any) -> Any:
    """A JSON value with every text in it masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: all_masked(item) for name, item in value.items()}
    return [all_masked(item) for item in value] if isinstance(value, list | tuple) else value
