"""Cells on disk or in a bucket: the truth of a study.

Every file is written whole or not at all, and a flipped byte in what training or a table rests on is noticed.
A cell's folder holds

    config.json          the experiment, field by field, the data's hash and the protocol's version
    attempt.json         who works on it: an attempt that finds another's name there stops writing
    codes.json           by which code it was trained, from which epoch on: records in the study's folder code/
    machines.json        on what its trials ran
    metrics.jsonl        one row an epoch, each with its own checksum
    last/, best/         checkpoints: to go on from, and of the epoch before should that be damaged; the best weights
    predictions.parquet  one row a validation or test clip: split, id, person, label, logits
    examples.safetensors of frame predictors: a few test clips, and the frames predicted
    done.json            the result, and the digest of the predictions; written last
    openings.jsonl       when the test clips were read, what for, and with which weights
    failure.json         why there is none: the cell diverged, and would again; or a GPU's memory ran out
    stopped.json         why it was ended early, where it was
"""

import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from data.preparing.parquet import read_table
from data.sealing import sealed, unsealed
from fernn.files.checkpoint import CheckpointError, Tensors, pack, unpack
from fernn.train.loop import Row
from fernn.train.run import Run, with_prefix
from tune.core.folder import UNREADABLE, Folder
from tune.core.result import Result
from tune.core.sealing import (
    ALTERED,
    ENTRIES,
    damaged,
    read_entries,
    read_rows,
    read_sealed,
    read_tensors,
    rows_before_damage,
    sealed_line,
    write_sealed,
)  # fmt: skip

LAST, BEFORE, BEST = "last/state.safetensors", "last/before.safetensors", "best/model.safetensors"
METRICS, PREDICTIONS, DONE = "metrics.jsonl", "predictions.parquet", "done.json"
OPENINGS, EXAMPLES = "openings.jsonl", "examples.safetensors"
CODES, MACHINES = "codes.json", "machines.json"


class Superseded(RuntimeError):
    """Another attempt has taken the cell over; this one must not write any more."""


@dataclass(frozen=True)
class Resumable:
    """Where a cell goes on: a checkpoint, or none, the rows up to it, and what was damaged beyond it."""

    state: tuple[Tensors, dict[str, Any]] | None
    rows: list[Row]
    damage: tuple[str, ...] = ()


class CellFolder:
    """One cell's folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._lines: list[str] = []
        self._attempt = ""

    def done(self) -> Result | None:
        """The result, or None while there is none; raises DamagedError where it is not as it was written."""
        content = self.folder.read(DONE)
        if content is None:
            return None
        try:
            return Result.of(unsealed(json.loads(content)))
        except UNREADABLE as error:
            raise damaged(self.folder, DONE, ALTERED, f"delete it, and {EVALUATED}") from error

    def config(self) -> dict[str, Any] | None:
        """What the cell is, or None before it is planned."""
        return self.folder.read_json("config.json")

    def history(self) -> list[Row]:
        """One row an epoch, as far as recorded; raises DamagedError for a row that is not as it was written."""
        return read_rows(self.folder, METRICS, ANEW)

    def openings(self) -> list[dict[str, Any]]:
        """One row for each time that the test clips were read; raises DamagedError as :meth:`history` does."""
        return read_rows(self.folder, OPENINGS, "delete it: what was read is then no longer known")

    def log_opening(self, purpose: str) -> None:
        """Write down that the test clips are about to be read with the best weights."""
        row = {"purpose": purpose, "at": time.time(), "host": socket.gethostname(), "weights": self.best_sha256()}
        self.folder.write(OPENINGS, "".join(map(sealed_line, [*self.openings(), row])).encode())

    def attempt(self) -> dict[str, Any] | None:
        """Who took the cell over last (host, pid) and when, or None before its first attempt."""
        return read_sealed(self.folder, "attempt.json", f"delete it, and {RUN_AGAIN}", "id", "host", "pid", "started")

    def failure(self) -> str | None:
        """Why the last attempt ended without a result, or None where it did not say."""
        return self._said("failure.json").get("reason")

    def diverged(self) -> bool:
        """Whether the last attempt ended in a loss that is no number: another would, too."""
        said = self._said("failure.json")
        return bool(said) and said.get("diverged", True)

    def fail(self, reason: str, diverged: bool) -> None:
        """Say why this attempt ends without a result."""
        self._require_mine()
        write_sealed(self.folder, "failure.json", {"reason": reason, "diverged": diverged})

    def stopped(self) -> str | None:
        """Why the cell was ended before its last epoch, or None where it was not."""
        return self._said("stopped.json").get("reason")

    def _said(self, name: str) -> dict[str, Any]:
        return read_sealed(self.folder, name, f"delete it, and {RUN_AGAIN}", "reason") or {}

    def stop(self, reason: str) -> None:
        """Say why the cell ends before its last epoch; another attempt may still go on with it."""
        write_sealed(self.folder, "stopped.json", {"reason": reason})

    def adopt(self, shorter: Self) -> None:
        """Take over what a cell with fewer epochs has, its last checkpoint at the end: training goes on from there."""
        for name in (CODES, MACHINES, METRICS, BEST, LAST):
            if (content := shorter.folder.read(name)) is not None:
                self.folder.write(name, content)

    def plan(self, config: Mapping[str, Any]) -> None:
        """Say what the cell is, before its first attempt."""
        if self.config() is None:
            self.folder.write_json("config.json", dict(config))

    def take_over(self) -> None:
        """Make this attempt the one that may write."""
        self._attempt = uuid.uuid4().hex
        attempt = {"id": self._attempt, "host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}
        write_sealed(self.folder, "attempt.json", attempt)
        self.folder.sweep()
        for name in ("failure.json", "stopped.json"):
            if self.folder.read(name) is not None:
                self.folder.delete(name)

    def begin(self, run: Run, code: str = "") -> None:
        """Take the cell over, if that is not done; put ``run`` where the last checkpoint stands, or leave it new.

        ``code`` is the record of the code by which it goes on from there, empty where there is none.
        """
        if not self._attempt:
            self.take_over()
        known = self.resumable()
        if known.state is not None:
            run.load(*known.state)
            self._keep_best(run)
        if LAST in known.damage:
            self.folder.delete(LAST)
        self._lines = [sealed_line(row) for row in known.rows]
        self._go_on_by(code, run.epoch)

    def codes(self) -> list[dict[str, Any]]:
        """By which code the cell was trained: from ``first_epoch`` on by ``code``, which is empty if not recorded."""

        def parsed(one: Any) -> dict[str, Any]:
            return {"first_epoch": int(one["first_epoch"]), "code": str(one["code"])}

        return read_entries(self.folder, CODES, parsed, f"delete it, and {RUN_AGAIN}")

    def machines(self) -> list[dict[str, Any]]:
        """On what the cell's trials ran, each different answer once; empty where that was not recorded."""
        return read_entries(self.folder, MACHINES, dict, f"delete it, and {RUN_AGAIN}")

    def ran_on(self, machine: Mapping[str, Any]) -> None:
        """Say on what a trial of the cell runs."""
        known = self.machines()
        if machine not in known:
            write_sealed(self.folder, MACHINES, {ENTRIES: [*known, dict(machine)]})

    def _go_on_by(self, code: str, epoch: int) -> None:
        """Say by which code the epochs after ``epoch`` are trained; of those before, what is known stays."""
        known = self.codes()
        kept = [one for one in known if one["first_epoch"] <= epoch]
        if epoch and not kept:
            kept = [{"first_epoch": 1, "code": ""}]
        if not kept or kept[-1]["code"] != code:
            kept.append({"first_epoch": epoch + 1, "code": code})
        if kept != known:
            write_sealed(self.folder, CODES, {ENTRIES: kept})

    def has_checkpoint(self) -> bool:
        """Whether there is something to go on from."""
        return self.folder.has(LAST) or self.folder.has(BEFORE)

    def resumable(self) -> Resumable:
        """The newest checkpoint that is whole and lacks no row: the last, the one before, or none."""
        rows, num_lines = rows_before_damage(self.folder, METRICS)
        damage = [f"{METRICS}, line {len(rows) + 1}"] if len(rows) < num_lines else []
        if (best := self._best_epoch()) is None:
            return Resumable(None, [], (*damage, BEST))
        for name in (LAST, BEFORE):
            if (content := self.folder.read(name)) is None:
                continue
            try:
                state = unpack(content)
            except CheckpointError:
                damage.append(name)
                continue
            epoch, own = state[1]["epoch"], state[1]["best_epoch"]
            if epoch <= len(rows) and own in (best, epoch):
                return Resumable(state, rows[:epoch], tuple(damage))
        return Resumable(None, [], tuple(damage))

    def _best_epoch(self) -> int | None:
        """Which epoch the best weights are of, 0 where there are none, None where they are damaged."""
        try:
            content = self.folder.read(BEST)
            return 0 if content is None else unpack(content)[1]["epoch"]
        except CheckpointError:
            return None

    def record(self, row: Row, run: Run) -> None:
        """Keep one epoch: its row first, then the checkpoint, so that a checkpoint never lacks its row."""
        self._require_mine()
        self._lines.append(sealed_line(row))
        self.folder.write(METRICS, "".join(self._lines).encode())
        if self.folder.has(LAST):
            self.folder.move(LAST, BEFORE)
        self.folder.write(LAST, pack(*run.state()))
        self._keep_best(run)

    def _keep_best(self, run: Run) -> None:
        """The best epoch's weights; also where a kill came between the last and the best checkpoint."""
        if run.epoch == run.best_epoch:
            tensors, facts = run.state()
            self.folder.write(BEST, pack(with_prefix(tensors, "model."), facts))

    def load_best(self, run: Run) -> None:
        """Put the best epoch's weights into the run's model."""
        try:
            run.model.load_state_dict(unpack(self._best())[0])
        except CheckpointError as error:
            raise damaged(self.folder, BEST, str(error), ANEW) from error

    def best_sha256(self) -> str:
        """Which weights the best epoch's are: the SHA-256 of their checkpoint."""
        return hashlib.sha256(self._best()).hexdigest()

    def _best(self) -> bytes:
        if (content := self.folder.read(BEST)) is None:
            raise FileNotFoundError(f"{self.folder.root} has no best checkpoint")
        return content

    def finish(self, predictions: pa.Table, result: Result, examples: Tensors | None = None) -> None:
        """Keep the predictions and examples, then the result."""
        self._require_mine()
        sink = pa.BufferOutputStream()
        pq.write_table(predictions, sink)
        content = sink.getvalue().to_pybytes()
        self.folder.write(PREDICTIONS, content)
        if examples:
            self.folder.write(EXAMPLES, pack(examples, {}))
        digest = hashlib.sha256(content).hexdigest()
        self.folder.write_json(DONE, sealed(result.kept(self.codes(), digest).facts()))

    def examples(self) -> Tensors:
        """What was kept to be looked at; empty where nothing was."""
        return read_tensors(self.folder, EXAMPLES, f"delete {DONE} beside it, and {EVALUATED}")[0]

    def predictions(self) -> pa.Table:
        """The stored predictions of a finished cell; raises DamagedError where they are not those it ended with."""
        content, done = self.folder.read(PREDICTIONS), self.done()
        if content is None or done is None:
            raise FileNotFoundError(f"{self.folder.root} has no predictions")
        if hashlib.sha256(content).hexdigest() != done.predictions_sha256:
            raise damaged(self.folder, PREDICTIONS, ALTERED, f"delete {DONE} beside it, and {EVALUATED}")
        return read_table(pa.BufferReader(content), name=f"{self.folder.root}/{PREDICTIONS}")

    def _require_mine(self) -> None:
        holder = self.attempt()
        if holder is None:
            raise Superseded(f"{self.folder.root} has been taken away")
        if holder["id"] != self._attempt:
            raise Superseded(f"{self.folder.root} is now worked on by pid {holder['pid']} on {holder['host']}")


RUN_AGAIN = "run the search again"
EVALUATED = f"{RUN_AGAIN}: the cell is evaluated again, or trained again where gc freed its checkpoints"
ANEW = f"delete the cell's folder, and {RUN_AGAIN} to train it from its first epoch"
