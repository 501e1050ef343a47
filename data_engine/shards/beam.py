"""The same shards from an Apache Beam pipeline, for as many machines as a runner has.

Every worker must see the workspace under the same path. Where a split fits into one file, its bytes
are those of a build without Beam; larger splits hold the same records, cut into files elsewhere.
"""

import dataclasses
import json
import pathlib
import shlex
from collections.abc import Callable, Iterator

import apache_beam as beam
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions

from data_engine.catalog.schema import Relic
from data_engine.shards.build import LayoutBuilder
from data_engine.shards.layouts import Layout
from data_engine.shards.source import Source
from data_engine.shards.splits import SPLITS

_REFUSED = "refused"


class BeamBuilder(LayoutBuilder, skip_registration=True):
    """Makes the records of a layout in a Beam pipeline."""

    # TFDS notes it in dataset_info.json, which should not tell how the records were made.
    __module__ = LayoutBuilder.__module__

    def __init__(self, *, options: str, dead_letters: pathlib.Path, **kwargs):
        """Takes what a `LayoutBuilder` takes, and where the pipeline runs.

        Args:
            options: Pipeline options of Beam in one line, such as `--runner=FlinkRunner`.
            dead_letters: File for the relics that could not be packed: a JSON line each.
            **kwargs: See `LayoutBuilder`.
        """
        super().__init__(**kwargs)
        self._options, self._dead_letters = options, dead_letters

    def download_and_prepare(self) -> None:
        """Runs the pipeline."""
        options = PipelineOptions(shlex.split(self._options))
        super().download_and_prepare(
            download_config=tfds.download.DownloadConfig(beam_options=options)
        )
        refused = len(read_dead_letters(self._dead_letters))
        self._on_relic(len(self._source.relics) - refused)

    def _split_generators(self, dl_manager, pipeline: beam.Pipeline) -> dict:
        """Named like this, the pipeline is handed over by TFDS; it is one for all splits."""
        records, refused = {}, []
        for split in SPLITS:
            relics = [r for r in self._source.relics if self._source.split_of[r.uid] == split]
            if relics:
                made = pipeline | f"make {split}" >> MakeRecords(
                    layout=self._layout, source=self._source, relics=relics
                )
                records[split] = made["records"]
                refused.append(made[_REFUSED])
        # One file, made whole at the end of the pipeline.
        _ = (
            refused
            | beam.Flatten()
            | beam.io.WriteToText(str(self._dead_letters), shard_name_template="")
        )
        return records


class MakeRecords(beam.PTransform):
    """Relics to records; what fails goes to a second output with its reason."""

    def __init__(self, *, layout: Layout, source: Source, relics: list[Relic]):
        """Takes the relics of one split."""
        super().__init__()
        # A worker is handed one relic at a time, not the whole catalog with each.
        slim = dataclasses.replace(source, relics=(), split_of={}, moved={})
        self._make, self._relics = _Make(layout, slim), relics

    def expand(self, pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        """Without the reshuffle, Beam fuses listing and making into one serial step."""
        made = (
            pipeline
            | beam.Create(self._relics)
            | beam.Reshuffle()
            | beam.ParDo(self._make).with_outputs(_REFUSED, main="records")
        )
        return {"records": made.records, _REFUSED: made[_REFUSED]}


class _Make(beam.DoFn):
    """All records of one relic, or its dead letter: never half of them."""

    def __init__(self, layout: Layout, source: Source):
        self._layout, self._source = layout, source

    def process(self, relic: Relic) -> Iterator:
        try:
            records = list(self._layout.records(self._source, relic))
        except Exception as error:  # A raised one is retried, then ends the whole pipeline.
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            letter = {"uid": relic.uid, "reason": reason}
            yield beam.pvalue.TaggedOutput(_REFUSED, json.dumps(letter, sort_keys=True))
        else:
            yield from records


def read_dead_letters(path: pathlib.Path) -> dict[str, str]:
    """Reasons by uid."""
    if not path.is_file():
        return {}
    letters = map(json.loads, path.read_text("utf-8").splitlines())
    return {letter["uid"]: letter["reason"] for letter in letters}


def beam_builder(options: str, dead_letters: pathlib.Path) -> Callable[..., BeamBuilder]:
    """What `build` makes its builder with."""
    return lambda **kwargs: BeamBuilder(options=options, dead_letters=dead_letters, **kwargs)
