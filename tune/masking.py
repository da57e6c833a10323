"""Passwords do not belong in what is printed or written down."""

import re

_CREDENTIALS = re.compile(r"(://)[^/\s\"']*@")
_PARAMETERS = re.compile(r"(?i)\b(\w*(?:password|passwd|token|secret|api_?key)=)[^&\s\"']+")


def masked(text: str) -> str:
    """The text with user names, passwords and tokens in its URIs replaced by ***."""
    return _PARAMETERS.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", text))
