"""Where the webhook's URL comes from."""

import os

import pytest

from tune.planning.notices import VARIABLE, Notices, webhook_url


def test_the_option_comes_before_the_environment_which_loses_it(monkeypatch):
    monkeypatch.setenv(VARIABLE, "https://host/environment")
    assert webhook_url(Notices("https://host/option")) == "https://host/option"
    assert VARIABLE not in os.environ and webhook_url(Notices()) is None
    monkeypatch.setenv(VARIABLE, "https://host/environment")
    assert webhook_url(Notices()) == "https://host/environment" and VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, "")
    assert webhook_url(Notices()) is None


def test_bad_values_are_refused(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ValueError, match="must be the URL of a webhook"):
        webhook_url(Notices("host/secret"))
    with pytest.raises(ValueError, match="--notify-silence must be minutes above 0, got 0"):
        webhook_url(Notices(notify_silence=0))
