"""Specification msrn H-F7. Two kinds of solids, all of M-SRN at work; JSON on stdout.

    python -m benchmarks.msrn_toy --workdir runs/toy

Draws boxes and cylinders, trains `configs/msrn_toy.py` on photographs without cameras, and measures
on photographs that training has not seen: new views of its objects (`views`), and objects that are
new (`objects`). Continues where it was stopped.

`mask_iou` compares the mask with the silhouette of the mesh from the camera that the network
believes in; its peers are the template from the best of its six cameras, and the mean mask of the
training photographs. `told_apart` is the share of codes whose nearest identity, of both kinds, is
one of their own kind. The filter is offered, as in training, the photographs of other objects that
look most alike: `kept` is the share that passes of those of the query's kind, `strangers_kept` of
those of the other kind, which training never offers; `kept_are_kin` is the share of kin in what
passes of both.
"""

import dataclasses
import functools
import json
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from configs import msrn_toy
from jaxrelic.data.archives.archive import WORLD_FROM_YUP, Entry, Shot, make_shot
from jaxrelic.data.fixtures import solids
from jaxrelic.data.image_sets import candidates, image_set, locate, pixel_features, prepare
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.models.msrn import neighbours
from jaxrelic.nn import feature_bank
from jaxrelic.rendering import overlap
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.rendering.views import render_silhouettes
from jaxrelic.saved import runs
from jaxrelic.train import loop

SIDE_PX = 64
SCALE = 0.55
"""Longest side of every solid, in world units."""
VIEWS = 12
"""Photographs of each object in training, once around; as many halfway between for `views`."""
POOL = 6
"""Candidates of either kind offered to the filter per query."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyBenchmark:
    """Where it runs and how long."""

    workdir: pathlib.Path
    """Folder for photographs and the run; one that holds a part of it is continued."""
    objects: int = 24
    """Objects of each kind in training; a third as many are held out."""
    steps: int = msrn_toy.STEPS
    """Training steps."""


class ToyArchive:
    """Boxes and cylinders seen from a ring of cameras, as an archive that can be prepared."""

    layout = "toy"
    root = pathlib.Path("toy")
    categories = ("box", "cylinder")
    splits = ("train", "val", "test")

    def __init__(self, objects: int):
        self._objects = objects

    def entries(self, split: str, category: str) -> list[Entry]:
        new = split == "test"
        seeds = range(self._objects, self._objects * 4 // 3) if new else range(self._objects)
        turn = 0.5 if split == "val" else 0.0
        return [
            Entry(
                image_id=f"{category}-{seed}/{view}",
                category=category,
                instance=f"{category}-{seed}",
                view=view,
                source=f"{category}-{seed}",
                key=(category, seed, 2 * np.pi * (view + turn) / VIEWS),
            )
            for seed in seeds
            for view in range(VIEWS)
        ]

    def read(self, entry: Entry) -> Shot:
        kind, seed, azimuth = entry.key
        solid = solids.make_solid(kind, seed)
        config = msrn_toy.get_config().model.pose
        pose = cameras.orbit(
            jnp.asarray(azimuth),
            jnp.deg2rad(config.elevation_deg),
            jnp.zeros(()),
            jnp.asarray([0.0, 0.0, config.distance]),
        )
        camera = cameras.Camera(pose, intrinsics())
        uv, depth = cameras.project(camera, jnp.asarray(SCALE * solid.vertices @ WORLD_FROM_YUP.T))
        rgb, mask = solids.picture(
            solid, np.asarray(uv), np.asarray(depth), height=SIDE_PX, width=SIDE_PX
        )
        return make_shot(rgb, mask, cam_from_world=np.asarray(pose), pixel_from_cam=intrinsics())

    def surface(self, entry: Entry, count: int) -> None:
        return None


def intrinsics() -> np.ndarray:
    return cameras.intrinsics(
        msrn_toy.get_config().model.pose.focal_widths * SIDE_PX, SIDE_PX, SIDE_PX
    )


def make_photographs(folder: pathlib.Path, objects: int) -> None:
    """The prepared folder and the candidates of its training split."""
    if locate.is_prepared(folder):
        return
    prepare.prepare(ToyArchive(objects), folder, prepare.Wanted(surfaces="none"))
    images = locate.open_images(folder, "train")
    indices, similarities = candidates.nearest_candidates(
        pixel_features.embed_pixels(images),
        images.category_indices(),
        images.instances(),
        same_instance=False,
    )
    found = candidates.Candidates(
        indices=indices,
        similarities=similarities,
        image_ids=images.image_ids(),
        features="pixels",
        same_instance=False,
    )
    path = candidates.candidates_path(folder, "train", "pixels", same_instance=False)
    candidates.write_candidates(path, found)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the network makes of a split."""

    mask_iou: np.ndarray
    template_iou: np.ndarray
    codes: np.ndarray
    kind: np.ndarray
    masks: np.ndarray
    alike: np.ndarray
    """Similarity of each pair of photographs by pixels; that of one object's is -inf."""


def look(model: MsrnPredictor, images: image_set.ImageSet) -> Seen:
    """Reconstructs every photograph, 32 at a time."""
    parts = []
    for start in range(0, len(images), 32):
        items = [images[i] for i in range(start, min(start + 32, len(images)))]
        masks = np.stack([item["mask"] for item in items]) / np.float32(255)
        side = model.preprocessing.image_size
        rgb = np.stack([item["image"] for item in items]) / np.float32(255)
        small = jax.image.resize(rgb, (len(rgb), side, side, 3), "linear", antialias=True)
        parts.append((*_compare(model, small, masks), masks))
    ious, template_ious, codes, masks = map(np.concatenate, zip(*parts, strict=True))
    features, instances = pixel_features.embed_pixels(images), np.array(images.instances())
    same = instances[:, None] == instances[None]
    alike = np.where(same, -np.inf, features @ features.T)
    return Seen(ious, template_ious, codes, images.category_indices(), masks, alike)


def _compare(
    model: MsrnPredictor, images: jax.Array, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """IoU of the mesh, best IoU of the template, and shape codes."""
    output = model.predict(images)
    best = jnp.argmax(output.pose_logits, axis=-1)[:, None, None, None]
    chosen = jnp.take_along_axis(output.cam_from_world, best, axis=1)
    draw = functools.partial(_silhouettes, model.template.faces)
    ours = overlap.mask_iou(draw(output.vertices, chosen)[:, 0], masks)
    standing = jnp.broadcast_to(model.template.vertices, output.vertices.shape)
    template = draw(standing, output.cam_from_world)
    theirs = overlap.mask_iou(template, np.repeat(masks[:, None], template.shape[1], axis=1))
    return np.asarray(ours), np.asarray(theirs).max(axis=1), np.asarray(output.shape_code)


@jax.jit
def _silhouettes(faces: jax.Array, vertices: jax.Array, cam_from_world: jax.Array) -> jax.Array:
    shape = (*cam_from_world.shape[:2], 3, 3)
    views = cameras.Camera(cam_from_world, jnp.broadcast_to(intrinsics(), shape))
    mesh = meshes.Mesh(vertices=vertices, faces=faces)
    sharp = RasterSettings(sigma=1e-5)
    return render_silhouettes(mesh, views, image_size=SIDE_PX, settings=sharp)


def filter_report(model: MsrnPredictor, seen: Seen) -> dict[str, float]:
    """How codes compare with the identities that training left."""
    identities = model.variables["memory"]["shape"].identities
    centres = jnp.asarray(identities.centres)
    count = centres.shape[1]
    everything = identities.replace(
        centres=centres.reshape(1, -1, centres.shape[-1]), sizes=identities.sizes.reshape(1, -1)
    )
    nearest = feature_bank.identity(
        jnp.asarray(seen.codes), everything, jnp.zeros(len(seen.codes), jnp.int32)
    )
    same_kind = seen.kind[:, None] == seen.kind[None]
    pool = [
        np.argsort(-np.where(offered, seen.alike, -np.inf), axis=1)[:, :POOL]
        for offered in (same_kind, ~same_kind)
    ]
    kin, strangers = (
        np.asarray(
            neighbours.filtered(
                jnp.asarray(seen.codes),
                jnp.asarray(seen.codes[indices]),
                identities,
                jnp.asarray(seen.kind),
                jnp.ones(indices.shape, bool),
            )
        )
        for indices in pool
    )
    return {
        "told_apart": float(np.mean(np.asarray(nearest) // count == seen.kind)),
        "kept": float(kin.mean()),
        "strangers_kept": float(strangers.mean()),
        "kept_are_kin": float(kin.sum() / max(kin.sum() + strangers.sum(), 1)),
    }


def split_report(model: MsrnPredictor, seen: Seen, mean_mask: np.ndarray) -> dict[str, Any]:
    guess = np.broadcast_to(mean_mask, seen.masks.shape)
    by_kind = {
        name: float(seen.mask_iou[seen.kind == i].mean())
        for i, name in enumerate(ToyArchive.categories)
    }
    return {
        "photographs": len(seen.kind),
        "mask_iou": float(seen.mask_iou.mean()),
        "mask_iou_by_kind": by_kind,
        "peer_template_iou": float(seen.template_iou.mean()),
        "peer_mean_mask_iou": float(np.mean(overlap.mask_iou(guess, seen.masks))),
        "filter": filter_report(model, seen),
    }


def main(settings: ToyBenchmark) -> None:
    photographs, run = settings.workdir / "photographs", settings.workdir / "run"
    make_photographs(photographs, settings.objects)
    plain = msrn_toy.get_config()
    data = dataclasses.replace(plain.task.data, path=str(photographs))
    task = dataclasses.replace(plain.task, data=data)
    experiment = dataclasses.replace(plain, task=task, steps=settings.steps)
    cpu, wall = time.process_time(), time.perf_counter()
    loop.train(experiment, run, devices=jax.local_devices()[:1])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    model = runs.open_run(run)[0]
    seen = {
        name: look(model, locate.open_images(photographs, split))
        for name, split in {"training": "train", "views": "val", "objects": "test"}.items()
    }
    mean_mask = seen["training"].masks.mean(axis=0)
    report = {
        "benchmark": "M-SRN on boxes and cylinders",
        "backend": jax.default_backend(),
        "settings": {**dataclasses.asdict(settings), "workdir": str(settings.workdir)},
        "train_cpu_s": cpu,
        "train_wall_s": wall,
        **{name: split_report(model, found, mean_mask) for name, found in seen.items()},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(tyro.cli(ToyBenchmark))
