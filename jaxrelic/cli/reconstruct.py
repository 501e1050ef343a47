"""Turn one photograph into a textured GLB, or a folder of posed photographs into a mesh.

jaxrelic reconstruct photo.jpg -o relic.glb
jaxrelic reconstruct photo.jpg --model RUN -o relic.glb
jaxrelic reconstruct --views folder --poses poses.json --model RUN -o relic.glb
"""

import dataclasses
import logging
import pathlib
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from jaxrelic.errors import UserError
from jaxrelic.geometry.directions import Up

logger = logging.getLogger(__name__)

OF_RELIEF = ("symmetry", "elevation_deg")
OF_FILE = ("height_cm", "credit")
OF_PHOTO = ("method", "mask", "previews", "overlay", "icosphere_level", *OF_RELIEF, *OF_FILE)
OF_VIEWS = ("poses", "masks", "up", "upright", "front", "max_views", "resolution", "texture")
"""Options that another way of reconstructing does not have."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReconstructArguments:
    """The photographs, the model, and where the results go."""

    photo: tyro.conf.Positional[pathlib.Path | None] = None
    """Picture of one object (PNG, JPEG, WebP, TIFF, BMP, AVIF, or HEIC where pillow-heif is
    installed; at least 16 px a side)."""
    model: pathlib.Path | None = None
    """Export, or folder of a run. By default the relief network that travels with the install."""
    method: Literal["network", "inflation"] = "network"
    """How depth is found. inflation: from the outline alone, without any network."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """File to write: GLB; with --views also PLY or OBJ."""
    mask: pathlib.Path | None = None
    """Picture of the photograph's size, white on the object. By default the photograph's
    transparency is used, or the object is found automatically."""
    symmetry: Literal["none", "revolution"] = "none"
    """Symmetry of the object, for reliefs. revolution: a vessel turned on a wheel; parts that stick
    out, such as a handle, stay thin."""
    elevation_deg: float | None = None
    """Angle at which the camera looked down at the object, in degrees, for reliefs; the object is
    turned upright by the same angle. By default the network estimates it."""
    height_cm: float | None = None
    """Height of the object, in centimetres: the file has its true size in metres. By default its
    longest side is 0.8."""
    credit: str = ""
    """Credit line for the file, such as the maker and the licence of the photograph."""
    views: pathlib.Path | None = None
    """Folder of photographs of one object from all around, for a model of posed photographs."""
    poses: pathlib.Path | None = None
    """Camera poses of the photographs: JSON of our schema or of One-2-3-45, transforms.json of
    nerfstudio, instant-ngp or NeRF, a folder of COLMAP (a project, or a model as text or binary),
    Polycam's keyframes, Metashape's cameras.xml, or RealityScan's CSV or folder of XMP files."""
    masks: pathlib.Path | None = None
    """Folder with a mask for every photograph, white on the object: photo.png or photo.jpg.png for
    photo.jpg, in like subfolders. By default the masks that the pose file names (mask_path) or
    transparency are used, or the object is found automatically."""
    up: Up = "auto"
    """Direction of the poses' world that is up. By default as the format of the poses defines it;
    for COLMAP, as most cameras were held."""
    upright: bool = False
    """Write the mesh upright, as viewers show it (y up). By default it has the very coordinates of
    the pose file, so that it lies on the same run's point cloud; NAME.placement.json beside it has
    the matrices."""
    front: str | None = None
    """Name of the photograph that shows the front: the object is put upright and turned about its
    vertical axis to face it. By default it is not turned."""
    max_views: int = 32
    """Largest number of photographs to use; if there are more, those from directions far apart."""
    resolution: int = 256
    """Points along each side of the grid on which the surface is found."""
    texture: bool = False
    """Colours in a texture rather than at the vertices."""
    segment_onnx: pathlib.Path | None = None
    """ONNX segmentation model, used when no mask is given: `u2net.onnx` or another of its
    interface."""
    foreground: pathlib.Path | None = None
    """Folder of a foreground run, which refines the mask that was found."""
    icosphere_level: int | None = None
    """Subdivisions of M-SRN's template mesh, 1 to 5. Higher is finer and may exceed the training
    value, because the deformation is a continuous function. Default: the training value."""
    previews: pathlib.Path | None = None
    """Folder for PNGs (input, mask, render, depth) and a turntable GIF."""
    overlay: pathlib.Path | None = None
    """PNG to write: the photograph with the mesh over it, and the outlines of both."""


def run(args: ReconstructArguments) -> int:
    """Writes the mesh and, if asked for, previews."""
    if (args.photo is None) == (args.views is None):
        raise UserError("give one photograph, or a folder of them with --views and --poses")
    if args.photo is None:
        _refuse(args, OF_PHOTO, "one photograph")
    else:
        _refuse(args, OF_VIEWS, "--views")
    return _from_photo(args, args.photo) if args.photo else _from_views(args, args.views)


def _refuse(args: ReconstructArguments, options: tuple[str, ...], kind: str) -> None:
    """Raises UserError if an option was given that would be ignored."""
    defaults = {field.name: field.default for field in dataclasses.fields(args)}
    for name in options:
        if getattr(args, name) != defaults[name]:
            raise UserError(f"--{name.replace('_', '-')} is an option of {kind}; leave it out")


def _from_photo(args: ReconstructArguments, path: pathlib.Path) -> int:
    from jaxrelic.mesh_files import glb_writer
    from jaxrelic.photos import photo

    if args.output.suffix.lower() != ".glb":
        raise UserError(f"{args.output} is no .glb file; name the output with -o NAME.glb")
    if args.model is not None:
        _refuse(args, ("method",), "photographs without --model")
    _check_outputs(args, path)
    if args.height_cm is not None and args.height_cm <= 0:
        raise UserError(f"--height-cm {args.height_cm}; give the object's height, above 0")
    # The photograph first: a bad one should not cost the time to load a model.
    picture = photo.read_photo(path, args.mask, find=_mask_finder(args))
    reconstruction = _reconstruct(args, picture)
    scale = _scale(reconstruction.mesh, args.height_cm)
    mesh = dataclasses.replace(reconstruction.mesh, vertices=scale * reconstruction.mesh.vertices)
    glb_writer.write_glb(mesh, args.output, credit=args.credit)
    print(args.output)
    if args.previews is not None:
        from jaxrelic.inference import previews

        previews.write(
            reconstruction,
            args.previews,
            photo_name=path.name,
            glb_name=args.output.name,
            glb_scale=scale,
        )
        print(args.previews)
    if args.overlay is not None:
        _overlay(reconstruction, args.overlay)
    return 0


def _check_outputs(args: ReconstructArguments, photo: pathlib.Path) -> None:
    """Raises if a result would take the place of what it is made from."""
    given = {path.resolve() for path in (photo, args.mask) if path is not None}
    for path in (args.output, args.overlay):
        if path is not None and path.resolve() in given:
            raise UserError(f"{path} is an input; give the result another name")


def _scale(mesh: Any, height_cm: float | None) -> float:
    """How much larger the file's mesh is than ours, in metres if a height is given."""
    if height_cm is None:
        return 1.0
    return height_cm / 100 / float(np.ptp(np.asarray(mesh.vertices)[:, 2]))


def _mask_finder(args: ReconstructArguments) -> Callable[[np.ndarray], np.ndarray]:
    """Function from a photograph to the mask of its object."""
    from jaxrelic.photos.masks import salient

    if args.segment_onnx is None and args.foreground is None:
        return salient.find
    from jaxrelic.saved import mask_finders

    return mask_finders.open_mask_finder(args.segment_onnx, args.foreground).find


def _overlay(reconstruction: Any, path: pathlib.Path) -> None:
    """The mesh over its photograph."""
    from jaxrelic.inference import overlay
    from jaxrelic.mesh_files import glb_writer
    from jaxrelic.viz import grids

    glb_writer.write_whole(path, grids.png_bytes(overlay.draw(reconstruction)))
    print(f"{path}: the mesh covers the mask with IoU {overlay.agreement(reconstruction):.3f}")


def _reconstruct(args: ReconstructArguments, picture: Any) -> Any:
    """What a network makes of a photograph, or its inflated outline."""
    from jaxrelic import shipped
    from jaxrelic.inference import relief
    from jaxrelic.inference.relief_predictor import ReliefPredictor
    from jaxrelic.saved import load

    settings = relief.ReliefSettings(symmetry=args.symmetry, elevation_deg=args.elevation_deg)
    if args.method == "inflation":
        _refuse(args, ("icosphere_level",), "M-SRN (--model)")
        logger.info("the outline is inflated: its sides and its back are guesses")
        return relief.reconstruct(picture, settings)
    model = load.load(args.model or shipped.RELIEF, role="one photograph into a mesh")
    if isinstance(model, ReliefPredictor):
        _refuse(args, ("icosphere_level",), "M-SRN (--model)")
        return model.reconstruct(picture, settings=settings)
    _refuse(args, OF_RELIEF, "reliefs, and this model is none")
    return model.at_level(args.icosphere_level).reconstruct(picture)


def _from_views(args: ReconstructArguments, folder: pathlib.Path) -> int:
    from jaxrelic.inference import placement_page, posed
    from jaxrelic.mesh_files import formats
    from jaxrelic.photos import checks
    from jaxrelic.saved import load

    formats.check_suffix(args.output)
    if args.model is None:
        raise UserError("posed photographs need a network: give --model")
    if args.poses is None:
        raise UserError(f"where were the photographs of {folder} taken from? give --poses FILE")
    if args.max_views < checks.MIN_VIEWS:
        raise UserError(f"--max-views {args.max_views}; the network compares two views or more")
    settings = _surface(args)
    model = load.load(args.model, role="posed views into a mesh")
    find = _mask_finder(args)
    result = posed.reconstruct(
        folder,
        args.poses,
        model,
        masks=args.masks,
        up=args.up,
        upright=args.upright,
        front=args.front,
        max_views=args.max_views,
        surface=settings,
        find=find,
    )
    in_poses = not args.upright and args.front is None
    formats.write(result.mesh, args.output, as_it_is=in_poses)
    page = placement_page.write(result, args.output, args.poses, as_it_is=in_poses)
    print(args.output)
    print(result.views.summary())
    print(f"the mesh {_where(args, result)}; {result.views.up_words()}; matrices in {page.name}")
    print(result.report.summary())
    return 0


def _where(args: ReconstructArguments, result: Any) -> str:
    """Which coordinates the mesh has."""
    if args.upright or args.front is not None:
        return "stands upright, y up"
    offset = result.poses_from_mesh[:3, 3]
    less = f" less {offset.tolist()}, too far for single precision" if offset.any() else ""
    return f"has the coordinates of {args.poses}{less}"


def _surface(args: ReconstructArguments):
    """Settings of the surface, checked before anything is loaded."""
    from jaxrelic.inference.surface import extract

    try:
        return extract.SurfaceSettings(
            resolution=args.resolution, colour="texture" if args.texture else "vertices"
        )
    except ValueError as error:
        raise UserError(f"--resolution {args.resolution}: {error}") from error
