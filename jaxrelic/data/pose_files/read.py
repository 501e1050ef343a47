"""Opens any pose file; its type is read from its content, never from its name."""

import json
import pathlib

from jaxrelic.data.pose_files import colmap, metashape, nerfstudio, ours, polycam, realityscan
from jaxrelic.data.pose_files.records import PoseFile, read_text
from jaxrelic.errors import UserError

MAX_BYTES = 256 * 2**20
"""A larger file is no list of poses."""

TRANSFORMS = "transforms.json"
"""What nerfstudio and others call their pose file in the folder of a set."""

FORMATS = (
    f"JSON of schema {ours.SCHEMA}, One-2-3-45 JSON (`c2ws`), transforms.json (`frames`) of "
    "nerfstudio, NeRF or instant-ngp, COLMAP's folder (a project, or a model: cameras and images, "
    ".txt or .bin), Polycam's keyframes, Metashape's cameras.xml, or RealityScan's CSV or XMP"
)


def read(path: pathlib.Path, photographs: pathlib.Path | None = None) -> PoseFile:
    """The poses of a file or of a COLMAP folder.

    Args:
        path: File, or folder of COLMAP.
        photographs: Folder of the photographs; a project of COLMAP has models for several.

    Example:
        >>> import tempfile
        >>> matrix = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]
        >>> frame = {"file_path": "a.png", "transform_matrix": matrix}
        >>> transforms = {"fl_x": 280, "w": 256, "h": 256, "frames": [frame]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "transforms.json"
        ...     _ = path.write_text(json.dumps(transforms))
        ...     poses = read(path)
        >>> poses.format, poses.poses[0].name, poses.poses[0].cam_from_world[2].tolist()
        ('nerfstudio transforms.json', 'a.png', [0.0, 0.0, -1.0, 2.0])
    """
    if path.is_dir():
        return _of_folder(path, photographs)
    if not path.is_file():
        raise UserError(f"pose file {path}: no such file; give {FORMATS}")
    if colmap.is_file(path):
        return colmap.read(path.parent)
    if metashape.is_xml(path):
        return _with_poses(metashape.read(path))
    if realityscan.is_csv(path):
        return _with_poses(realityscan.read_csv(path))
    content = _read_json(path)
    try:
        if "c2ws" in content:
            poses = ours.from_one2345(path, content)
        elif "frames" in content:
            poses = nerfstudio.from_transforms(path, content)
        elif "schema" in content:
            poses = ours.from_schema(path, content)
        else:
            keys = ", ".join(list(map(str, content))[:5]) or "nothing"
            raise ValueError(f"its keys ({keys}) are those of no known format; give {FORMATS}")
        if not poses.poses:
            raise ValueError("it has no poses; give one per photograph")
    except KeyError as error:
        raise UserError(f"pose file {path}: there is no {error}; add it") from error
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise UserError(f"pose file {path}: {error}") from error
    return poses


def _of_folder(folder: pathlib.Path, photographs: pathlib.Path | None) -> PoseFile:
    """The poses of an export that is a folder; COLMAP's reader says what is missing in others."""
    if (folder / TRANSFORMS).is_file():
        return read(folder / TRANSFORMS)
    if keyframes := polycam.find(folder):
        return _with_poses(polycam.read(keyframes))
    if files := realityscan.find_xmp(folder):
        return realityscan.read_xmp(folder, files)
    return colmap.read(folder, photographs)


def _with_poses(poses: PoseFile) -> PoseFile:
    if not poses.poses:
        raise UserError(f"pose file {poses.path} places no photograph; align them, export again")
    return poses


def _read_json(path: pathlib.Path) -> dict:
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"pose file {path} has more than {MAX_BYTES >> 20} MiB; give {FORMATS}")
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"pose file {path} is not JSON ({error}); give {FORMATS}") from error
    if not isinstance(content, dict):
        raise UserError(f"pose file {path} is not a JSON object; give {FORMATS}")
    return content
