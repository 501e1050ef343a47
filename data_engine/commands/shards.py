"""`data-engine shards`: rendered relics to TFDS data sets, with a contact sheet and credits."""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

import tyro

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.schema import Relic
from data_engine.errors import UserError
from data_engine.rendering import views
from data_engine.rendering.poses import read_poses
from data_engine.rights.contests import published
from data_engine.shards.source import ShardSource
from data_engine.shards.splits import SplitShares, assign_splits
from data_engine.workspace import Workspace

if TYPE_CHECKING:
    from data_engine.shards.layouts import Layout

STAGE = "shards"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shards:
    """Write the rendered relics as TFDS shards (ArrayRecord), then the reports."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    render_id: str = ""
    """Render to pack, when the workspace holds several; `renders/` lists them."""
    records: Literal["views", "views_depth", "one_view", "all_views"] = "views"
    """Content of a record. views: a relic with all its views, depth in millimetres and surface
    points (data set relic_views, for training with several views). views_depth: the same with exact
    float depth (render with --depth-m). one_view: one 64 px photograph of each relic. all_views: a
    record per photograph (data set relic_images, for single-view training; the words and surface
    points of the relics go to relic_shapes beside it)."""
    beam: bool = False
    """Make the records in an Apache Beam pipeline (pip install 'jaxrelic[beam]'). A relic that
    cannot be packed is then left out, with its reason, instead of ending the run."""
    beam_options: str = ""
    """Options of that pipeline in one line, such as --beam-options='--runner=FlinkRunner'; empty:
    Beam's DirectRunner, on this machine. Workers must see the workspace under the same path."""
    held_out: tyro.conf.OmitArgPrefixes[SplitShares] = dataclasses.field(
        default_factory=SplitShares
    )
    """Shares held out for validation and test."""


def run(args: Shards) -> None:
    """Builds the data set, marks its relics as sharded and writes the reports."""
    # TensorFlow Datasets takes seconds to import; `data-engine --help` need not wait for it.
    from data_engine.reports.write import write_reports
    from data_engine.shards.layouts import layouts

    source, refused = shard_source(args), {}
    for layout in layouts(source, args.records):
        target, dead_letters = _build(source, layout, args)
        refused |= dead_letters
        counts = collections.Counter(
            split for uid, split in source.split_of.items() if uid not in dead_letters
        )
        print(f"{target}: " + ", ".join(f"{counts[name]} {name}" for name in sorted(counts)))
    for uid, reason in sorted(refused.items()):
        print(f"left out {uid}: {reason}")
    packed = [relic for relic in source.relics if relic.uid not in refused]
    record_splits(source.workspace, packed, source.split_of)
    take_back(source.workspace, refused)
    for path in write_reports(source.workspace, source.render_id, source.poses):
        print(path)


def _build(
    source: ShardSource, layout: "Layout", args: Shards
) -> tuple[pathlib.Path, dict[str, str]]:
    """Builds one data set; returns its directory, and why which relics are not in it."""
    from data_engine.shards.build import build

    root = source.workspace.shards
    if not args.beam:
        return build(source, layout, root), {}
    try:
        from data_engine.shards import beam
    except ImportError as error:
        raise UserError(
            f"Apache Beam cannot be imported ({error}); pip install 'jaxrelic[beam]', or leave out "
            "--beam"
        ) from error
    dead_letters = source.workspace.reports / f"{layout.name}-left-out.jsonl"
    dead_letters.unlink(missing_ok=True)
    target = build(source, layout, root, beam.beam_builder(args.beam_options, dead_letters))
    return target, beam.read_dead_letters(dead_letters)


def shard_source(args: Shards) -> ShardSource:
    """The relics to pack and the split of each."""
    workspace = Workspace(args.workspace, create=False)
    workspace.check_writable()
    render_id = choose_render(workspace, args.render_id)
    relics = rendered_relics(workspace, render_id)
    if strangers := [relic.uid for relic in relics if not relic.cluster]:
        raise UserError(
            f"{strangers[0]} ({len(strangers)} relics) was not compared with the others, so one "
            "object might train and test; run `data-engine validate` first"
        )
    split_of, moved = assign_splits({relic.uid: relic.cluster for relic in relics}, args.held_out)
    return ShardSource(
        workspace=workspace,
        render_id=render_id,
        poses=read_poses(workspace.renders / render_id / "poses.json"),
        relics=tuple(relics),
        split_of=split_of,
        moved=moved,
        split_rule=args.held_out.rule(),
    )


def choose_render(workspace: Workspace, wanted: str) -> str:
    """The render asked for, or the only one there is."""
    present = sorted(path.parent.name for path in workspace.renders.glob("*/poses.json"))
    if wanted in present:
        return wanted
    if not wanted and len(present) == 1:
        return present[0]
    if not present:
        raise UserError(f"nothing is rendered in {workspace.root}; run `data-engine render` first")
    problem = f"no render {wanted}" if wanted else f"{len(present)} renders"
    choice = " | ".join(name + _settings_in_words(workspace.renders / name) for name in present)
    raise UserError(f"{problem} in {workspace.root}; choose --render-id {choice}")


def _settings_in_words(folder: pathlib.Path) -> str:
    path = folder / "settings.json"
    if not path.is_file():
        return ""
    settings = json.loads(path.read_text("utf-8"))
    return f" ({settings.get('engine')}, {settings.get('poses')}, {settings.get('size')} px)"


def rendered_relics(workspace: Workspace, render_id: str) -> list[Relic]:
    """Relics whose views under this render are complete, as published, sorted by uid."""
    with Catalog(workspace.catalog_path) as catalog:
        relics = list(map(published, catalog.relics(("rendered", "sharded"))))
    return [
        relic
        for relic in relics
        if (meta := views.read_meta(workspace.render_dir(render_id, relic.uid)))
        and meta["glb_sha256"] == relic.glb_sha256
    ]


def record_splits(workspace: Workspace, relics: Sequence[Relic], split_of: dict[str, str]) -> None:
    """Moves the relics to `sharded`; those that are there with the same split stay untouched."""
    with Catalog(workspace.catalog_path) as catalog:
        for relic in relics:
            if (relic.state, relic.split) != ("sharded", split_of[relic.uid]):
                catalog.finish(relic.uid, STAGE, "sharded", split=split_of[relic.uid])


def take_back(workspace: Workspace, refused: Collection[str]) -> None:
    """Moves relics that an earlier run packed and this one could not back to `rendered`."""
    with Catalog(workspace.catalog_path) as catalog:
        for uid in sorted(refused):
            if catalog.get(uid).state == "sharded":
                catalog.finish(uid, STAGE, "rendered")
