"""COLMAP's models, wherever they lie in a project: text or binary, sparse or undistorted.

COLMAP's world has no up.
"""

import logging
import pathlib
import struct

from jaxrelic.data.pose_files import colmap_binary, colmap_models, colmap_text
from jaxrelic.data.pose_files.records import PoseFile
from jaxrelic.errors import UserError

logger = logging.getLogger(__name__)

NAMES = ("cameras", "images", "rigs", "frames")
"""Files of a model that place cameras."""

SUFFIXES = (".bin", ".txt")

BELOW = (".", "sparse", "colmap/sparse", "distorted/sparse", "dense/sparse", "dense/0/sparse")
"""Where models lie below the folder of a project, the likeliest first."""


def is_file(path: pathlib.Path) -> bool:
    """Whether a file is one of a model."""
    return path.suffix in SUFFIXES and path.stem in NAMES and _suffix(path.parent) is not None


def read(folder: pathlib.Path, photographs: pathlib.Path | None = None) -> PoseFile:
    """Reads the model of a folder, or the one of a project's folder that places photographs.

    Args:
        folder: A model or a project.
        photographs: Folder of the photographs, which says whether the model of the photographs as
            they were taken is meant or that of the undistorted ones.
    """
    models = _models(folder, photographs)
    if not models:
        raise UserError(
            f"pose folder {folder} has no cameras.txt and images.txt, and no cameras.bin and "
            "images.bin; give the folder with COLMAP's model, such as sparse/0, or its project"
        )
    model = max(models, key=_count)
    if len(models) > 1:
        logger.warning(
            "%s has %d models of COLMAP, each in a world of its own; %s is used, which has the "
            "most photographs (%d); give another one's folder to use it",
            folder,
            len(models),
            model,
            _count(model),
        )
    _warn_of_undistorted(model, photographs)
    suffix = _suffix(model)
    reader = colmap_binary if suffix == ".bin" else colmap_text
    poses = colmap_models.poses(reader.read(model), model)
    if not poses:
        raise UserError(f"{model / 'images'}{suffix} has no images; COLMAP placed no photograph")
    return PoseFile(
        path=model,
        format=f"COLMAP {'binary' if suffix == '.bin' else 'text'} model",
        reading="world-to-camera, OpenCV axes",
        up=None,
        poses=poses,
        folders=_pictures(model),
    )


def _suffix(folder: pathlib.Path) -> str | None:
    """How the files of the model in a folder end; None if there is none."""
    for suffix in SUFFIXES:
        if all((folder / f"{name}{suffix}").is_file() for name in NAMES[:2]):
            return suffix
    return None


def _models(folder: pathlib.Path, photographs: pathlib.Path | None) -> list[pathlib.Path]:
    """Models that may be meant: those of the photographs, or of the first place that has any."""
    places = [_inside(folder / place) for place in BELOW]
    if photographs is not None:
        meant = photographs.resolve()
        of_these = [[m for m in models if meant in _pictures(m)] for models in places]
        places = [*of_these, *places]
    return next((models for models in places if models), [])


def _warn_of_undistorted(model: pathlib.Path, photographs: pathlib.Path | None) -> None:
    """A model of bent lenses and pictures without a bend go together nearly."""
    if photographs is None or photographs.resolve() in _pictures(model):
        return
    for project in model.resolve().parents[:3]:
        for other in _models(project, photographs):
            if photographs.resolve() in _pictures(other) and other.resolve() != model.resolve():
                logger.warning(
                    "%s places other pictures than those in %s, whose model is %s; give that one",
                    model,
                    photographs,
                    other,
                )
                return


def _inside(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folder if it is a model, else the models numbered 0, 1, 2 ... in it."""
    if _suffix(folder) or not folder.is_dir():
        return [folder] if _suffix(folder) else []
    return [path for path in sorted(folder.iterdir()) if path.name.isdigit() and _suffix(path)]


def _count(model: pathlib.Path) -> int:
    """About how many photographs a model has."""
    if _suffix(model) == ".bin":
        with (model / "images.bin").open("rb") as file:
            head = file.read(8)
        return struct.unpack("<Q", head)[0] if len(head) == 8 else 0
    return (model / "images.txt").read_bytes().count(b"\n") // 2


def _pictures(model: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Folders where COLMAP keeps the photographs of a model: beside `sparse`."""
    absolute = model.resolve()
    parents = [parent / "images" for parent in absolute.parents[:2]]
    return tuple(path for path in parents if path.is_dir())
