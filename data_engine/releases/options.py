"""What a release says of itself."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseOptions:
    """Facts that a catalog cannot know."""

    name: str = "relics"
    """Name of the data set."""
    release_version: str = "1.0.0"
    """Version of this release, MAJOR.MINOR.PATCH; raise it when relics were added or removed."""
    url: str = ""
    """Page of the data set, where it has one."""
    contact: str = ""
    """Address or page for requests to remove a relic."""
