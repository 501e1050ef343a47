"""What shards are made from."""

import dataclasses

from data_engine.catalog.schema import Relic
from data_engine.rendering.poses import PoseSet
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What every data set is built from; the same source gives the same bytes."""

    render_id: str
    poses: PoseSet
    relics: tuple[Relic, ...]
    """Those with all their views, sorted by uid."""
    split_of: dict[str, str]
    """uid to split."""
    split_rule: str
    """How the splits came about, in words."""
    moved: dict[str, str] = dataclasses.field(default_factory=dict)
    """Clusters that were moved to fill an empty split (splits.assign_splits)."""

    has_shapes: bool = True
    """Whether the meshes are known; views imported from elsewhere come without them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardSource(Source):
    """Relics of a workspace, with the render folders and blobs that lie in it."""

    workspace: Workspace


def record_words(relic: Relic) -> dict[str, str]:
    """What must travel with the pictures of a relic: its name, terms and credit line."""
    return {
        "uid": relic.uid,
        "source": relic.source,
        "title": relic.title,
        "caption": relic.caption_en or relic.description,
        "license": relic.license_spdx,
        "attribution": relic.attribution,
        "source_url": relic.source_url,
    }
