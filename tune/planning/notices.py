"""The options of notices, which tell people elsewhere how a search goes."""

import math
import os
from dataclasses import dataclass
from typing import Annotated

import tyro

from tune.services.webhook import check_url

VARIABLE = "FERNN_NOTIFY_URL"
"""The environment variable that may hold the webhook's URL."""


@dataclass(frozen=True)
class Notices:
    """Messages to a webhook when the search starts, ends, fails, reaches a budget or stands still."""

    notify: Annotated[
        str | None, tyro.conf.arg(metavar="URL", help_behavior_hint=f"(default: {VARIABLE}, else none are sent)")
    ] = None
    """The webhook, of Slack or any that takes JSON. The environment variable keeps the URL out of the shell's history
    and the list of processes."""
    notify_silence: Annotated[float, tyro.conf.arg(metavar="MINUTES")] = 30
    """Minutes without an epoch or another event after which a message says so."""


def webhook_url(notices: Notices) -> str | None:
    """The webhook's URL, None where none is given; raises ValueError for a bad one, and for bad minutes.

    The variable is taken out of the environment, so that no worker inherits it.
    """
    given = os.environ.pop(VARIABLE, None) or None
    url = notices.notify if notices.notify is not None else given
    if url is not None:
        check_url(url)
    if not 0 < notices.notify_silence < math.inf:
        raise ValueError(f"--notify-silence must be minutes above 0, got {notices.notify_silence:g}")
    return url
