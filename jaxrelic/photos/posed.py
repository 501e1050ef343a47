"""Posed photographs as the network saw its training views, and the way back to their world.

Training has an object with its longest side 0.8 about the origin, z up, and cameras at 1.2 whose
pictures span 256 / 280 of the distance: 1.097 world units at the origin. So the world of the
photographs is moved, turned and scaled until the visual hull is like that object, and every
photograph is cropped to the square that spans 1.097 units around it. A camera farther than 1.2
keeps its distance and its perspective, and its pixels are as large on the object as in training.
"""

import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from jaxrelic.data import pose_files, posed_view
from jaxrelic.data.pose_files.records import PoseFile
from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, carving, image_crops, meshes
from jaxrelic.geometry.directions import Up, directions, farthest_first
from jaxrelic.geometry.registration import placement
from jaxrelic.photos import checks, inversion
from jaxrelic.photos.masks import salient
from jaxrelic.photos.outline_agreement import AGREES, FILLED, Agreement
from jaxrelic.photos.posed_folder import Folder, PosedPhotograph, read_folder

logger = logging.getLogger(__name__)

LONGEST_SIDE = 0.8
"""Longest side of the object's box in our world."""

TRAINING_DISTANCE = 1.2
"""Distance of the cameras in training, in world units."""

VIEW_SPAN = TRAINING_DISTANCE * 256 / 280
"""World units at the origin that the side of a training view spans."""

FINE_CELLS = 96
"""Cells along the longest side of the hull that is measured."""

MIN_COMMON_UP = 0.3
"""Length of the mean of the cameras' up directions from which it means something."""

MIN_SHARPNESS = 0.5
"""Pixels of a photograph per pixel of a view below which the view is called blurred."""

SAME_SHAPE = (2, 3, 4)
"""EXIF orientations that keep a picture's width and height, so that sizes do not tell them."""

FAR = 1e4
"""Distance of a world's origin, in sizes of the object, from which float32 spoils its surface."""

BETTER = 0.02
"""Overlap by which pictures turned upright must fit better to be turned."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PosedInput:
    """What a folder of posed photographs gives."""

    views: PosedViews
    """Views in our normalised world."""
    world_from_ours: np.ndarray
    """Similarity back to the world of the pose file, [4, 4] float64."""
    overlaps: dict[str, float]
    """Overlap of the visual hull of all photographs with the mask of each, by name."""
    up: np.ndarray
    """Direction of the poses' world that is up, [3]."""
    up_source: str
    """Who says so."""
    before_from_world: np.ndarray | None = None
    """From the poses' world to that of the program before, [4, 4], if the pose file says how."""

    def up_words(self) -> str:
        """Which axis is up, and who says so."""
        axis = int(np.argmax(np.abs(self.up)))
        name = f"{'-' if self.up[axis] < 0 else ''}{'xyz'[axis]}"
        if abs(self.up[axis]) < 1 - 1e-6:
            name = f"({', '.join(f'{x:.2f}' for x in self.up)}), nearest to {name}"
        return f"up is {name} ({self.up_source})"

    def summary(self) -> str:
        """One line."""
        worst = min(self.overlaps, key=self.overlaps.__getitem__)
        of = f" of {len(self.overlaps)}" if len(self.overlaps) > len(self.views) else ""
        size = LONGEST_SIDE * np.cbrt(np.linalg.det(self.world_from_ours[:3, :3]))
        distances = np.asarray(self.views.camera.cam_from_world)[:, 2, 3]
        return (
            f"{len(self.views)}{of} views, overlap with their visual hull "
            f"{self.overlaps[worst]:.3f} or more (worst: {worst}); the object is {size:.4g} units "
            f"of the poses long, cameras are {distances.min() / LONGEST_SIDE:.2f} to "
            f"{distances.max() / LONGEST_SIDE:.2f} times as far "
            f"({TRAINING_DISTANCE / LONGEST_SIDE:.2f} in training)"
        )


def read(
    folder: pathlib.Path,
    poses_path: pathlib.Path,
    *,
    image_size: int,
    masks: pathlib.Path | None = None,
    up: Up = "auto",
    max_views: int | None = None,
    find: Callable[[np.ndarray], np.ndarray] = salient.find,
) -> PosedInput:
    """Reads and checks posed photographs, and brings them into the network's world.

    Args:
        folder: With the photographs.
        poses_path: A file of any format that `data.pose_files` reads, or COLMAP's folder.
        image_size: Side of the views in pixels.
        masks: Folder with a mask of the same stem for every photograph; None takes a photograph's
            transparency, or finds its object.
        up: Direction of the poses' world that is up.
        max_views: Largest number of photographs to keep, from directions far apart; all
            of them say where the object is.
        find: How objects are found, from a photograph [h, w, 3] to coverage [h, w].
    """
    poses = pose_files.read(poses_path, folder)
    photographs, agreement = _checked(read_folder(folder, poses, masks=masks, find=find), poses)
    overlaps = agreement.overlaps(range(len(photographs)))
    found = {each.name: float(fit) for each, fit in zip(photographs, overlaps, strict=True)}
    upwards, up_source = up_direction(up, poses)
    turn = placement.shortest_turn(np.array([0.0, 0.0, 1.0]), upwards)
    world_from_ours = normalise(photographs, agreement, turn)
    kept = spread(photographs, agreement.centre, max_views)
    _warn_of_blur(kept, world_from_ours, image_size)
    views = [frame_view(each, world_from_ours, image_size) for each in kept]
    names = tuple(photograph.name for photograph in kept)
    camera = cameras.Camera(
        cam_from_world=np.stack([view.cam_from_world for view in views]),
        pixel_from_cam=np.stack([view.pixel_from_cam for view in views]),
    )
    rgba = np.stack([view.rgba for view in views])
    rgb = image_crops.over(rgba, image_crops.WHITE)
    return PosedInput(
        views=PosedViews(rgb=rgb, mask=np.clip(rgba[..., 3], 0, 1), camera=camera, names=names),
        world_from_ours=world_from_ours,
        overlaps=found,
        up=upwards,
        up_source=up_source,
        before_from_world=poses.before_from_world,
    )


def _checked(folder: Folder, poses: PoseFile) -> tuple[list[PosedPhotograph], Agreement]:
    """Photographs whose cameras and outlines belong together."""
    source = str(poses.path)
    photographs = folder.read()
    given = [each for each in photographs if each.mask_source != "automatic"]
    outlines = [each.outline for each in given]
    inversion.check_all([each.name for each in given], outlines, source=source)
    photographs = _oriented(folder, photographs, source)
    agreement = checks.check_outlines(
        [photograph.name for photograph in photographs],
        [photograph.outline for photograph in photographs],
        source=source,
        reading=poses.reading,
        unsized=all(pose.size is None and pose.angle_x is None for pose in poses.poses),
    )
    return photographs, agreement


def _oriented(
    folder: Folder, photographs: list[PosedPhotograph], source: str
) -> list[PosedPhotograph]:
    """The photographs upright, if their EXIF notes turn them and outlines agree better so."""
    noted = [each for each in photographs if each.note != 1]
    if not noted:
        return photographs
    stored = checks.fitness([each.outline for each in photographs])
    if stored >= AGREES and not any(each.note in SAME_SHAPE for each in noted):
        return photographs
    upright = folder.upright(photographs)
    fit = checks.fitness([each.outline for each in upright])
    if fit < FILLED or fit < stored + BETTER:
        return photographs
    logger.warning(
        "%s: %d pictures are stored turned (EXIF orientation %d in %s); the poses fit them upright "
        "(overlap %.2f, as stored %.2f), so they are turned",
        source,
        len(noted),
        noted[0].note,
        noted[0].name,
        fit,
        stored,
    )
    return upright


def spread(
    photographs: Sequence[PosedPhotograph], centre: np.ndarray, count: int | None
) -> list[PosedPhotograph]:
    """`count` photographs from directions far apart, in their order; None keeps all.

    The first, then always the one farthest from all that are chosen.
    """
    if count is None or len(photographs) <= count:
        return list(photographs)
    poses = np.stack([photograph.cam_from_world for photograph in photographs])
    chosen = itertools.islice(farthest_first(directions(poses, centre)), count)
    logger.info("%d of %d photographs are used; --max-views changes that", count, len(photographs))
    return [photographs[number] for number in sorted(chosen)]


def placed(mesh: meshes.Mesh, target_from_ours: np.ndarray) -> meshes.Mesh:
    """A mesh of our world moved by a similarity [4, 4]."""
    vertices = np.asarray(mesh.vertices, np.float64)
    moved = vertices @ target_from_ours[:3, :3].T + target_from_ours[:3, 3]
    return mesh.replace(vertices=moved)


def upright_from_ours(world_from_ours: np.ndarray, turn: np.ndarray | None = None) -> np.ndarray:
    """In the scale and place of the poses, z up, [4, 4].

    Poses with z up keep their axes; other worlds are turned the shortest way, about their origin.

    Args:
        world_from_ours: Similarity to the world of the poses.
        turn: Rotation [3, 3] about our z axis that comes first.
    """
    scale = np.cbrt(np.linalg.det(world_from_ours[:3, :3]))
    upright = np.eye(4)
    upright[:3, :3] = scale * (np.eye(3) if turn is None else turn)
    upright[:3, 3] = world_from_ours[:3, :3].T / scale @ world_from_ours[:3, 3]
    return upright


def far_offset(world_from_ours: np.ndarray) -> np.ndarray:
    """What to take from coordinates [3] so that mesh files, in single precision, can hold them.

    Zero but for worlds of surveyors, whose origin is thousands of objects away.
    """
    side = LONGEST_SIDE * np.cbrt(np.linalg.det(world_from_ours[:3, :3]))
    centre = world_from_ours[:3, 3]
    return np.round(centre) if np.abs(centre).max() > FAR * side else np.zeros(3)


def up_direction(up: Up, poses: PoseFile) -> tuple[np.ndarray, str]:
    """The direction of the poses' world that is up, [3], and who says so.

    COLMAP's world has none: people hold cameras upright, so the mean of the cameras' up directions
    is taken.
    """
    if up != "auto":
        return np.eye(3)["xyz".index(up[-1])] * (-1.0 if up[0] == "-" else 1.0), "as --up says"
    if poses.up is not None:
        return poses.up, f"the rule of {poses.format}"
    mean = -np.mean([pose.cam_from_world[1, :3] for pose in poses.poses], axis=0)
    length = float(np.linalg.norm(mean))
    if length < MIN_COMMON_UP:
        raise UserError(
            f"{poses.path}: the cameras have no common up (mean {length:.2f} of 1), and "
            f"a {poses.format} has none either; say which axis is up with --up z, --up -y, ..."
        )
    return mean / length, "as the cameras were held"


def normalise(
    photographs: Sequence[PosedPhotograph], agreement: Agreement, turn: np.ndarray
) -> np.ndarray:
    """world_from_ours [4, 4]: centre and longest side are those of the visual hull's box.

    The box is along our axes: `turn` [3, 3] takes directions of ours to the world. The hull found
    by the checks is coarse and generous; it is carved again from the masks as they are.
    """
    outlines = [photograph.outline for photograph in photographs]
    centre, half_sides = agreement.centre, np.full(3, np.sqrt(3) * agreement.half_side)
    for cells in (FINE_CELLS // 2, FINE_CELLS):
        cell = 2 * float(half_sides.max()) / cells
        points = turn.T @ centre + carving.grid(np.zeros(3), half_sides, cell)
        hull = points[carving.carve(outlines, points @ turn.T)]
        if not len(hull):
            raise UserError(
                f"nothing is left of the object when all masks are put together; it is thinner "
                f"than {cell:.3g} units of the poses: give larger masks"
            )
        low, high = hull.min(axis=0) - cell / 2, hull.max(axis=0) + cell / 2
        centre, half_sides = turn @ ((low + high) / 2), (high - low) / 2 + cell
    world_from_ours = np.eye(4)
    world_from_ours[:3, :3] = float(np.max(high - low)) / LONGEST_SIDE * turn
    world_from_ours[:3, 3] = centre
    return world_from_ours


def _square(
    photograph: PosedPhotograph, world_from_ours: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """cam_from_ours [4, 4], and the middle (x, y) and side in pixels of what a view shows."""
    cam_from_ours = photograph.cam_from_world @ world_from_ours
    # Similarity before the lens: distances shrink, pixels stay.
    cam_from_ours[:3] /= np.cbrt(np.linalg.det(cam_from_ours[:3, :3]))
    matrix, depth = photograph.pixel_from_cam, cam_from_ours[2, 3]
    focal = np.sqrt(matrix[0, 0] * matrix[1, 1])
    middle = (matrix @ (cam_from_ours[:3, 3] / depth))[:2]
    return cam_from_ours, middle, max(round(VIEW_SPAN * focal / depth), 1)


def _warn_of_blur(
    photographs: Sequence[PosedPhotograph], world_from_ours: np.ndarray, image_size: int
) -> None:
    """One line for all photographs that show the object smaller than the network sees it."""
    sides = [_square(each, world_from_ours)[2] for each in photographs]
    blurred = sum(side < MIN_SHARPNESS * image_size for side in sides)
    if blurred:
        worst = int(np.argmin(sides))
        logger.warning(
            "%s: the object spans %.0f px only, the network sees %d (%d of %d photographs are like "
            "this); go closer, or give larger photographs",
            photographs[worst].name,
            LONGEST_SIDE / VIEW_SPAN * sides[worst],
            image_size,
            blurred,
            len(photographs),
        )


def frame_view(
    photograph: PosedPhotograph, world_from_ours: np.ndarray, image_size: int
) -> posed_view.View:
    """The square of a photograph that a training view would show, with its camera in our world."""
    cam_from_ours, (x, y), side = _square(photograph, world_from_ours)
    height, width = photograph.rgba.shape[:2]
    view = posed_view.View(
        rgba=photograph.rgba.astype(np.float32),
        depth=np.zeros((height, width), np.float32),
        cam_from_world=np.float32(cam_from_ours),
        pixel_from_cam=np.float32(photograph.pixel_from_cam),
    )
    square = posed_view.crop(view, *image_crops.whole_square(x, y, side))
    return posed_view.resize(square, image_size)
