"""`data-engine photograph`: a larger picture of one relic from a camera no data set has."""

import dataclasses
import io
import pathlib
import tempfile
from typing import Annotated

import numpy as np
import tyro
from PIL import Image

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.schema import Relic
from data_engine.errors import Refusal, UserError
from data_engine.gltf.reader import load_geometry
from data_engine.rendering import exr
from data_engine.rendering.child import RelicFailedError, RenderChild, RenderLimits
from data_engine.rendering.framing import frame_relic
from data_engine.rendering.poses import PoseSet, from_angles
from data_engine.rendering.settings import RenderSettings
from data_engine.rights.contests import published
from data_engine.workspace import Workspace, write_atomically

BACKDROP = ((214, 214, 210), (186, 186, 182))
"""sRGB at the top and at the bottom: a grey paper backdrop, so the relic has to be found in it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photograph:
    """Photograph one relic before a grey backdrop, as a visitor with a camera would."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Picture to write (PNG)."""
    relic: str = ""
    """Relic, given by its uid; empty: the first relic of `--split` and `--category`."""
    split: str = "test"
    """Split to choose from: train, val or test."""
    category: str = ""
    """Category to choose from (vessel, figure, ...); empty: all."""
    azimuth_deg: float = 305.0
    """Direction of the camera about the vertical axis, in degrees; 270 sees the front."""
    elevation_deg: float = 18.0
    """Height of the camera above the horizon, in degrees."""
    size: int = 512
    """Width and height, in pixels."""
    samples: int = 32
    """Light paths per pixel."""
    blender_python: str = ""
    """Python interpreter that can `import bpy`; empty: the one that runs this command."""


def run(args: Photograph) -> None:
    """Writes the picture and says what it shows."""
    workspace = Workspace(args.workspace, create=False)
    with Catalog(workspace.catalog_path) as catalog:
        relic = choose_relic(catalog, args)
    if not relic.glb_sha256 or not workspace.blob_path(relic.glb_sha256).is_file():
        raise UserError(
            f"{relic.uid} ({relic.title}) is {relic.state} and has no GLB; name another --relic"
        )
    poses = from_angles([args.elevation_deg], [args.azimuth_deg]).scaled(args.size)
    # Lamps, as in a room: before this backdrop the dome would leave pale relics without contrast.
    settings = RenderSettings(size=args.size, samples=args.samples, noise=0.0, lighting="key_fill")
    try:
        rgba = shoot(
            workspace, relic, poses, settings, RenderLimits(blender_python=args.blender_python)
        )
    except (RelicFailedError, Refusal) as error:
        raise UserError(f"cannot photograph {relic.uid} ({relic.title}): {error}") from error
    picture = io.BytesIO()
    Image.fromarray(before_backdrop(rgba)).save(picture, "PNG")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output, picture.getvalue())
    credit = published(relic).attribution
    print(f"{args.output}: {relic.title} ({relic.split or 'no'} split), {credit}")


def choose_relic(catalog: Catalog, args: Photograph) -> Relic:
    """The relic asked for, or the first one of a split and category."""
    if args.relic:
        if args.relic in catalog:
            return catalog.get(args.relic)
        raise UserError(
            f"no relic {args.relic} in {catalog.path}; give the uid of one that is there"
        )
    relics = [
        relic
        for relic in catalog.relics("sharded")
        if relic.split == args.split and args.category in ("", relic.category)
    ]
    if relics:
        return relics[0]
    kind = f"relic of category '{args.category}'" if args.category else "relic"
    raise UserError(
        f"no {kind} in split '{args.split}' of {catalog.path}; run `data-engine shards` first, "
        "choose another --split or --category, or name a relic with --relic UID"
    )


def shoot(
    workspace: Workspace,
    relic: Relic,
    poses: PoseSet,
    settings: RenderSettings,
    limits: RenderLimits,
) -> np.ndarray:
    """Renders one view: RGBA [s, s, 4] uint8, straight alpha."""
    glb = workspace.blob_path(relic.glb_sha256)
    framing = frame_relic(
        load_geometry(glb).shown(), up_axis=relic.up_axis, poses=poses, mode=settings.framing
    )
    with tempfile.TemporaryDirectory(prefix="data-engine-photograph-") as folder:
        job = {
            "uid": relic.uid,
            "glb": str(glb),
            "world_from_gltf": framing.world_from_gltf().tolist(),
            "out": folder,
            "log": f"{folder}/blender.log",
        }
        child = RenderChild(settings, poses, limits)
        try:
            child.render(job, lambda index: None)
        finally:
            child.close()
        linear, _ = exr.read_exr(pathlib.Path(folder) / "0.exr")
    return exr.to_straight_srgb(linear)


def before_backdrop(rgba: np.ndarray) -> np.ndarray:
    """Composites [h, w, 4] uint8 over the backdrop; RGB [h, w, 3] uint8."""
    down = np.linspace(0, 1, len(rgba))[:, None, None]
    top, bottom = (np.float64(colour) for colour in BACKDROP)
    alpha = rgba[..., 3:] / 255
    over = alpha * rgba[..., :3] + (1 - alpha) * ((1 - down) * top + down * bottom)
    return np.rint(over).astype(np.uint8)
