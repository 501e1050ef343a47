"""COLMAP places the photographs of `render.py`; run it where pycolmap is, apart from jaxrelic.

    python -m venv APART && APART/bin/pip install pycolmap
    APART/bin/python scripts/colmap/solve.py FOLDER/NAME ...

Leaves in each folder: `sparse/0` (binary), `text/0` (the same as text), `dense` (undistorted
pictures and their binary model), `dense_text` (the model as text) and `dense_masks`. Features on
the CPU, inside the masks; exhaustive matching; incremental mapping; SIMPLE_RADIAL, one camera.
"""

import pathlib
import shutil
import sys

import pycolmap


def solve(folder: pathlib.Path) -> None:
    """Five models of one folder of photographs."""
    database, images = folder / "database.db", folder / "images"
    for name in ("database.db", "sparse", "text", "dense", "dense_text", "dense_masks"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    reader = pycolmap.ImageReaderOptions(camera_model="SIMPLE_RADIAL", mask_path=folder / "masks")
    extraction = pycolmap.FeatureExtractionOptions(num_threads=2, use_gpu=False)
    extraction.sift.peak_threshold = 0.002
    pycolmap.extract_features(
        database,
        images,
        camera_mode=pycolmap.CameraMode.SINGLE,
        reader_options=reader,
        extraction_options=extraction,
        device=pycolmap.Device.cpu,
    )
    matching = pycolmap.FeatureMatchingOptions(num_threads=2, use_gpu=False)
    pycolmap.match_exhaustive(database, matching_options=matching, device=pycolmap.Device.cpu)
    (folder / "sparse").mkdir()
    models = pycolmap.incremental_mapping(database, images, folder / "sparse")
    if not models:
        print(f"{folder}: COLMAP placed nothing", flush=True)
        return
    number, best = max(models.items(), key=lambda item: item[1].num_reg_images())
    if number != 0:
        (folder / "sparse" / "0").rename(folder / "sparse" / "smaller")
        (folder / "sparse" / str(number)).rename(folder / "sparse" / "0")
    print(f"{folder}: {best.num_reg_images()} of {len(list(images.iterdir()))} placed", flush=True)
    text(folder / "sparse" / "0", folder / "text" / "0")
    pycolmap.undistort_images(folder / "dense", folder / "sparse" / "0", images)
    text(folder / "dense" / "sparse", folder / "dense_text")
    undistort_masks(folder)


def text(model: pathlib.Path, to: pathlib.Path) -> None:
    """The same model as text."""
    to.mkdir(parents=True)
    pycolmap.Reconstruction(model).write_text(to)


def undistort_masks(folder: pathlib.Path) -> None:
    """Masks for the undistorted pictures: undistorted as they were, under their names."""
    named = folder / "masks_as_images"
    shutil.rmtree(named, ignore_errors=True)
    named.mkdir()
    for mask in (folder / "masks").iterdir():
        shutil.copy(mask, named / mask.stem)
    pycolmap.undistort_images(folder / "dense_of_masks", folder / "sparse" / "0", named)
    (folder / "dense_of_masks" / "images").rename(folder / "dense_masks")
    shutil.rmtree(folder / "dense_of_masks")
    shutil.rmtree(named)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        solve(pathlib.Path(argument))
