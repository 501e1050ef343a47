"""What a step of One-2-3-45 draws of each view set, and what of it is kept in memory."""

import dataclasses

from jaxrelic.errors import UserError
from jaxrelic.models.one2345.model import Remat


@dataclasses.dataclass(frozen=True, kw_only=True)
class RaysConfig:
    """Rays and points of one view set; all but the first four leave what is learned as it is."""

    count: int = 512
    """Rays through pixels of the target view."""
    free_points: int = 1024
    """Points anywhere in the cube that should be far from a surface."""
    bound_rays: int = 2048
    """Rays on each of which three signed distances are compared with what depth and mask allow."""
    views_per_ray: int | None = None
    """Sources whose colours are blended, those nearest in direction to the target; None: all."""
    chunk: int | None = None
    """Rays drawn at a time and computed again for the gradient; None draws all at once."""
    remat: Remat = "nothing"
    """Part that is computed again for the gradient to save memory: nothing, the regularisation of
    the volume, or that and the image features (encoding)."""

    def __post_init__(self) -> None:
        leasts = {"count": 1, "free_points": 1, "bound_rays": 1, "views_per_ray": 2, "chunk": 1}
        for name, least in leasts.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"rays.{name} is {value}; set it to {least} or more")
