"""Find the images that resemble each image of a data set, and store them with it."""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    import numpy as np

    from jaxrelic.data.image_sets.candidates import Candidates
    from jaxrelic.data.image_sets.image_set import ImageSet

Features = Literal["pixels", "clip", "dino", "run"]
"""What images are compared by."""

SHEET_QUERIES = 16
"""Rows of the contact sheet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighboursArguments:
    """The images to compare, the features to compare them by, and where the result goes."""

    data: tyro.conf.Positional[str]
    """Directory of `relic_images` shards, a prepared data set, or `synthetic`."""
    split: str = "train"
    """Split whose images are compared with one another."""
    features: Features = "pixels"
    """Features to compare. pixels: reduced outline and shading. clip, dino: a published image tower
    (--weights). run: the shape codes of a trained M-SRN (--run)."""
    weights: pathlib.Path | None = None
    """Checkpoint of the tower (.safetensors, .pt or .bin), for --features clip (OpenAI's layout or
    Hugging Face's) or dino (DINOv2, Hugging Face's). Nothing is downloaded."""
    run: pathlib.Path | None = None
    """Folder of a run or an export, for --features run."""
    count: int = 6
    """Neighbours per image."""
    same_instance: bool = False
    """Let other views of the same object be neighbours. They are mostly the nearest, which turns
    the neighbour loss into one over several views of an object."""
    views_per_object: int | None = None
    """Views of each object that may be neighbours; all by default."""
    from_csv: pathlib.Path | None = None
    """Table in ShapeClipper's format to take the neighbours from, instead of comparing images."""
    output: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """File to write; by default DATA/neighbours/SPLIT-FEATURES[-same].npz, where data.candidates
    finds it by that name."""
    csv: pathlib.Path | None = None
    """Table in ShapeClipper's format to write the neighbours to as well."""
    sheet: pathlib.Path | None = None
    """PNG to draw some images and their neighbours into, to look at."""


def run(args: NeighboursArguments) -> int:
    """Compares, writes, and says what was found."""
    from jaxrelic.data.image_sets import candidates, candidates_csv, locate
    from jaxrelic.errors import UserError
    from jaxrelic.viz import grids

    if args.count < 1:
        raise UserError(f"--count is {args.count}; set it to 1 or more")
    if args.output is not None and args.output.suffix != ".npz":
        raise UserError(f"{args.output} is no .npz file; name the output with -o NAME.npz")
    images = locate.open_images(args.data, args.split)
    if args.from_csv is not None:
        found = candidates_csv.import_csv(args.from_csv, images)
    else:
        found = _compute(args, images)
    output = args.output or candidates.candidates_path(
        _folder(args), args.split, found.features, same_instance=found.same_instance
    )
    candidates.write_candidates(output, found)
    print(_summary(found, images))
    print(output)
    if args.csv is not None:
        candidates_csv.export_csv(args.csv, found)
        print(args.csv)
    if args.sheet is not None:
        grids.write_bytes(args.sheet, grids.png_bytes(_draw(found, images)))
        print(args.sheet)
    return 0


def _folder(args: NeighboursArguments) -> pathlib.Path:
    """Where the data set is."""
    from jaxrelic.data.image_sets import image_set, locate
    from jaxrelic.errors import UserError

    if args.data == image_set.SYNTHETIC:
        raise UserError("synthetic images are stored nowhere; name the file to write with -o")
    return locate.data_set_folder(args.data)


def _compute(args: NeighboursArguments, images: "ImageSet") -> "Candidates":
    from jaxrelic.data.image_sets import candidates

    embeddings, features, weights = _embed(args, images)
    indices, similarities = candidates.nearest_candidates(
        embeddings,
        images.category_indices(),
        images.instances(),
        count=args.count,
        same_instance=args.same_instance,
        views_per_object=args.views_per_object,
    )
    return candidates.Candidates(
        indices=indices,
        similarities=similarities,
        image_ids=images.image_ids(),
        features=features,
        same_instance=args.same_instance,
        weights=weights,
    )


def _embed(args: NeighboursArguments, images: "ImageSet") -> tuple["np.ndarray", str, str]:
    """Embeddings [N, d], their name, and the digest of the weights they are from."""
    from jaxrelic.data.image_sets import pixel_features

    if args.features == "pixels":
        return pixel_features.embed_pixels(images), "pixels", ""
    if args.features == "run":
        return *_embed_by_run(args, images), ""
    return _embed_by_tower(args, images)


def _embed_by_run(args: NeighboursArguments, images: "ImageSet") -> tuple["np.ndarray", str]:
    from jaxrelic.errors import UserError
    from jaxrelic.inference import embed
    from jaxrelic.saved import load

    if args.run is None:
        raise UserError("--features run needs --run DIR, the folder of a run or an export")
    predictor = load.load(args.run, role="one photograph into a mesh")
    return embed.embed_by_run(images, predictor), f"run:{args.run.absolute().name}"


def _embed_by_tower(args: NeighboursArguments, images: "ImageSet") -> tuple["np.ndarray", str, str]:
    from jaxrelic import weights
    from jaxrelic.errors import UserError
    from jaxrelic.inference import embed

    if args.weights is None:
        raise UserError(
            f"--features {args.features} needs --weights FILE, a published checkpoint; without one "
            "use --features pixels"
        )
    by_tower = {"clip": embed.embed_by_clip, "dino": embed.embed_by_dino}[args.features]
    embeddings, name = by_tower(images, args.weights)
    return embeddings, name, weights.digest(args.weights)


def _summary(found: "Candidates", images: "ImageSet") -> str:
    """Counts that tell whether the neighbours are of use."""
    from jaxrelic.data.image_sets import candidates, candidates_csv

    count = found.indices.shape[1]
    known = found.indices != candidates.NONE
    same = candidates_csv.shows_same_instance(found.indices, images.instances())
    few, total = int((known.sum(axis=1) < count).sum()), max(int(known.sum()), 1)
    lines = [
        f"{len(known)} images, {count} neighbours each by {found.features}, of one category",
        f"{few} images ({few / len(known):.1%}) have fewer than {count}",
        f"{same.sum() / total:.1%} of the neighbours show the same object",
    ]
    if known[:, -1].any():
        nearest, last = (float(found.similarities[known[:, k], k].mean()) for k in (0, -1))
        lines.append(f"mean similarity {nearest:.3f} of the nearest, {last:.3f} of the last")
    return "\n".join(lines)


def _draw(found: "Candidates", images: "ImageSet") -> "np.ndarray":
    """Rows of a query and its neighbours, spread over the set; [h, w, 3] in [0, 1]."""
    import numpy as np

    from jaxrelic.data.image_sets import candidates
    from jaxrelic.viz import grids

    rows = np.unique(np.linspace(0, len(images) - 1, SHEET_QUERIES).astype(int))
    tiles = []
    for row in rows:
        query = images[int(row)]["image"] / 255
        tiles.append(query)
        for index in found.indices[row]:
            blank = np.ones_like(query)
            tiles.append(blank if index == candidates.NONE else images[int(index)]["image"] / 255)
    return grids.grid(tiles, columns=1 + found.indices.shape[1])
