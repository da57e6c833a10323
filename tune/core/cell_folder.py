"""One cell on disk or in a bucket. These files are the study's only record; everything else is derived from them.

Every file is written whole or not at all. Training and tables use no file whose checksum is wrong.
A cell's folder holds

    config.json          the experiment, field by field, the data's hash and the protocol's version
    attempt.json         the process that works on it; an attempt that finds another id there stops writing
    codes.json           the code that trained it, by first epoch: ids of records in the study's folder code/
    machines.json        the machines on which its trials ran
    metrics.jsonl        one row an epoch, each with its own checksum
    last/, best/         checkpoints: the last epoch's and, should it be damaged, the one before; the best weights
    predictions.parquet  one row a validation or test clip: split, id, person, label, logits
    examples.safetensors of frame predictors: a few test clips, and the frames predicted
    done.json            the result, and the digest of the predictions; written last
    openings.jsonl       when the test clips were read, for what purpose, and with which weights
    failure.json         why the last attempt failed; stopped.json: why a scheduler or a person ended it early
"""

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from data.files import unsealed
from data.preparing.parquet import read_table
from fernn.files.checkpoint import CheckpointError, Tensors, pack, unpack
from fernn.train.loop import Row
from fernn.train.run import Run, with_prefix
from tune.core.folder import ENTRIES, UNREADABLE, Folder, sealed_line
from tune.core.result import Result

LAST, BEFORE, BEST = "last/state.safetensors", "last/before.safetensors", "best/model.safetensors"
METRICS, PREDICTIONS, DONE = "metrics.jsonl", "predictions.parquet", "done.json"
BY_HAND = "by_hand"
OPENINGS, EXAMPLES = "openings.jsonl", "examples.safetensors"
ATTEMPT, CODES, MACHINES = "attempt.json", "codes.json", "machines.json"


class Superseded(RuntimeError):
    """Another attempt has taken the cell over; this attempt must not write any more."""


@dataclass(frozen=True)
class Resumable:
    """The state from which a cell continues: a checkpoint or None, its rows, and the names of damaged files."""

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
        """The result, or None while there is none; raises DamagedError for a wrong checksum."""
        try:
            facts = self.folder.read_json(DONE)
            return None if facts is None else Result.of(unsealed(facts))
        except UNREADABLE as error:
            raise self.folder.damaged(DONE, f"delete it, and {EVALUATED}") from error

    def config(self) -> dict[str, Any] | None:
        """The cell's :meth:`tune.core.study.Cell.config`, or None before it is planned."""
        return self.folder.read_json("config.json")

    def history(self) -> list[Row]:
        """The recorded rows, one an epoch; raises DamagedError for a row with a wrong checksum."""
        return self.folder.read_rows(METRICS, RETRAIN)

    def openings(self) -> list[dict[str, Any]]:
        """One row for each time the test clips were read; raises DamagedError as :meth:`history` does."""
        return self.folder.read_rows(OPENINGS, "delete it: what was read is then no longer known")

    def log_opening(self, purpose: str) -> None:
        """Record that the test clips are about to be read with the best weights."""
        row = {"purpose": purpose, "at": time.time(), "host": socket.gethostname(), "weights": self.best_sha256()}
        self.folder.write(OPENINGS, "".join(map(sealed_line, [*self.openings(), row])).encode())

    def attempt(self) -> dict[str, Any] | None:
        """The last attempt's id, host, pid and start (seconds since 1970), or None before the first."""
        return self.folder.read_sealed(ATTEMPT, DELETE_IT, "id", "host", "pid", "started")

    def failure(self) -> str | None:
        """The recorded reason of the last attempt's failure, or None."""
        return self._read_reason("failure.json").get("reason")

    def diverged(self) -> bool:
        """Whether the last attempt ended with a loss that is not finite; another attempt would, too."""
        failure = self._read_reason("failure.json")
        return bool(failure) and failure.get("diverged", True)

    def failed_on(self) -> str:
        """The kind of GPU on which the last attempt failed; empty where kinds are not told apart."""
        return str(self._read_reason("failure.json").get("kind", ""))

    def fail(self, reason: str, diverged: bool, kind: str = "") -> None:
        """Record why this attempt ends without a result, and the kind of GPU that it was on, where that is known."""
        self._require_own_attempt()
        where = {"kind": kind} if kind else {}
        self.folder.write_sealed("failure.json", {"reason": reason, "diverged": diverged, **where})

    def stopped(self) -> str | None:
        """Why a scheduler or a person ended the cell before its last epoch, or None."""
        return self.stopped_early()[0]

    def stopped_early(self) -> tuple[str | None, bool]:
        """As :meth:`stopped`, and whether it was a person: that counts under any scheduler."""
        facts = self._read_reason("stopped.json")
        return facts.get("reason"), BY_HAND in facts

    def _read_reason(self, name: str) -> dict[str, Any]:
        return self.folder.read_sealed(name, DELETE_IT, "reason") or {}

    def stop(self, reason: str, by_hand: bool = False) -> None:
        """Record why the cell ends before its last epoch; a later attempt may still continue it."""
        self.folder.write_sealed("stopped.json", {"reason": reason, **({BY_HAND: True} if by_hand else {})})

    def resume(self) -> None:
        """Delete the record of a person's stop."""
        self.folder.delete("stopped.json")

    def copy_training(self, shorter: Self) -> None:
        """Copy the training of a cell with fewer epochs; its last checkpoint comes last, to continue from."""
        for name in (CODES, MACHINES, METRICS, BEST, LAST):
            if (content := shorter.folder.read(name)) is not None:
                self.folder.write(name, content)

    def plan(self, config: Mapping[str, Any]) -> None:
        """Write the cell's config, unless it is there."""
        if self.config() is None:
            self.folder.write_json("config.json", dict(config))

    def take_over(self) -> None:
        """Make this attempt the only one that may write; delete the last one's failure, and a scheduler's stop."""
        self._attempt = uuid.uuid4().hex
        attempt = {"id": self._attempt, "host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}
        self.folder.write_sealed(ATTEMPT, attempt)
        self.folder.sweep()
        for name in ("failure.json", "stopped.json"):
            if self.folder.has(name) and not (name == "stopped.json" and self.stopped_early()[1]):
                self.folder.delete(name)

    def begin(self, run: Run, code: str = "") -> None:
        """Take the cell over, and load its last checkpoint into ``run``, which stays as it is where there is none.

        ``code`` is the id of the code record that trains from there; empty where there is no record.
        """
        if not self._attempt:
            self.take_over()
        resumable = self.resumable()
        if resumable.state is not None:
            run.load(*resumable.state)
            self._write_best(run)
        if LAST in resumable.damage:
            self.folder.delete(LAST)
        self._lines = [sealed_line(row) for row in resumable.rows]
        self._record_code(code, run.epoch)

    def codes(self) -> list[dict[str, Any]]:
        """The code records that trained the cell, each from its ``first_epoch``; an unrecorded ``code`` is empty."""

        def parsed(entry: Any) -> dict[str, Any]:
            return {"first_epoch": int(entry["first_epoch"]), "code": str(entry["code"])}

        return self.folder.read_entries(CODES, parsed, DELETE_IT)

    def machines(self) -> list[dict[str, Any]]:
        """The machines on which the cell's trials ran, each once; empty where none was recorded."""
        return self.folder.read_entries(MACHINES, dict, DELETE_IT)

    def add_machine(self, machine: Mapping[str, Any]) -> None:
        """Record the machine of a trial."""
        machines = self.machines()
        if machine not in machines:
            self.folder.write_sealed(MACHINES, {ENTRIES: [*machines, dict(machine)]})

    def _record_code(self, code: str, epoch: int) -> None:
        """Record the code that trains the epochs after ``epoch``; entries of earlier epochs stay."""
        recorded = self.codes()
        entries = [entry for entry in recorded if entry["first_epoch"] <= epoch]
        if epoch and not entries:
            entries = [{"first_epoch": 1, "code": ""}]
        if not entries or entries[-1]["code"] != code:
            entries.append({"first_epoch": epoch + 1, "code": code})
        if entries != recorded:
            self.folder.write_sealed(CODES, {ENTRIES: entries})

    def has_checkpoint(self) -> bool:
        """Whether training can continue from a checkpoint."""
        return self.folder.has(LAST) or self.folder.has(BEFORE)

    def resumable(self) -> Resumable:
        """The newest whole checkpoint whose rows are all recorded: the last, the one before, or none."""
        rows, num_lines = self.folder.rows_before_damage(METRICS)
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
        """The epoch of the best weights, 0 where there are none, None where they are damaged."""
        try:
            content = self.folder.read(BEST)
            return 0 if content is None else unpack(content)[1]["epoch"]
        except CheckpointError:
            return None

    def record(self, row: Row, run: Run) -> None:
        """Write one epoch: its row first, then the checkpoint, so that every checkpoint has its row."""
        self._require_own_attempt()
        self._lines.append(sealed_line(row))
        self.folder.write(METRICS, "".join(self._lines).encode())
        if self.folder.has(LAST):
            self.folder.move(LAST, BEFORE)
        self.folder.write(LAST, pack(*run.state()))
        self._write_best(run)

    def _write_best(self, run: Run) -> None:
        """Write the weights if this is the best epoch; :meth:`begin` repeats it after a kill between two writes."""
        if run.epoch == run.best_epoch:
            tensors, facts = run.state()
            self.folder.write(BEST, pack(with_prefix(tensors, "model."), facts))

    def load_best(self, run: Run) -> None:
        """Load the best epoch's weights into the run's model; raises DamagedError, or FileNotFoundError for none."""
        try:
            run.model.load_state_dict(unpack(self._read_best())[0])
        except CheckpointError as error:
            raise self.folder.damaged(BEST, RETRAIN, str(error)) from error

    def best_sha256(self) -> str:
        """The SHA-256 of the best epoch's checkpoint."""
        return hashlib.sha256(self._read_best()).hexdigest()

    def _read_best(self) -> bytes:
        if (content := self.folder.read(BEST)) is None:
            raise FileNotFoundError(f"{self.folder.root} has no best checkpoint")
        return content

    def finish(self, predictions: pa.Table, result: Result, examples: Tensors | None = None) -> None:
        """Write the predictions and examples, then the result."""
        self._require_own_attempt()
        pq.write_table(predictions, sink := pa.BufferOutputStream())
        self.folder.write(PREDICTIONS, content := sink.getvalue().to_pybytes())
        if examples:
            self.folder.write(EXAMPLES, pack(examples, {}))
        digest = hashlib.sha256(content).hexdigest()
        result = replace(result, code=tuple(self.codes()), predictions_sha256=digest)
        self.folder.write_sealed(DONE, result.facts())

    def examples(self) -> Tensors:
        """Example clips and predicted frames by name; empty where none were stored."""
        return self.folder.read_tensors(EXAMPLES, DELETE_RESULT)[0]

    def predictions(self) -> pa.Table:
        """The stored predictions of a finished cell, one row a clip; raises DamagedError for another digest."""
        content, done = self.folder.read(PREDICTIONS), self.done()
        if content is None or done is None:
            raise FileNotFoundError(f"{self.folder.root} has no predictions")
        if hashlib.sha256(content).hexdigest() != done.predictions_sha256:
            raise self.folder.damaged(PREDICTIONS, DELETE_RESULT)
        return read_table(pa.BufferReader(content), name=f"{self.folder.root}/{PREDICTIONS}")

    def _require_own_attempt(self) -> None:
        attempt = self.attempt()
        if attempt is None:
            raise Superseded(f"{self.folder.root} has been taken away")
        if attempt["id"] != self._attempt:
            raise Superseded(f"{self.folder.root} is now worked on by pid {attempt['pid']} on {attempt['host']}")


RUN_AGAIN = "run the search again"
DELETE_IT = f"delete it, and {RUN_AGAIN}"
EVALUATED = f"{RUN_AGAIN}: the cell is evaluated again, or trained again where gc freed its checkpoints"
DELETE_RESULT = f"delete {DONE} beside it, and {EVALUATED}"
RETRAIN = f"delete the cell's folder, and {RUN_AGAIN} to train it from its first epoch"
