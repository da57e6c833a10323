"""Messages to a webhook: delivered in order and again, never waited for, and never shown."""

import json
import logging

import pytest
from urllib3.util import Retry

from tests.support.receiver import SECRET, Receiver
from tune.services import webhook as module
from tune.services.webhook import Webhook, body_of, check_url

SOON = Retry(total=2, backoff_factor=0, status_forcelist=(500,), allowed_methods=None, raise_on_status=False)


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def numbers(receiver):
    return [message["number"] for message in receiver.heard]


def test_messages_arrive_in_order_and_again_where_the_server_has_trouble(receiver):
    receiver.codes = [500, 500]
    hook = Webhook(receiver.url, SOON)
    for number in range(3):
        hook.send({"text": "a", "number": number, "loss": float("nan")})
    assert hook.close(20) == ""
    assert numbers(receiver) == [0, 0, 0, 1, 2] and receiver.heard[0]["loss"] is None


@pytest.mark.parametrize(("code", "why"), [(500, "answers 500"), (404, "answers 404"), (302, "answers 302")])
def test_what_is_refused_is_counted_and_the_next_message_is_tried(receiver, code, why):
    receiver.codes = [code] * (3 if code == 500 else 1)
    hook = Webhook(receiver.url, SOON)
    hook.send({"text": "a", "number": 0})
    hook.send({"text": "a", "number": 1})
    assert hook.close(20) == f"1 of 2 notices could not be delivered: 127.0.0.1 {why}"
    assert numbers(receiver)[-1] == 1


def test_a_server_that_is_down_is_named_without_the_secret(receiver, capfd, caplog):
    receiver.server.server_close()
    hook = Webhook(receiver.url, SOON)
    hook.send({"text": "a"})
    with caplog.at_level(logging.WARNING):
        assert hook.close(20) == "1 of 1 notices could not be delivered: 127.0.0.1 does not answer"
    assert SECRET not in "".join(capfd.readouterr()) + caplog.text


def test_a_server_that_hangs_is_not_waited_for_and_what_is_too_much_is_dropped(receiver, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    receiver.codes = [None]
    hook = Webhook(receiver.url, SOON)
    hook.send({"text": "a"})
    while not receiver.heard:
        assert hook._thread.is_alive()
    for _ in range(5):
        hook.send({"text": "a"})
    assert hook._waiting.qsize() == 2
    assert hook.close(0.01) == "6 of 6 notices could not be delivered: 127.0.0.1 has not answered within 0.01 s"


def test_a_server_that_takes_too_long_is_said(receiver, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_S", (1.0, 0.02))
    receiver.codes = [None] * 3
    hook = Webhook(receiver.url, Retry(0, read=0))
    hook.send({"text": "a"})
    assert "127.0.0.1 takes too long to answer" in hook.close(20)


def test_slack_gets_a_text_alone_in_its_own_writing():
    message = {"text": "a < b & c", "event": "end", "study": "s"}
    assert json.loads(body_of("hooks.slack.com", message)) == {"text": "a &lt; b &amp; c"}
    assert json.loads(body_of("hooks.example.org", message)) == message
    assert "hunter2" not in body_of("hooks.example.org", {"text": "postgresql://me:hunter2@db/x"})


@pytest.mark.parametrize("url", ["", "hooks.slack.com/x", "ftp://h/x", "https:///x", "http://h:99999/", "http://h/a b"])
def test_what_is_no_webhook_is_refused_without_showing_it(url):
    with pytest.raises(ValueError, match="--notify and FERNN_NOTIFY_URL must be the URL of a webhook") as refused:
        check_url(url)
    assert not url or url not in str(refused.value)
    check_url("https://hooks.slack.com/services/T/B/x")
