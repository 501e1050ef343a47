"""Which file of a folder a pose file means, and which mask belongs to which photograph.

Names come from other programs and other machines: paths are compared from their end, so that
`/home/me/scan/images/front/001.JPG` finds `front/001.jpg` below the folder that was given; two
cameras may number their pictures alike. Case, and the two ways to write an accent, do not matter
where the exact name is not there.
"""

import dataclasses
import itertools
import logging
import os
import pathlib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from jaxrelic.data import picture_files
from jaxrelic.data.pose_files.records import PhotographPose, PoseFile
from jaxrelic.errors import UserError

logger = logging.getLogger(__name__)

MAX_DEPTH = 4
"""Folders below the one that was given in which pictures are looked for."""

MIN_MATCHED = 0.5
"""Where fewer of the photographs and fewer of the poses find one another, they are of two sets."""

_NAMED = 5
"""Names in a message; the others are counted."""

_MASK_ENDINGS = ("_mask", ".mask", "-mask", "_matte")
"""What programs put behind a photograph's name to call its mask."""

_NO_PHOTOGRAPHS = {"mask", "masks", "depth", "depths", "depth_maps", "normals", "stereo"}
"""Folders whose pictures are photographs only if a pose file says so."""

Form = Callable[[str], str]
"""How a name is written for comparing."""

_Place = tuple[pathlib.Path, tuple[str, ...]]
"""A file and the folders that it is in."""


def match(folder: pathlib.Path, poses: PoseFile) -> list[tuple[pathlib.Path, PhotographPose]]:
    """Photographs and their poses, in the order of the paths; leftovers of both are warned of."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give the folder with the photographs")
    tree = Tree.of_photographs(folder, poses)
    pairs: dict[pathlib.Path, PhotographPose] = {}
    without_photograph = []
    for pose in poses.poses:
        path = tree.find(pose.name)
        if path is None:
            without_photograph.append(pose.name)
        elif path in pairs:
            raise UserError(
                f"{poses.path}: {pairs[path].name} and {pose.name} are both a pose of {path}; "
                "keep one"
            )
        else:
            pairs[path] = pose
    left_out = [str(path) for path in _without_pose(tree, pairs, poses)]
    _check_matches(folder, poses, len(pairs), left_out, without_photograph)
    return sorted(pairs.items(), key=lambda pair: pair[0])


def _without_pose(
    tree: "Tree", pairs: dict[pathlib.Path, PhotographPose], poses: PoseFile
) -> list[pathlib.Path]:
    """Pictures beside the photographs that are neither posed nor named as masks or depth maps."""
    beside = {path.parent for path in pairs} or {path.parent for path in tree.files}
    named = [name for pose in poses.poses for name in (pose.mask_name, pose.depth_name) if name]
    others = {_parts(name)[-1] for name in named if _parts(name)}
    return [
        path
        for path in tree.files
        if path not in pairs and path.parent in beside and path.name not in others
    ]


def masks_of(
    photographs: Sequence[pathlib.Path], folder: pathlib.Path, masks: pathlib.Path
) -> list[pathlib.Path]:
    """The mask of each photograph, by its path below the folder; every photograph needs one."""
    if not masks.is_dir():
        raise UserError(f"{masks} is not a folder; give one mask per photograph with --masks")
    tree = Tree(masks, pictures_below(masks))
    found = []
    for path in photographs:
        relative = path.relative_to(folder) if path.is_relative_to(folder) else path
        found.append(tree.find(relative.as_posix(), MASKS))
    missing = [str(path) for path, mask in zip(photographs, found, strict=True) if mask is None]
    if missing:
        raise UserError(
            f"{masks} has no mask of {some(missing)}; masks are called as their photographs are, "
            "photo.png or photo.jpg.png for photo.jpg, and lie in like folders"
        )
    _check_shared(photographs, found)
    return [mask for mask in found if mask is not None]


def _check_shared(
    photographs: Sequence[pathlib.Path], masks: Sequence[pathlib.Path | None]
) -> None:
    """Two photographs of one name in two folders must not get one mask."""
    of: dict[pathlib.Path | None, pathlib.Path] = {}
    for path, mask in zip(photographs, masks, strict=True):
        if mask in of:
            raise UserError(
                f"mask {mask} would be that of {of[mask]} and of {path}; put masks in folders like "
                "those of the photographs"
            )
        of[mask] = path


def named_mask(pose: PhotographPose, poses: PoseFile, folder: pathlib.Path) -> pathlib.Path | None:
    """The mask that the pose file names for a photograph: beside it, or beside the photographs.

    Of a path of another machine the end is looked for, with one folder at least.
    """
    parts = _parts(pose.mask_name or "")
    base = poses.path if poses.path.is_dir() else poses.path.parent
    for count in range(len(parts), min(1, len(parts) - 1), -1):
        for root in (base, folder, folder.parent):
            path = root.joinpath(*parts[-count:])
            if path.is_file() and picture_files.is_picture(path):
                return path
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """When two paths are of one thing."""

    wanted: Form
    """Of the last part of the path that is looked for."""
    there: Form
    """Of the name of a file."""
    folder: Form
    """Of folders, in both."""


class Tree:
    """Pictures below a folder, found by the end of a path."""

    def __init__(self, folder: pathlib.Path, files: Iterable[pathlib.Path]):
        """Args: the folder, and the files in it that count."""
        self.folder, self.files = folder, list(files)
        self._by: dict[Rule, dict[str, list[_Place]]] = {}

    @classmethod
    def of_photographs(cls, folder: pathlib.Path, poses: PoseFile) -> Self:
        """The pictures of a folder, or of its part where the format keeps its photographs."""
        here = folder.resolve()
        for inside in poses.folders:
            place = inside.resolve()
            if place != here and place.is_relative_to(here):
                return cls(folder, pictures_below(folder / place.relative_to(here)))
        return cls(folder, pictures_below(folder))

    def find(self, name: str, rules: Sequence[Rule] | None = None) -> pathlib.Path | None:
        """The file that a path means: by its name, then by its stem; None if there is none.

        Of files of one name the one that shares most folders with the path is taken, then the one
        that is least deep.
        """
        *folders, last = _parts(name) or ("",)
        for rule in rules or PHOTOGRAPHS:
            files = self._index(rule).get(rule.wanted(last), [])
            if files:
                return _nearest(files, [rule.folder(part) for part in folders], name)
        return None

    def _index(self, rule: Rule) -> dict[str, list[_Place]]:
        """Files by their names, with the folders that they are in."""
        if rule not in self._by:
            index: dict[str, list[_Place]] = {}
            for path in self.files:
                *folders, name = path.relative_to(self.folder).parts
                index.setdefault(rule.there(name), []).append(
                    (path, tuple(rule.folder(part) for part in folders))
                )
            self._by[rule] = index
        return self._by[rule]


def _nearest(files: list[_Place], folders: list[str], name: str) -> pathlib.Path:
    ranks = [(-_common(folders, there), _is_beside(there), len(there)) for _, there in files]
    best = [str(path) for (path, _), rank in zip(files, ranks, strict=True) if rank == min(ranks)]
    if len(best) > 1:
        raise UserError(f"{some(best)} may all be {name}; keep one of them")
    return pathlib.Path(best[0])


def _is_beside(folders: Sequence[str]) -> bool:
    """Whether folders hold what programs put beside photographs, under the same names."""
    return any(_alike(folder) in _NO_PHOTOGRAPHS for folder in folders)


def pictures_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """Pictures of a folder and of those below it, in the order of their paths; no hidden ones."""
    found = []
    for root, folders, files in os.walk(folder, followlinks=True):
        depth = len(pathlib.Path(root).relative_to(folder).parts)
        folders[:] = [] if depth == MAX_DEPTH else [name for name in folders if name[0] != "."]
        paths = [pathlib.Path(root) / name for name in files if name[0] != "."]
        found += [path for path in paths if picture_files.is_picture(path)]
    return sorted(found)


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "none") + more


def _check_matches(
    folder: pathlib.Path,
    poses: PoseFile,
    matched: int,
    without_pose: list[str],
    without_photograph: list[str],
) -> None:
    """Leftovers on one side are worth a warning; mostly leftovers on both are of another set."""
    total = matched + len(without_pose)
    if not total:
        suffixes = ", ".join(picture_files.SUFFIXES)
        raise UserError(f"{folder} has no photographs ({suffixes}); give another folder")
    few = matched < MIN_MATCHED * total and matched < MIN_MATCHED * len(poses.poses)
    if few or not matched:
        raise UserError(
            f"{poses.path}: poses and photographs do not belong together: {matched} of {total} "
            f"photographs in {folder} have a pose; without: {some(without_pose)}; poses "
            f"without photograph: {some(without_photograph)}; give the pose file of this folder"
        )
    if without_pose:
        logger.warning(
            "%s has no pose of %d of %d photographs, which are left out: %s",
            poses.path,
            len(without_pose),
            total,
            some(without_pose),
        )
    if without_photograph:
        logger.warning(
            "%s has %d poses without a photograph in %s: %s",
            poses.path,
            len(without_photograph),
            folder,
            some(without_photograph),
        )


def _parts(name: str) -> tuple[str, ...]:
    """Parts of a path of any system; as ends are compared, none leads out of the folder."""
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _common(wanted: Sequence[str], there: Sequence[str]) -> int:
    """How many folders two paths share at their ends."""
    pairs = zip(reversed(wanted), reversed(there), strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _exact(name: str) -> str:
    return name


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _stem(name: str) -> str:
    """A name without the suffix of a picture; it may have other dots."""
    path = pathlib.PurePosixPath(name)
    return path.stem if path.suffix.lower() in picture_files.SUFFIXES else name


def _mask_stem(name: str) -> str:
    stem = _stem(name)
    ending = next((e for e in _MASK_ENDINGS if stem.lower().endswith(e)), "")
    return stem[: len(stem) - len(ending)]


PHOTOGRAPHS = (
    Rule(wanted=_exact, there=_exact, folder=_exact),
    Rule(wanted=_alike, there=_alike, folder=_alike),
    Rule(wanted=_exact, there=_stem, folder=_exact),
    Rule(wanted=_stem, there=_stem, folder=_exact),
    Rule(
        wanted=lambda name: _alike(_stem(name)),
        there=lambda name: _alike(_stem(name)),
        folder=_alike,
    ),
)
"""How a pose file names a photograph: in full, or without its suffix."""

MASKS = (
    Rule(wanted=_exact, there=_stem, folder=_exact),
    Rule(wanted=_stem, there=_mask_stem, folder=_exact),
    Rule(
        wanted=lambda name: _alike(_stem(name)),
        there=lambda name: _alike(_mask_stem(name)),
        folder=_alike,
    ),
)
"""How a mask is called after its photograph; the first is COLMAP's, photo.jpg.png."""
