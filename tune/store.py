"""Folders on local disk or in a bucket, and in them the cells: the truth of a study.

Every file is written whole or not at all. A cell's folder holds

    config.json          the experiment, field by field, the data's hash and the protocol's version
    attempt.json         who works on it: an attempt that finds another's name there stops writing
    metrics.jsonl        one row an epoch
    last/, best/         checkpoints: to go on from, and the best epoch's weights
    predictions.parquet  one row a validation or test clip: split, id, person, label, logits
    examples.safetensors of frame predictors: a few test clips, and the frames predicted
    done.json            the result; written last
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
from contextlib import suppress
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fernn.checkpoint import CheckpointError, Tensors, pack, unpack
from fernn.train.loop import Row
from fernn.train.run import Run, with_prefix

LAST, BEST = "last/state.safetensors", "best/model.safetensors"
EXAMPLES = "examples.safetensors"
TEMPORARY = ".tmp-"


class Folder:
    """Files below one root, which is a path or the URL of a bucket (``s3://bucket/path``)."""

    def __init__(self, root: str) -> None:
        root = root if "://" in root else os.path.abspath(root)
        self._fs, self._path = fs.FileSystem.from_uri(root)
        self.is_local = isinstance(self._fs, fs.LocalFileSystem)
        self.root = self._path if self.is_local else root

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Another process opens it anew, with its own credentials."""
        return type(self), (self.root,)

    @property
    def name(self) -> str:
        """The last part of the root."""
        return self.root.rstrip("/").rpartition("/")[2]

    def __truediv__(self, name: str) -> Self:
        return type(self)(f"{self.root}/{name}")

    def read(self, name: str) -> bytes | None:
        """The file's content, or None where there is no such file."""
        try:
            with self._fs.open_input_stream(f"{self._path}/{name}") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write the file whole or not at all: to a temporary name first, then moved over the old one.

        A bucket shows an object when it is complete, and needs no temporary name.
        """
        path = f"{self._path}/{name}"
        if not self.is_local:
            with self._fs.open_output_stream(path) as stream:
                stream.write(content)
            return
        temporary = f"{path}{TEMPORARY}{uuid.uuid4().hex[:8]}"
        self._fs.create_dir(os.path.dirname(path), recursive=True)
        try:
            with self._fs.open_output_stream(temporary) as stream:
                stream.write(content)
            self._fs.move(temporary, path)
        except OSError:
            with suppress(OSError):
                self._fs.delete_file(temporary)
            raise

    def delete(self, name: str) -> None:
        """Remove the file."""
        self._fs.delete_file(f"{self._path}/{name}")

    def children(self, name: str) -> list[str]:
        """The names in a folder below this one, sorted; none where it does not exist."""
        selector = fs.FileSelector(f"{self._path}/{name}", allow_not_found=True)
        return sorted(info.base_name for info in self._fs.get_file_info(selector))

    def sweep(self) -> None:
        """Remove temporary files that a killed process left."""
        selector = fs.FileSelector(self._path, allow_not_found=True, recursive=True)
        for info in self._fs.get_file_info(selector):
            if TEMPORARY in info.base_name:
                with suppress(FileNotFoundError):  # its writer still lives, and has just moved it into place
                    self._fs.delete_file(info.path)

    def read_json(self, name: str) -> Any:
        """The parsed file, or None where there is no such file."""
        content = self.read(name)
        return None if content is None else json.loads(content)

    def write_json(self, name: str, value: Any) -> None:
        """Write ``value`` as indented JSON."""
        self.write(name, (json.dumps(value, indent=2) + "\n").encode())


class Superseded(RuntimeError):
    """Another attempt has taken the cell over; this one must not write any more."""


class CellFolder:
    """One cell's folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._rows: list[Row] = []
        self._attempt = ""

    def done(self) -> dict[str, Any] | None:
        """The result, or None while there is none."""
        return self.folder.read_json("done.json")

    def config(self) -> dict[str, Any] | None:
        """What the cell is, or None before it is planned."""
        return self.folder.read_json("config.json")

    def history(self) -> list[Row]:
        """One row an epoch, as far as recorded."""
        content = self.folder.read("metrics.jsonl") or b""
        return [json.loads(line) for line in content.splitlines()]

    def failure(self) -> str | None:
        """Why the last attempt ended without a result, or None where it did not say."""
        said = self.folder.read_json("failure.json")
        return None if said is None else said["reason"]

    def diverged(self) -> bool:
        """Whether the last attempt ended in a loss that is no number: another would, too."""
        said = self.folder.read_json("failure.json")
        return said is not None and said.get("diverged", True)

    def fail(self, reason: str, diverged: bool) -> None:
        """Say why this attempt ends without a result."""
        self._require_mine()
        self.folder.write_json("failure.json", {"reason": reason, "diverged": diverged})

    def stopped(self) -> str | None:
        """Why the cell was ended before its last epoch, or None where it was not."""
        said = self.folder.read_json("stopped.json")
        return None if said is None else said["reason"]

    def stop(self, reason: str) -> None:
        """Say why the cell ends before its last epoch; another attempt may still go on with it."""
        self.folder.write_json("stopped.json", {"reason": reason})

    def adopt(self, shorter: Self) -> None:
        """Take over what a cell with fewer epochs has, its last checkpoint at the end: training goes on from there."""
        for name in ("metrics.jsonl", BEST, LAST):
            if (content := shorter.folder.read(name)) is not None:
                self.folder.write(name, content)

    def plan(self, config: Mapping[str, Any]) -> None:
        """Say what the cell is, before its first attempt."""
        if self.config() is None:
            self.folder.write_json("config.json", dict(config))

    def take_over(self) -> None:
        """Make this attempt the one that may write."""
        self._attempt = uuid.uuid4().hex
        attempt = {
            "id": self._attempt,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": time.time(),
        }
        self.folder.write_json("attempt.json", attempt)
        self.folder.sweep()
        for name in ("failure.json", "stopped.json"):
            if self.folder.read(name) is not None:
                self.folder.delete(name)

    def begin(self, run: Run) -> None:
        """Take the cell over, if that is not done; put ``run`` where the last checkpoint stands, or leave it new."""
        if not self._attempt:
            self.take_over()
        if (content := self.folder.read(LAST)) is not None:
            run.load(*self._unpack(LAST, content))
            self._keep_best(run)
        self._rows = [row for row in self.history() if row["epoch"] <= run.epoch]

    def record(self, row: Row, run: Run) -> None:
        """Keep one epoch: its row first, then the checkpoint, so that a checkpoint never lacks its row."""
        self._require_mine()
        self._rows.append(row)
        lines = "".join(json.dumps(row) + "\n" for row in self._rows)
        self.folder.write("metrics.jsonl", lines.encode())
        self.folder.write(LAST, pack(*run.state()))
        self._keep_best(run)

    def _keep_best(self, run: Run) -> None:
        """The best epoch's weights; also where a kill came between the last and the best checkpoint."""
        if run.epoch == run.best_epoch:
            tensors, facts = run.state()
            self.folder.write(BEST, pack(with_prefix(tensors, "model."), facts))

    def load_best(self, run: Run) -> None:
        """Put the best epoch's weights into the run's model."""
        tensors, _ = self._unpack(BEST, self._best())
        run.model.load_state_dict(tensors)

    def best_sha256(self) -> str:
        """Which weights the best epoch's are: the SHA-256 of their checkpoint."""
        return hashlib.sha256(self._best()).hexdigest()

    def _best(self) -> bytes:
        content = self.folder.read(BEST)
        if content is None:
            raise FileNotFoundError(f"{self.folder.root} has no best checkpoint")
        return content

    def _unpack(self, name: str, content: bytes) -> tuple[Tensors, dict[str, Any]]:
        try:
            return unpack(content)
        except CheckpointError as error:
            path = f"{self.folder.root}/{name}"
            raise CheckpointError(f"{path}: {error}; delete the cell's folder to train it anew") from error

    def finish(self, predictions: pa.Table, result: Mapping[str, Any], examples: Tensors | None = None) -> None:
        """Keep the predictions and examples, then the result."""
        self._require_mine()
        sink = pa.BufferOutputStream()
        pq.write_table(predictions, sink)
        self.folder.write("predictions.parquet", sink.getvalue().to_pybytes())
        if examples:
            self.folder.write(EXAMPLES, pack(examples, {}))
        self.folder.write_json("done.json", dict(result))

    def examples(self) -> Tensors:
        """What was kept to be looked at; empty where nothing was."""
        content = self.folder.read(EXAMPLES)
        return {} if content is None else self._unpack(EXAMPLES, content)[0]

    def predictions(self) -> pa.Table:
        """The stored predictions of a finished cell."""
        content = self.folder.read("predictions.parquet")
        if content is None:
            raise FileNotFoundError(f"{self.folder.root} has no predictions")
        return pq.read_table(pa.BufferReader(content))

    def _require_mine(self) -> None:
        holder = self.folder.read_json("attempt.json")
        if holder["id"] != self._attempt:
            raise Superseded(f"{self.folder.root} is now worked on by pid {holder['pid']} on {holder['host']}")
