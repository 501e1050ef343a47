"""Finds the notices that lie beside a model, in a folder or in an unpacked archive."""

import collections
import pathlib
from collections.abc import Iterable

from data_engine.ingest.statements import Stated, folders_of, is_notice, stated
from data_engine.ingest.suffixes import SUFFIXES


class Notices:
    """The notices of one folder or archive, by the folder they lie in."""

    def __init__(self, files: Iterable[tuple[str, pathlib.Path]]):
        """Takes the paths of all files, relative to the root, and where the content of each is."""
        self._notices: dict[str, list[tuple[str, pathlib.Path]]] = collections.defaultdict(list)
        self._models: collections.Counter[str] = collections.Counter()
        for file, content in sorted(files):
            path = pathlib.PurePosixPath(file)
            if is_notice(path.name):
                self._notices[path.parent.as_posix()].append((path.name, content))
            elif path.suffix.lower() in SUFFIXES:
                self._models.update(folders_of(file))

    def stated(self, file: str, content: pathlib.Path) -> Stated:
        """What a model says of itself, and what is said beside it.

        Args:
            file: Its path relative to the root.
            content: Where its content is.
        """
        folders = folders_of(file)
        beside = [notice for folder in folders for notice in self._notices[folder]]
        return stated(content, beside, alone=self._models[folders[-1]] <= 1)


def in_folder(root: pathlib.Path, models: Iterable[str]) -> Notices:
    """The notices beside the models of a folder; links that lead out of it are not followed."""
    models = list(models)
    folders = sorted({folder for file in models for folder in folders_of(file)})
    beside = [
        ((pathlib.PurePosixPath(folder) / path.name).as_posix(), path)
        for folder in folders
        for path in (root / folder).iterdir()
        if is_notice(path.name) and path.resolve().is_relative_to(root.resolve()) and path.is_file()
    ]
    return Notices([*beside, *((file, root / file) for file in models)])
