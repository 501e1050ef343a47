"""Writes a data set with TFDS: ArrayRecord files, the same bytes for the same source.

TensorFlow is not needed: images enter as PNG bytes. `tfds.builder_from_directory` reads the result
without this module.
"""

import contextlib
import filecmp
import io
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

import tensorflow_datasets as tfds

from data_engine.errors import UserError
from data_engine.rendering import views
from data_engine.shards.canonical import CanonicalWriter
from data_engine.shards.layouts import LAYOUT_VERSION, Layout
from data_engine.shards.source import Source
from data_engine.shards.splits import SPLITS
from data_engine.text.progress import progress
from data_engine.workspace import remove_leftovers

_BUILDING = ".building-"


class LayoutBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Writes one `Layout`; it has no place among the data sets that TFDS knows by name."""

    VERSION = tfds.core.Version(LAYOUT_VERSION)
    RELEASE_NOTES = {LAYOUT_VERSION: "First layout."}  # noqa: RUF012 - TFDS reads a plain dict here

    def __init__(self, *, layout: Layout, source: Source, on_relic: Callable[[], None], **kwargs):
        """Takes what to write besides the arguments of every TFDS builder."""
        self.name = layout.name
        self._layout, self._source, self._on_relic = layout, source, on_relic
        config = tfds.core.BuilderConfig(name=layout.config, version=LAYOUT_VERSION)
        super().__init__(config=config, file_format="array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(self._layout.features(self._source)),
            description=self._layout.description,
            metadata=tfds.core.MetadataDict(
                render_id=self._source.render_id,
                split_rule=self._source.split_rule,
                split_moved=self._source.moved,
            ),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        used = set(self._source.split_of.values())
        return {split: self._generate_examples(split) for split in SPLITS if split in used}

    def _example_writer(self) -> CanonicalWriter:
        return CanonicalWriter(self.info.file_format)

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict]]:
        source = self._source
        for relic in source.relics:
            if source.split_of[relic.uid] == split:
                try:
                    yield from self._layout.records(source, relic)
                except FileNotFoundError as error:
                    raise UserError(f"{error.filename} is missing; {views.REMEDY}") from error
                self._on_relic()


def build(
    source: Source,
    layout: Layout,
    root: pathlib.Path,
    make_builder: Callable[..., LayoutBuilder] = LayoutBuilder,
) -> pathlib.Path:
    """Writes the data set beside its place, then moves it there whole; identical ones stay.

    Args:
        source: What it is made from.
        layout: Which data set.
        root: Folder of all data sets, `shards` of a workspace.
        make_builder: `LayoutBuilder`, or one that does the same elsewhere.

    Returns:
        The directory that `tfds.builder_from_directory` opens.
    """
    if not source.relics:
        raise UserError("no relic is rendered with these settings; run `data-engine render` first")
    target = root / layout.name / layout.config / LAYOUT_VERSION
    with (
        building_folder(root) as temporary,
        progress(len(source.relics), stage=f"shards {layout.name}", unit="relic") as bar,
        quiet_tfds(),
    ):
        builder = make_builder(
            layout=layout, source=source, on_relic=bar.update, data_dir=temporary
        )
        builder.download_and_prepare()
        replace(pathlib.Path(builder.data_dir), target)
    return target


@contextlib.contextmanager
def building_folder(root: pathlib.Path) -> Iterator[str]:
    """A folder for half-made data sets beside the finished; those of killed runs are swept away."""
    remove_leftovers(root, _BUILDING)
    prefix = f"{_BUILDING}{os.getpid()}-"
    with tempfile.TemporaryDirectory(dir=root, prefix=prefix) as folder:
        yield folder


@contextlib.contextmanager
def quiet_tfds() -> Iterator[None]:
    """TFDS prints where it works and warns of custom configs; ours says what matters."""
    tfds.disable_progress_bar()
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        absl.setLevel(level)


def replace(built: pathlib.Path, target: pathlib.Path) -> None:
    """Moves a built data set to its place, unless the one there has the same bytes."""
    if target.is_dir() and _same_files(built, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    retired = built.with_name("retired")  # In the temporary folder, which is deleted afterwards
    if target.exists():
        os.rename(target, retired)
    os.rename(built, target)
    shutil.rmtree(retired, ignore_errors=True)


def _same_files(a: pathlib.Path, b: pathlib.Path) -> bool:
    names = sorted(path.name for path in a.iterdir())
    if names != sorted(path.name for path in b.iterdir()):
        return False
    return all(filecmp.cmp(a / name, b / name, shallow=False) for name in names)
