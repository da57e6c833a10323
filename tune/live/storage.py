"""The studies of a storage, each watched from the first time that somebody asks for it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tune.core.driver import driver_of
from tune.core.folder import Folder, check_storage_name
from tune.core.identity import STUDY_FILE
from tune.core.orders import Action, give_order, require_search
from tune.core.protocol import load_study
from tune.core.study import StudyError
from tune.live.watch import Watch


class Storage:
    """A folder or bucket with studies; raises StudyError where it is not there, ValueError for another name."""

    def __init__(self, root: str) -> None:
        check_storage_name(root)
        self.home = Folder(root)
        if not self.home.exists():
            raise StudyError(f"--storage must be a folder or bucket with studies, {self.home.root} is not there")
        self._watches: dict[str, Watch] = {}
        self._background = ThreadPoolExecutor(1, "findings")
        self._lock = threading.Lock()

    def names(self) -> dict[str, list[str]]:
        """The names of the studies, and of the other folders."""
        folders = self.home.folders()
        studies = [name for name in folders if (self.home / name).as_root().has(STUDY_FILE)]
        return {"studies": studies, "others": [name for name in folders if name not in studies]}

    def watch(self, name: str) -> Watch:
        """The study of that name, watched; raises StudyError for a name that is not a folder's in the storage."""
        with self._lock:
            if name not in self._watches:
                if name not in self.home.folders():
                    raise StudyError(f"no study {name!r} is in {self.home.root}")
                self._watches[name] = Watch((self.home / name).root, self._background)
            return self._watches[name]

    def warm(self) -> None:
        """Begin to read all studies, so that they open at once."""
        for name in self.names()["studies"]:
            self._background.submit(self.watch(name).document)

    def order(self, name: str, action: Action, cells: str) -> dict[str, Any]:
        """Write an order into the study's folder, for its driver or its next search; raises StudyError as a command."""
        watch = self.watch(name)
        study = load_study(Folder(watch.folder.root))
        require_search(study, action, cells, driver_of(study.folder))
        given = give_order(study, action, cells)
        watch.refresh()
        return {"study": study.name, "action": action, "cells": cells or None, "who": given.who, "text": given.text}

    def settled(self, name: str) -> dict[str, Any]:
        """The study's whole document, with its findings; raises StudyError with the first of its problems."""
        watch = self.watch(name)
        watch.document()
        self._background.submit(lambda: None).result()  # comes after the findings, on the one thread for them
        watch.refresh()
        if (found := watch.document())["problems"]:
            raise StudyError(found["problems"][0])
        return found

    def close(self) -> None:
        """Let go of what is not yet begun in the background."""
        self._background.shutdown(wait=False, cancel_futures=True)
