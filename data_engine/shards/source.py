"""What shards are made from."""

import dataclasses

from data_engine.catalog_schema import Relic
from data_engine.rendering.poses import PoseSet
from data_engine.splits import SplitShares
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardSource:
    """Everything a build reads; the same source gives the same bytes."""

    workspace: Workspace
    render_id: str
    poses: PoseSet
    relics: tuple[Relic, ...]
    """Those with a complete render folder, sorted by uid."""
    split_of: dict[str, str]
    """uid to split."""
    moved: dict[str, str]
    """Clusters that were moved to fill an empty split (splits.assign_splits)."""
    shares: SplitShares
    """How much was held out."""

    @property
    def has_shapes(self) -> bool:
        """Whether the meshes are known; views imported from elsewhere come without them."""
        return all(relic.glb_sha256 for relic in self.relics)
