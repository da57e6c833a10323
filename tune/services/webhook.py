"""Messages to a webhook: sent by a thread of their own, so that a search neither waits for them nor fails by them."""

import logging
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tune.core.console import document_text

SLACK = ("hooks.slack.com", "hooks.slack-gov.com")
"""They accept a text and refuse fields that they do not know."""
ANSWER_S = (5.0, 10.0)
"""Seconds in which a server has to accept a connection, and to answer."""
MOST_WAITING = 100
TRY_AGAIN = Retry(
    total=4, backoff_factor=1.0, backoff_max=30, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None,
    raise_on_status=False, retry_after_max=60,
)  # fmt: skip
THREAD = "fernn-webhook"


def check_url(url: str) -> None:
    """Raises ValueError for what is no URL of a webhook. The text does not show it, since it is a secret."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not url.isprintable() or " " in url:
        raise ValueError(
            "--notify and FERNN_NOTIFY_URL must be the URL of a webhook that begins with https:// or http://, this is "
            "none (it is not shown, since it may be a secret)"
        )


def body_of(host: str, message: Mapping[str, Any]) -> str:
    """What is sent to the host: the message as JSON; for Slack its text alone, with the signs escaped as it asks."""
    if host not in SLACK:
        return document_text(message)
    text = message["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return document_text({"text": text})


class Webhook:
    """Sends messages in order, and each again where the server does not answer or says that it has trouble."""

    def __init__(self, url: str, again: Retry = TRY_AGAIN) -> None:
        self._url, self.host, self.problem = url, urlsplit(url).hostname or "", ""
        self.num_sent = self.num_delivered = 0
        self._waiting: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._again = again
        self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send it when its turn comes; where too many wait it is dropped. Returns at once."""
        self.num_sent += 1
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(message)

    def close(self, seconds: float) -> str:
        """Wait so long for what is not delivered yet; a line on what was not, without the URL, or an empty text."""
        self._waiting.put(None)
        self._thread.join(seconds)
        lost = self.num_sent - self.num_delivered
        why = self.problem or f"has not answered within {seconds:g} s"
        return f"{lost} of {self.num_sent} notices could not be delivered: {self.host} {why}" if lost else ""

    def _work(self) -> None:
        logging.getLogger("urllib3.connectionpool").addFilter(_is_of_another_thread)
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=self._again))
            while (message := self._waiting.get()) is not None:
                try:
                    self._post(session, message)
                except Exception as error:  # whatever it is, a notice is lost and the search goes on
                    self.problem = _reason(error)

    def _post(self, session: requests.Session, message: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        answer = session.post(
            self._url, body_of(self.host, message).encode(), headers=headers, timeout=ANSWER_S, allow_redirects=False
        )  # a redirect would give the secret to another server
        if answer.status_code // 100 == 2:
            self.num_delivered += 1
        else:
            self.problem = f"answers {answer.status_code}"


def _is_of_another_thread(record: logging.LogRecord) -> bool:
    """Whether a line of urllib3's log may be shown: of this thread's requests it has the URL."""
    return record.threadName != THREAD


def _reason(error: Exception) -> str:
    """Why nothing could be sent, without the error's text, in which the URL stands."""
    if isinstance(error, requests.exceptions.SSLError):
        return "has a certificate that is not trusted"
    if isinstance(error, requests.exceptions.Timeout):
        return "takes too long to answer"
    return "does not answer" if isinstance(error, requests.exceptions.ConnectionError) else "cannot be used"
