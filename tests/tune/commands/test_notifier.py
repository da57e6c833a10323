"""What people elsewhere are told of a search, and when."""

import pytest

from tests.support.stored_study import planned_study
from tune.commands import notifier as module
from tune.commands.notifier import Notifier

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": tuple(range(15))}


class Sent:
    """Stands for a webhook."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def close(self, seconds):
        return "1 of 2"

    @property
    def texts(self):
        return [(message["event"], message["text"]) for message in self.messages]


@pytest.fixture
def study(tmp_path):
    return planned_study(tmp_path / "s", SPACE)


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def told(study, clock):
    sent = Sent()
    notifier = Notifier(sent, 1800.0, lambda: clock[0])
    notifier.started(study, ["15 cells to train", "about 2 min"], gpu_hours=1.5)
    return notifier, sent


def test_start_budget_and_end_are_told_with_their_facts(told):
    notifier, sent = told
    notifier.reached("--stop-after 6h is reached", cells=3)
    notifier.ended(["model grnn, n 2"], code=3)
    assert sent.messages == [
        {"text": "s: started: 15 cells to train; about 2 min", "event": "start", "study": "s", "gpu_hours": 1.5},
        {"text": "s: --stop-after 6h is reached", "event": "budget", "study": "s", "cells": 3},
        {"text": "s: ended\nmodel grnn, n 2", "event": "end", "study": "s", "code": 3},
    ]
    assert notifier.close() == "1 of 2"


def test_failures_of_a_minute_stand_in_one_message(told, study, clock):
    notifier, sent = told
    folder = study.cell_folder(study.cells[0])
    folder.take_over()
    folder.fail("the loss is nan", diverged=True)
    with notifier:
        notifier.on_status(study.cells[0], "failed")
        notifier.look()
        for cell in study.cells[1:13]:
            notifier.on_status(cell, "failed")
            notifier.on_status(study.cells[13], "lost")
        notifier.look()
        assert [event for event, _ in sent.texts] == ["start", "failure"]
        clock[0] += 60.0
        notifier.look()
        notifier.on_status(study.cells[14], "failed")
    (_, first), (_, second), (_, third) = sent.texts[1:]
    assert first == "s: grnn lr 0.001 seed 0 failed: the loss is nan"
    assert second.count("failed: the search's output has the reason") == 10 and second.endswith("and 2 more")
    assert "seed 14 failed" in third and [m["num_failed"] for m in sent.messages[1:]] == [1, 13, 14]


def test_a_silence_is_told_once_and_so_is_its_end(told, study, clock):
    notifier, sent = told
    for pause in (1799.0, 1.0, 3600.0):
        clock[0] += pause
        notifier.look()
    notifier.on_epoch(study.cells[0], {})
    notifier.on_status(study.cells[0], "done")
    clock[0] += 1800.0
    notifier.look()
    assert sent.texts[1:] == [
        ("silence", "s: nothing for 30 min: no epoch ended and no cell began or ended"),
        ("goes on", "s: goes on after 90 min without an event"),
        ("silence", "s: nothing for 30 min: no epoch ended and no cell began or ended"),
    ]


def test_a_thread_looks_while_the_search_trains(told, clock, monkeypatch):
    notifier, sent = told
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    with notifier:
        clock[0] += 1800.0
        while len(sent.messages) < 2:
            notifier._ended.wait(0.001)
    assert sent.messages[1]["event"] == "silence"


def test_nothing_is_told_without_a_webhook_or_before_the_start(study):
    with Notifier(None, 1.0) as silent:
        silent.started(study, [])
        silent.on_status(study.cells[0], "failed")
    assert silent.close() == ""
    early = Notifier(Sent(), 1.0)
    early.ended(["refused"])
    assert early.webhook.messages == []
